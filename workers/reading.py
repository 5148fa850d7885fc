"""One turn of reading: what one job of the reading queue does, message after message, each within its own limits."""

from __future__ import annotations

import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.actions import inbox
from service.wiring import Wiring

# A job of its own for each message took longer to begin than to read it: 22 a second. A turn is short: who posts waits for
# its end, and so does who asks the worker to stop.
TURN = 10.0
# What one message may take, requirements.md S14 and issue 3. Its raw bytes are read before, 25 MB at most.
SECONDS = 30.0
MEGABYTES = 300


def take_turn(wiring: Wiring, message_id: int) -> None:
    """Read the message that the bell was rung for, then others that wait, for a while.

    Who reads after us is called before the first one is read: a message that ends this process ends its own attempt alone.
    """
    with wiring.reading() as session:
        following = inbox.next_waiting(session, now=wiring.now())
    if following is not None:
        wiring.queue.ring("read", following)
    ends = time.monotonic() + TURN
    inbox.read(wiring.sessions, wiring.reader, message_id, now=wiring.now, within=limits)
    while time.monotonic() < ends:
        if inbox.read_next(wiring.sessions, wiring.reader, now=wiring.now, within=limits) is None:
            return


@contextmanager
def limits() -> Iterator[None]:
    """Give one message its time and its memory: beyond the one the kernel ends this process, beyond the other MemoryError.

    An exception of a signal would wait for the end of whatever a library does in C, and be swallowed by who catches all.
    """
    began, handler = time.monotonic(), signal.signal(signal.SIGALRM, signal.SIG_DFL)
    of_the_job, _ = signal.setitimer(signal.ITIMER_REAL, SECONDS)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_most_address_space(hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if of_the_job:
            signal.setitimer(signal.ITIMER_REAL, max(of_the_job - (time.monotonic() - began), 0.001))


def _most_address_space(hard: int) -> int:
    """Give in bytes what this process may map: what it maps now, and what its resident set may still grow by."""
    mapped, resident = (int(one) * resource.getpagesize() for one in Path("/proc/self/statm").read_text().split()[:2])
    most = mapped + max(MEGABYTES * 2**20 - resident, 0)
    return most if hard == resource.RLIM_INFINITY else min(most, hard)
