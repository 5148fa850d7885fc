"""A signal may come at any step of the wait that it is to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from service.setting_values import ROOT

# Ends by itself, at the signal that it sends itself at the n-th line of the wait; SIGALRM ends one that hears nothing.
WAITING = """
import os, signal, sys
from service.signal_event import SignalEvent
event, left = SignalEvent(), int(sys.argv[1])
signal.signal(signal.SIGTERM, lambda *_: event.set())
signal.alarm(20)
def count(frame, what, _):
    global left
    if what == "line" and left >= 0:
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGTERM)
    return count
sys.settrace(count)
heard = event.wait(float(sys.argv[2]))
sys.settrace(None)
print("heard" if heard else "late" if event.is_set() else "nothing", left < 0, flush=True)
"""


@pytest.mark.parametrize("line", range(6))
def test_a_wait_is_ended_by_a_handler_that_interrupts_it_at_any_line(line: int) -> None:
    said = subprocess.run(
        [sys.executable, "-c", WAITING, str(line), "0.1"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    # There are two lines; `threading.Event` has more, and waits for ever from the third on.
    assert (said.returncode, said.stdout) == (0, "heard True\n" if line < 2 else "nothing False\n")


def test_a_signal_that_comes_while_we_wait_ends_the_wait() -> None:
    command = [sys.executable, "-c", WAITING.replace("heard =", "print('waits', flush=True); heard ="), "-1", "30"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "waits\n"
        os.kill(waiting.pid, signal.SIGTERM)
        assert waiting.stdout.read().startswith("heard")
    assert waiting.returncode == 0
