"""One sending job at the wire: its connection, its name on the leases, and when it must stop."""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from service.actions.sending import Stream
from service.kinship import end_with_parent
from service.wiring import Wiring

# A job works for a minute at most, so that a restart or another campaign never waits long.
_WORK_SECONDS = 60.0
# SQLite has one writer: without this pause a page that saves waits for seconds (p95 1.9 ms with it, architecture.md).
_SQLITE_PAUSE = 0.01


class Turn:
    """A job's turn: over after a minute, or as soon as somebody asks it to end."""

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._until = time.monotonic() + _WORK_SECONDS
        self._asked_to_end = False

    def end(self, _signal: int, _frame: FrameType | None) -> None:
        """Take SIGTERM as a wish: the message at the wire is settled first."""
        self._asked_to_end = True

    def go_on(self) -> bool:
        """Let other writers pass, and say whether the next message may leave."""
        time.sleep(self._pause)
        return not self._asked_to_end and time.monotonic() < self._until


@contextmanager
def at_the_wire(wiring: Wiring) -> Iterator[Stream]:
    """Open what a sending job needs, in the work-horse and never before the fork."""
    turn = Turn(_SQLITE_PAUSE if wiring.engine.dialect.name == "sqlite" else 0.0)
    before = signal.signal(signal.SIGTERM, turn.end)
    end_with_parent(os.getppid())
    outbox = wiring.outbox()
    try:
        owner = f"{os.uname().nodename}/{os.getpid()}/{secrets.token_hex(8)}"
        yield Stream(wiring.sessions, outbox, wiring.office, owner, wiring.now, turn.go_on)
    finally:
        outbox.close()
        signal.signal(signal.SIGTERM, before)
        wiring.engine.dispose()
