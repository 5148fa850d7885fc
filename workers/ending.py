"""How a process ends: SIGTERM is a wish, heard between two transactions, or at once where we only wait for the wire."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from service.signal_event import SignalEvent


class Ending:
    """The wish to end. An exception out of a signal handler may strike in the middle of a query and be lost there:
    psycopg then refuses the rollback, and that refusal hides it (seen one time in ten on PostgreSQL).
    """

    def __init__(self) -> None:
        self._asked = SignalEvent()
        self._interruptible = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    @property
    def asked(self) -> bool:
        """Whether somebody asked this process to end."""
        return self._asked.is_set()

    def sleep(self, seconds: float) -> None:
        """Wait, or return at once when asked to end."""
        self._asked.wait(seconds)

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Let the wish end the process at once: only around what waits for the wire and holds no transaction."""
        self._interruptible = True
        try:
            if self.asked:
                sys.exit(0)
            yield
        finally:
            self._interruptible = False

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked.set()
        if self._interruptible:
            sys.exit(0)
