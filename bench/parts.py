"""What a benchmark stands on: the sink, postfix's smtp-source, and what the machine itself can do."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Measure:
    """One sending, measured: how many mails, in how many seconds, and what it took."""

    mails: int
    seconds: float
    # Of the sending processes: the largest resident set, in megabytes, and the processor's seconds, all together.
    memory: float | None = None
    cpu: float | None = None
    # From the bell to the first claim, in seconds.
    start: float | None = None

    @property
    def rate(self) -> float:
        """Mails a second."""
        return self.mails / self.seconds


@dataclass
class Sink:
    """A relay that takes everything; `taken` holds what it counted once it has ended."""

    port: int
    taken: dict[str, int] = field(default_factory=dict)


def compiled_sink(folder: Path) -> Path:
    """Compile the sink."""
    program = folder / "sink"
    subprocess.run(["gcc", "-O2", "-Wall", "-o", str(program), str(HERE / "sink.c")], check=True)
    return program


@contextmanager
def sink(program: Path, expected: int, *, delay: int = 0) -> Iterator[Sink]:
    """Run a sink until the block ends; a number of mails other than the expected one is an error, not a measure."""
    with subprocess.Popen([str(program), str(delay)], stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None:
                raise RuntimeError("the sink has no output")
            made = Sink(int(process.stdout.readline()))
            yield made
        finally:
            process.terminate()
        made.taken = json.loads(process.stdout.read())
    if made.taken["messages"] != expected or made.taken["recipients"] != expected:
        raise RuntimeError(f"{expected} mails were sent, and the sink took {made.taken}")


def smtp_source(port: int, mails: int, message: Path, *, sessions: int) -> Measure:
    """Let postfix's smtp-source send one file so many times, as a whole process."""
    envelope = ["-f", "retours@passerelles.example", "-t", "membre@exemple.example"]
    command = ["smtp-source", "-s", str(sessions), "-d", "-m", str(mails), "-F", str(message), *envelope]
    began = time.perf_counter()
    _, memory, cpu = run_measured([*command, f"127.0.0.1:{port}"], HERE)
    return Measure(mails, time.perf_counter() - began, memory, cpu)


def run_measured(command: list[str], folder: Path) -> tuple[str, float, float]:
    """Run a program to its end; return what it printed, its memory at most in megabytes, its processor's seconds."""
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        ended, memory = Event(), [0.0]
        watcher = Thread(target=_watch_memory, args=(process.pid, ended, memory))
        watcher.start()
        output = process.stdout.read() if process.stdout else ""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        ended.set()
        watcher.join()
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return output, memory[0], used.ru_utime + used.ru_stime


def memory_of(process: int) -> float:
    """The largest resident set that a process has had since it became its program, in megabytes; 0 once it is gone."""
    for line in text_of(f"/proc/{process}/status").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def text_of(path: str) -> str:
    """Read a file of the kernel's; empty when its process is gone."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def _watch_memory(process: int, ended: Event, memory: list[float]) -> None:
    """Look now and then: what wait4 tells counts the memory of our own process, of which the program was forked."""
    while not ended.wait(0.1):
        memory[0] = max(memory[0], memory_of(process))


def has_smtp_source() -> bool:
    """Whether postfix's smtp-source is here."""
    return shutil.which("smtp-source") is not None


def syncs_a_second(folder: Path, seconds: float = 1.0) -> float:
    """How many small writes a second the disk of this folder makes durable, one after the other."""
    path = folder / "syncs"
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(file, 0, 1 << 20)
        os.fsync(file)
        done, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            os.pwrite(file, bytes([done % 256]) * 64, done * 64 % (1 << 20))
            os.fdatasync(file)
            done += 1
        return done / (time.perf_counter() - began)
    finally:
        os.close(file)
        path.unlink()


def machine() -> str:
    """Say what machine this is, in one line, without its name."""
    model = "an unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    # A distribution compiles its Python with profiles: that counts (docs/decisions/0017-the-systems-own-python.md).
    whose = "the system's" if sys.base_prefix == "/usr" else "not the system's"
    python = f"{platform.python_implementation()} {platform.python_version()} ({whose})"
    return f"{os.cpu_count()} cores of {model}, {memory:.0f} GB, Linux {platform.release().split('-')[0]}, {python}"


def load() -> float:
    """How many processes wanted a core in the last minute."""
    return os.getloadavg()[0]
