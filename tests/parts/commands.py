"""`./pli` without its second of loading: each command is a process forked from a program that has the product loaded.

`python -m tests.parts.commands` reads one command a line: a process of its own becomes `python -m service` with those
arguments and settings, reads the file `in` of the folder that is named, and writes `out` and `err` there; then it is said
how that process ended. One command at a time.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from sqlalchemy.orm import configure_mappers

from service.cli.main import COMMANDS, main
from service.setting_values import ROOT

# They run for good, and become another program first.
_FOR_GOOD = ("demo", "start")
_KEPT = ("PATH", "HOME", "LANG", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


def run(arguments: Sequence[str], environment: dict[str, str], *, given: str = "", seconds: float = 120.0) -> Ran:
    """Run one command to its end on these settings alone; fails when it has not ended after `seconds`."""
    program = _program()
    assert program.stdin is not None
    assert program.stdout is not None
    with tempfile.TemporaryDirectory(prefix="pli-c-") as name:
        folder = Path(name)
        (folder / "in").write_text(given, encoding="utf-8")
        program.stdin.write(json.dumps([name, arguments, environment]).encode() + b"\n")
        if not select.select([program.stdout], [], [], seconds)[0]:
            end()
            raise AssertionError(f"pli {' '.join(arguments)} has not ended after {seconds:.0f} s")
        code = int(program.stdout.readline())
        return Ran(code, *((folder / which).read_text(encoding="utf-8") for which in ("out", "err")))


@cache
def _program() -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}  # noqa: TID251 (a child's)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.parts.commands"],
        env=environment,
        cwd=ROOT,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    atexit.register(end)
    return process


def end() -> None:
    """End the program, and a command that it still runs; the next command has a new one."""
    if not _program.cache_info().currsize:
        return
    program = _program()
    _program.cache_clear()
    os.killpg(program.pid, signal.SIGKILL)
    program.wait()
    for pipe in (program.stdin, program.stdout):
        assert pipe is not None
        pipe.close()


def _serve() -> None:
    """Answer for one command after the other; returns in each process that is to become one, and at the end."""
    for line in sys.stdin:
        folder, arguments, environment = json.loads(line)
        child = os.fork()
        if not child:
            _become(Path(folder), arguments, environment)
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    os._exit(0)


def _become(folder: Path, arguments: list[str], environment: dict[str, str]) -> None:
    for number, name, how in ((0, "in", os.O_RDONLY), (1, "out", os.O_WRONLY), (2, "err", os.O_WRONLY)):
        file = os.open(folder / name, how | os.O_CREAT, 0o600)
        os.dup2(file, number)
        os.close(file)
    # What is in the old ones belongs to the program.
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.argv[1:] = arguments
    os.environ.clear()  # noqa: TID251 (a child's)
    os.environ.update(environment)  # noqa: TID251
    time.tzset()


if __name__ == "__main__":
    for _module in {place.partition(":")[0] for command, place in COMMANDS.items() if command not in _FOR_GOOD}:
        import_module(_module)
    for _module in ("psycopg", "service.gateways.imap", "service.gateways.queue", "service.gateways.smtp"):
        import_module(_module)
    configure_mappers()
    _serve()
    main()
