"""One sending job at the wire: its connections, its log, its name on the leases, and when it must stop."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

import structlog
from sqlalchemy.exc import DBAPIError

from service import db
from service.actions import claims, relays
from service.actions.desk import Process
from service.actions.sending import Sending
from service.kinship import end_with_parent
from service.wiring import Wiring

# A job works for a minute at most, so that a restart or another campaign never waits long.
_WORK_SECONDS = 60.0
# Asked to end, it waits so long for what is at the wire; who supervises waits 30 s (workers/crew.py).
_LAST_WORDS_SECONDS = 25.0
# Its worker is gone: nobody supervises it, another takes the worker's place, and it must not be there in 5 s (R13).
_ORPHANED_SECONDS = 3.0
# Seconds that the thread at the wire keeps the interpreter while the clerk's wants it, where the database is a server: after
# each of its words the clerk waits for its turn, ten times a window, and the wire at last for the clerk. 5 ms is usual; with
# this 6 % more mail leaves (four pairs of runs).
_TURN_OF_THE_WIRE = 0.0005
# SQLite has one writer: without this pause a page that saves waits for seconds (p95 1.9 ms with it, architecture.md).
_SQLITE_PAUSE = 0.01
log = structlog.get_logger(__name__)


class Turn:
    """A job's turn: over after a minute, or as soon as somebody asks it to end."""

    def __init__(self) -> None:
        self._until = time.monotonic() + _WORK_SECONDS
        self._given_up_at: float | None = None
        self._parent = os.getppid()

    def end(self, _signal: int, _frame: FrameType | None) -> None:
        """Take SIGTERM as a wish: what is at the wire is settled first. The kernel sends it too when our parent dies."""
        is_orphan = os.getppid() != self._parent
        given_up_at = time.monotonic() + (_ORPHANED_SECONDS if is_orphan else _LAST_WORDS_SECONDS)
        self._given_up_at = given_up_at if self._given_up_at is None else min(self._given_up_at, given_up_at)

    def go_on(self) -> bool:
        """Say whether the next message may leave."""
        return self._given_up_at is None and time.monotonic() < self._until

    def must_end(self) -> bool:
        """Say whether the wire must be given up at once."""
        return self._given_up_at is not None and time.monotonic() > self._given_up_at


@contextmanager
def at_the_wire(wiring: Wiring, campaign_id: int | None = None) -> Iterator[Sending]:
    """Open what a sending job needs, in the work-horse and never before the fork."""
    # What is loaded stays until the job ends, and a window of rows is no garbage: looking for it took 5 % of a job.
    gc.freeze()
    gc.set_threshold(20_000)
    db.end_sleeping_transactions(wiring.engine)
    turn = Turn()
    before = signal.signal(signal.SIGTERM, turn.end)
    turn_of_threads = sys.getswitchinterval()
    end_with_parent(os.getppid())
    log = wiring.send_log()
    settled = False
    try:
        if wiring.engine.dialect.name != "sqlite":
            sys.setswitchinterval(_TURN_OF_THE_WIRE)
        process = Process(
            sessions=wiring.sessions,
            log=log,
            connections=wiring.settings.send_connections,
            now=wiring.now,
            uptime=partial(time.clock_gettime, time.CLOCK_BOOTTIME),
            go_on=turn.go_on,
            must_end=turn.must_end,
            rules=wiring.rules,
            retries=wiring.settings.retries,
            pause=_SQLITE_PAUSE if wiring.engine.dialect.name == "sqlite" else 0.0,
            more_hands=partial(_call_the_idle, wiring, campaign_id),
        )
        outbox = wiring.outbox(pipelining_trusted=_is_trusted(wiring), on_distrust=partial(_distrust, wiring))
        yield Sending(process, outbox, wiring.office, wiring.printer())
        settled = True
    finally:
        # A log with something unsettled is read by whoever comes next.
        log.close(settled=settled)
        signal.signal(signal.SIGTERM, before)
        sys.setswitchinterval(turn_of_threads)
        wiring.engine.dispose()


def _is_trusted(wiring: Wiring) -> bool:
    """Whether no sending process has found that the relay loses count, since the workers were started."""
    with wiring.reading() as session:
        return relays.distrusted_since(session, wiring.relay_address) is None


def _distrust(wiring: Wiring) -> None:
    """Tell all other jobs; where the database cannot be written to, this job knows it alone, and the next finds out anew."""
    try:
        with wiring.sessions.begin() as session:
            relays.distrust(session, wiring.relay_address, now=wiring.now())
    except DBAPIError as error:
        log.warning("relay.distrust_not_kept", error=type(error.orig).__name__)


def _call_the_idle(wiring: Wiring, campaign_id: int | None) -> None:
    """Call one idle sender to a large campaign; who comes calls the next: all senders of all machines share it."""
    if campaign_id is None:
        return
    with wiring.reading() as session:
        are_many = claims.are_many(session, campaign_id)
    if are_many:
        wiring.queue.ring_the_idle("send", campaign_id)
