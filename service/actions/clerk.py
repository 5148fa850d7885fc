"""The clerk of a sending process: writes in the database, here or beside the wire, and tries again (sending.md, step 7)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic, sleep
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

T = TypeVar("T")

# How long each new try of a transaction waits, in seconds: the database may be taken by a large import, or restarting.
_PATIENCE = (0.2, 1.0, 3.0, 10.0, 30.0)


@dataclass
class Clerk:
    """Runs one transaction after the other; a mail that left must be written down."""

    sessions: sessionmaker[Session]
    # Seconds to leave the database to others after a commit, before the next one: SQLite has one writer.
    pause: float = 0.0
    _thread: ThreadPoolExecutor | None = None
    # When the next transaction may begin, by the clock of `monotonic`.
    _not_before: float = 0.0

    def begin(self, act: Callable[[Session], T]) -> Future[T]:
        """Run a transaction beside the wire, which goes on meanwhile."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="clerk")
        return self._thread.submit(self.run, act)

    def run(self, act: Callable[[Session], T]) -> T:
        """Run a transaction, and run it again when the database was busy or gone: `act` may run twice.

        A COMMIT that errors is unknown (sending.md, step 7). Raises DBAPIError when nothing has helped, and at once when
        the database is there and refuses.
        """
        for pause in _PATIENCE:
            try:
                return self._once(act)
            except DBAPIError as error:
                if not isinstance(error, OperationalError) and not error.connection_invalidated:
                    raise
                sleep(pause)
        return self._once(act)

    def close(self) -> None:
        """Let the thread end."""
        if self._thread is not None:
            self._thread.shutdown()

    def _once(self, act: Callable[[Session], T]) -> T:
        # Here and not after the commit: who waits for what was done has it at once.
        if self.pause and (early := self._not_before - monotonic()) > 0:
            sleep(early)
        with self.sessions.begin() as session:
            result = act(session)
        self._not_before = monotonic() + self.pause
        return result
