"""Sending processes for tests: forked one a job from a loaded program, as RQ forks its work-horses, without its waits.

`python -m tests.parts.stable [LEASE [CLOCK]]` reads a command a line ("send 3", "post 4", "tick") and says "began PID",
then "ended STATUS". LEASE, in seconds, makes the leases shorter than the product's, with a quarter of it to spare; 0 leaves
them. CLOCK is a file that says by how many seconds the clock of the machine is wrong, looked at each time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from pathlib import Path

from sqlalchemy.orm import configure_mappers

from service.actions import leases
from service.setting_values import ROOT
from service.settings import Need
from service.wiring import Wiring, wire
from workers import clock, jobs

_JOBS: dict[str, Callable[[int], None]] = {"send": jobs.send, "post": jobs.post}


@dataclass
class Stable:
    """One such program: one process at work at a time."""

    process: subprocess.Popen[str]

    def begin(self, job: str, *ids: int) -> int:
        """Let a process begin a job, and return the number of the process."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, (job, *ids))) + "\n")
        self.process.stdin.flush()
        return self._told("began")

    def ended(self) -> int:
        """Wait for the end of the job: 0 when it went well, a negative number for the signal that killed it."""
        return self._told("ended")

    def run(self, job: str, *ids: int) -> int:
        self.begin(job, *ids)
        return self.ended()

    def _told(self, word: str) -> int:
        assert self.process.stdout is not None
        said, _, number = self.process.stdout.readline().partition(" ")
        assert said == word, f"the stable said {said!r} instead of {word!r}"
        return int(number)


@contextmanager
def stable(
    environment: dict[str, str], told: Path, *, lease: float = 0.0, clock: Path | None = None
) -> Iterator[Stable]:
    """Run such a program on these settings until the block ends; what its processes say goes to the file `told`."""
    command = [sys.executable, "-m", "tests.parts.stable", str(lease), *([str(clock)] if clock else [])]
    with told.open("ab") as log:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield Stable(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait(40)
        process.stdout.close()


def _tick() -> None:
    """Do what the clock does once a second, without its wait."""
    wiring = wire(Need.STORES | Need.KEYS | Need.WRITING)
    clock.take_in_logs(wiring)
    for act in (clock.recover, clock.begin_due):
        with wiring.sessions.begin() as session:
            act(wiring, session)
    wiring.engine.dispose()


def _serve() -> None:
    for line in sys.stdin:
        job, *ids = line.split()
        child = os.fork()
        if not child:
            _work(job, ids)
        print(f"began {child}", flush=True)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(f"ended {status}", flush=True)


def _work(job: str, ids: list[str]) -> None:
    try:
        if job == "tick":
            _tick()
        else:
            _JOBS[job](*map(int, ids))
    except Exception:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    if len(sys.argv) > 1 and float(sys.argv[1]):
        leases.LEASE = timedelta(seconds=float(sys.argv[1]))
        leases.TO_SPARE = leases.LEASE / 4
    if len(sys.argv) > 2:
        wrong, right = Path(sys.argv[2]), Wiring.now
        Wiring.now = lambda self: right(self) + timedelta(seconds=float(wrong.read_text()))  # type: ignore[method-assign]
    # What each process would load anew.
    for name in ("psycopg", "service.gateways.queue", "service.gateways.smtp", "service.gateways.send_log"):
        import_module(name)
    configure_mappers()
    _serve()
