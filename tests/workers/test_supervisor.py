"""What the supervisor starts, starts again, ends in order, and never leaves behind: with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from service import supervisor
from service.setting_values import ROOT
from service.supervisor import programs_of
from tests.parts import await_that, free_port, listens

_SUPERVISE = """
import json, pathlib, sys
from service import supervisor
programs = [supervisor.Program(name, (sys.executable, "-c", code), once=name == "once") for name, code in json.loads(sys.argv[1])]
supervisor.GRACE = float(sys.argv[3])
supervisor.Supervisor(programs, folder=pathlib.Path(sys.argv[2]), told=lambda name, line: print(name, line, flush=True)).run()
"""
# Says that it runs, and when it is asked to end says so too.
_POLITE = """
import os, pathlib, signal, sys, time
def end(*_):
    with open("ended", "a") as file: file.write("{name}\\n")
    sys.exit()
signal.signal(signal.SIGTERM, end)
pathlib.Path("{name}.pid").write_text(str(os.getpid()))
while True: time.sleep(0.05)
"""
_STUBBORN = """
import os, pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path("stubborn.pid").write_text(str(os.getpid()))
while True: time.sleep(1)
"""
_MORTAL = """
import pathlib, time
began = pathlib.Path("began"); first = not began.exists()
began.write_text("again" if not first else "once")
print("here")
while not first: time.sleep(1)
"""

Supervise = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Supervise]:
    started: list[subprocess.Popen[str]] = []

    def start(*programs: tuple[str, str], grace: float = 20.0) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _SUPERVISE, json.dumps(programs), str(tmp_path), str(grace)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.wait(30)
        assert process.stdout is not None
        process.stdout.close()


def polite(name: str) -> tuple[str, str]:
    return name, _POLITE.replace("{name}", name)


def pid_of(folder: Path, name: str) -> int:
    file = folder / f"{name}.pid"
    await_that(lambda: file.exists() and file.read_text(), f"{name} runs")
    return int(file.read_text())


def runs(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def test_the_procfile_names_a_release_and_the_four_processes() -> None:
    release, programs = programs_of(ROOT / "Procfile")
    assert release.command == ("./pli", "db", "upgrade")
    assert {one.name: one.command for one in programs} == {
        name: ("./pli", name) for name in ("web", "worker", "inbox", "clock")
    }


def test_a_procfile_without_a_release_is_a_fault_that_says_what_to_add(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("# nothing first\nweb: ./pli web\n")
    with pytest.raises(ValueError, match="release"):
        programs_of(tmp_path / "Procfile")


def test_what_dies_is_started_again_and_its_lines_carry_its_name(supervise: Supervise, tmp_path: Path) -> None:
    process = supervise(("mortal", _MORTAL))
    await_that(lambda: (tmp_path / "began").exists() and (tmp_path / "began").read_text() == "again", "a second start")
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    lines = process.stdout.read().splitlines()
    assert lines[0] == "mortal here"
    assert lines[1] == "mortal ended (code 0); started again in 1 s"


def test_what_ends_by_itself_is_let_go(supervise: Supervise, tmp_path: Path) -> None:
    process = supervise(("once", "open('done', 'a').write('x')"), polite("web"))
    await_that((tmp_path / "done").exists, "the first run")
    pid_of(tmp_path, "web")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert (tmp_path / "done").read_text() == "x"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_all_end_in_order_whatever_order_they_are_named_in(
    supervise: Supervise, tmp_path: Path, number: signal.Signals
) -> None:
    names = ("other", "clock", "worker", "inbox", "web")
    process = supervise(*map(polite, names))
    pids = [pid_of(tmp_path, name) for name in names]
    process.send_signal(number)
    assert process.wait(30) == 0
    assert (tmp_path / "ended").read_text().split() == ["web", "inbox", "worker", "clock", "other"]
    assert not any(map(runs, pids))


def test_who_does_not_end_in_time_is_killed(supervise: Supervise, tmp_path: Path) -> None:
    process = supervise(("stubborn", _STUBBORN), grace=0.5)
    pid = pid_of(tmp_path, "stubborn")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert not runs(pid)


def test_a_second_ctrl_c_waits_for_nobody(supervise: Supervise, tmp_path: Path) -> None:
    process = supervise(("stubborn", _STUBBORN), polite("web"), grace=3600)
    pid = pid_of(tmp_path, "stubborn")
    pid_of(tmp_path, "web")
    process.send_signal(signal.SIGINT)
    await_that((tmp_path / "ended").exists, "the first Ctrl-C is heard")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert not runs(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_a_killed_supervisor_leaves_no_process(supervise: Supervise, tmp_path: Path) -> None:
    process = supervise(polite("web"), polite("worker"))
    pids = [pid_of(tmp_path, name) for name in ("web", "worker")]
    process.kill()
    process.wait()
    await_that(lambda: not any(map(runs, pids)), "both have ended")


def test_a_taken_port_is_not_free_and_a_free_one_answers_nobody() -> None:
    port = free_port()
    assert supervisor.is_free("127.0.0.1", port)
    assert not supervisor.answers("127.0.0.1", port)
    server = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"], stderr=subprocess.DEVNULL
    )
    try:
        await_that(lambda: listens(port), "the server listens")
        assert not supervisor.is_free("127.0.0.1", port)
        assert supervisor.answers("127.0.0.1", port)
    finally:
        server.terminate()
        server.wait()
