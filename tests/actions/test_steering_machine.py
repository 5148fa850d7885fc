"""R15, I1–I4: a bounded run of the state machine; `python -m tests.long.steering` runs it for as long as one likes."""

from __future__ import annotations

import pytest

from tests.actions.steering_machine import run
from tests.parts.postgres import PostgresServer


@pytest.mark.parametrize(("database", "examples"), [("sqlite", 5), ("postgresql", 4)])
def test_r15_whatever_is_done_at_whatever_moment_i1_to_i4_hold(
    request: pytest.FixtureRequest, database: str, examples: int
) -> None:
    server: PostgresServer | None = None
    if database == "postgresql":
        server = request.getfixturevalue("postgres_of_the_run")
    told = run(examples, 25, server=server, derandomize=True)
    assert told["messages"]
    assert told["resend after a doubt"]
