"""How do several processes run as one: started together, started again when one dies, ended in order, none left behind?"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from service import kinship
from service.signal_event import SignalEvent

# A message at the wire may need 30 s to be finished (workers/crew.py): who supervises waits longer.
GRACE = 35.0
_LONGEST_PAUSE = 30.0
_PROVEN = 60.0  # seconds after which a process has shown that it can run: its next death is a new story
_HEAD_START = 2.0  # seconds that a process has to end before the next one is asked to
_TICK = 0.1
_RELEASE = "release"
# Who hears first that it is over: nothing new comes in, what is being done is finished, the clock goes last.
_ORDER = ("web", "inbox", "worker", "clock")

Told = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Program:
    """One process to run: its command, the sockets it inherits, and whether it ends by itself."""

    name: str
    command: tuple[str, ...]
    descriptors: tuple[int, ...] = ()
    once: bool = False


@dataclass(slots=True)
class _Place:
    """What became of one program: its process, and when it may be started again."""

    program: Program
    process: subprocess.Popen[str] | None = None
    started: float = 0.0
    pause: float = 0.0
    not_before: float = 0.0


def programs_of(procfile: Path) -> tuple[Program, list[Program]]:
    """Read a Procfile: what runs first and must succeed (`release`), and what then runs for good."""
    found = [
        Program(name.strip(), tuple(shlex.split(command)))
        for name, colon, command in (line.partition(":") for line in procfile.read_text(encoding="utf-8").splitlines())
        if colon and not name.lstrip().startswith("#")
    ]
    release = next((one for one in found if one.name == _RELEASE), None)
    if release is None:
        raise ValueError(f"{procfile} names no {_RELEASE}: add the command that prepares the database.")
    return release, [one for one in found if one is not release]


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def answers(host: str, port: int) -> bool:
    """Whether a server listens there."""
    with suppress(OSError), socket.create_connection((host, port), timeout=1.0):
        return True
    return False


class Supervisor:
    """Runs programs, each in a session of its own, until it is told to stop; must be used from the main thread.

    The kernel tells the programs when the *thread* that started them ends: with us, even by kill -9, they end.
    """

    def __init__(
        self, programs: Sequence[Program], *, folder: Path, told: Told, environment: Mapping[str, str] | None = None
    ) -> None:
        self._places = [_Place(program) for program in programs]
        self._folder = folder
        self._told = told
        self._environment = environment
        self._stopping = SignalEvent()
        self._impatient = False

    @property
    def is_stopping(self) -> bool:
        """Whether somebody asked for the end."""
        return self._stopping.is_set()

    def add(self, program: Program) -> None:
        """Run one more program; from the main thread (`when_ready`)."""
        self._places.append(_Place(program))

    def run_once(self, program: Program) -> bool:
        """Run a program to its end, and say whether it succeeded; a signal to stop ends it."""
        with self._signals():
            place = _Place(program)
            self._start(place)
            assert place.process is not None
            while place.process.poll() is None and not self._stopping.wait(_TICK):
                pass
            self._end([place])
            return place.process.returncode == 0 and not self._stopping.is_set()

    def run(self, *, ready: Callable[[], bool] = lambda: False, when_ready: Callable[[], None] = lambda: None) -> None:
        """Start everything and see to it until SIGINT or SIGTERM; then end everything.

        `ready` is asked until it is true, and `when_ready` called then, once.
        """
        is_ready = False
        with self._signals():
            try:
                while not self._stopping.is_set():
                    for place in self._places:
                        self._tend(place)
                    if not is_ready and ready():
                        is_ready = True
                        when_ready()
                    self._stopping.wait(_TICK)
            finally:
                self._end(sorted(self._places, key=_turn))

    def stop(self) -> None:
        """Ask `run` to end; a second time: without waiting for what is being done."""
        self._impatient = self._stopping.is_set()
        self._stopping.set()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def heard(_number: int, _frame: FrameType | None) -> None:
            self.stop()

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = [signal.signal(number, heard) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def _tend(self, place: _Place) -> None:
        """Start what has not run yet, and what died and has paused long enough."""
        now = time.monotonic()
        process = place.process
        if process is not None and process.poll() is not None:
            place.process = None
            if place.program.once:
                place.not_before = float("inf")
                return
            place.pause = 1.0 if now - place.started > _PROVEN else min(max(place.pause * 2, 1.0), _LONGEST_PAUSE)
            place.not_before = now + place.pause
            self._told(place.program.name, f"ended (code {process.returncode}); started again in {place.pause:.0f} s")
        if place.process is None and now >= place.not_before:
            self._start(place)

    def _start(self, place: _Place) -> None:
        program = place.program
        process = subprocess.Popen(  # noqa: S603  what the Procfile names
            kinship.tied(program.command),
            cwd=self._folder,
            env=None if self._environment is None else dict(self._environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            pass_fds=program.descriptors,
            start_new_session=True,
        )
        place.process, place.started = process, time.monotonic()
        assert process.stdout is not None
        threading.Thread(target=self._tell, args=(program.name, process.stdout), daemon=True).start()

    def _tell(self, name: str, lines: IO[str]) -> None:
        with lines:
            for line in lines:
                self._told(name, line.rstrip("\n"))

    def _end(self, places: Sequence[_Place]) -> None:
        """Ask one after the other to end, wait for all, and kill what has not ended by then."""
        running = [place.process for place in places if place.process is not None]
        end = time.monotonic() + GRACE
        for process in running:
            process.terminate()
            self._wait(process, min(end, time.monotonic() + _HEAD_START))
        for process in running:
            self._wait(process, end)
        for process in running:
            self._kill(process)
            process.wait()

    def _wait(self, process: subprocess.Popen[str], until: float) -> None:
        while process.poll() is None and time.monotonic() < until and not self._impatient:
            time.sleep(0.02)

    def _kill(self, process: subprocess.Popen[str]) -> None:
        """End whatever is left in the session of a process."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _turn(place: _Place) -> int:
    """Programs of no known name (the demo's post office, which takes the last mails) end after those of the Procfile."""
    name = place.program.name
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)
