"""R15, I1–I4: a bounded run of the state machine; `python -m tests.long.steering` runs it for as long as one likes."""

from __future__ import annotations

from tests.actions.steering_machine import run


def test_r15_whatever_is_done_at_whatever_moment_i1_to_i4_hold() -> None:
    told = run(15, 25, derandomize=True)
    assert told["messages"]
