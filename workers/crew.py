"""The crew: the RQ workers that one `pli worker` starts, watches, and ends with itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

import structlog
from sqlalchemy.exc import DBAPIError

from service.actions import pulse, relays
from service.ports import POSTING, READING, SENDING
from service.wiring import Wiring
from workers.ending import Ending

# A message at the wire may need its time; who supervises us must wait longer than this (architecture.md: 35 s).
GRACE = 30.0
_BEAT = 5.0
_TICK = 0.2
log = structlog.get_logger(__name__)

# Answers to people come before campaigns, and the first worker of several never sends one: a reply is read at once.
# What posts is short and one person waits for it; reading goes on while anything is there to be read.
EVERYTHING = (POSTING, READING, SENDING)
ANSWERING = (POSTING, READING)


def run(wiring: Wiring, processes: int, ending: Ending) -> None:
    """Keep `processes` workers at work until this process is asked to end, then let them finish their message."""
    _trust_again(wiring)
    assignments = [ANSWERING, *[EVERYTHING] * (processes - 1)] if processes > 1 else [EVERYTHING]
    crew = [_start(queues) for queues in assignments]
    beaten = 0.0
    try:
        while not ending.asked:
            for place, worker in enumerate(crew):
                if worker.poll() is not None:
                    log.warning("worker.ended", code=worker.returncode, next="started again in 1 s")
                    ending.sleep(1.0)
                    crew[place] = _start(assignments[place])
            if time.monotonic() - beaten > _BEAT:
                _beat(wiring)
                beaten = time.monotonic()
            ending.sleep(_TICK)
    finally:
        _end(crew)


def _trust_again(wiring: Wiring) -> None:
    """Let the relay be given several commands at once again: what it did before our start may have been mended."""
    try:
        with wiring.sessions.begin() as session:
            relays.trust_again(session)
    except DBAPIError as error:
        log.warning("worker.no_database", error=type(error.orig).__name__)


def _start(queues: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "workers", "serve", str(os.getpid()), *queues])  # noqa: S603 (ourselves)


def _end(crew: Sequence[subprocess.Popen[bytes]]) -> None:
    for worker in crew:
        worker.terminate()
    end = time.monotonic() + GRACE
    for worker in crew:
        try:
            worker.wait(max(0.1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def _beat(wiring: Wiring) -> None:
    try:
        with wiring.sessions.begin() as session:
            pulse.beat(session, pulse.WORKER, now=wiring.now())
    except DBAPIError as error:
        log.warning("worker.no_database", error=type(error.orig).__name__)
