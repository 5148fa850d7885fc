"""The log of a sending process on its disk: who may read it, and what a cut tells."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from service.core import send_log as records
from service.core.send_log import Leg
from service.core.verdicts import Outcome, Stage, Verdict
from service.gateways import send_log
from service.gateways.send_log import FileSendLog
from service.ports import LostLog

YES = Outcome(Verdict.ACCEPTED, Stage.DOT, 250, "2.0.0 Ok")


def lost(folder: Path) -> list[LostLog]:
    """The logs of dead processes, each taken in."""
    found: list[LostLog] = []
    for door in send_log.left_behind(folder):
        with door as log:
            found += [log] if log else []
    return found


def write_and_die(folder: Path, *, strict: bool = True, count: int = 1) -> str:
    """Write a log as a process that dies leaves it; return its owner's name."""
    log = FileSendLog(folder, strict=strict)
    for number in range(1, count + 1):
        log.write([records.handed(Leg(number, 1)), records.answered(Leg(number, 1), YES)], durably=True)
    log.write([records.handed(Leg(count + 1, 1))], durably=True)
    log.close(settled=False)
    return log.owner


def test_the_log_of_a_living_process_is_nobodys_else(tmp_path: Path) -> None:
    log = FileSendLog(tmp_path, strict=True)
    log.write([records.handed(Leg(1, 1))], durably=True)
    assert lost(tmp_path) == []
    log.close(settled=True)
    assert list(tmp_path.iterdir()) == []


def test_a_log_left_behind_is_read_once_and_removed(tmp_path: Path) -> None:
    owner = write_and_die(tmp_path)
    (found,) = lost(tmp_path)
    assert (found.owner, found.complete) == (owner, True)
    assert found.story.outcomes == {Leg(1, 1): YES, Leg(2, 1): None}
    assert lost(tmp_path) == []


def test_a_log_that_could_not_be_taken_in_stays_and_holds_back_no_other(tmp_path: Path) -> None:
    write_and_die(tmp_path)
    (tmp_path / "0000000000000000.log").mkdir()  # what nobody can open
    doors = send_log.left_behind(tmp_path)
    with doors[0] as unreadable:
        assert unreadable is None

    def fail() -> None:
        with doors[1]:
            raise ConnectionError("the database is gone")

    with pytest.raises(ConnectionError):
        fail()
    assert len(lost(tmp_path)) == 1


def test_a_log_keeps_the_name_of_its_owner_when_the_machine_gets_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = write_and_die(tmp_path)
    monkeypatch.setattr(send_log, "machine_id", lambda: "another name")
    assert [found.owner for found in lost(tmp_path)] == [owner]


def test_two_processes_have_two_names(tmp_path: Path) -> None:
    owners = {write_and_die(tmp_path) for _ in range(5)}
    assert len(owners) == 5
    assert {found.owner for found in lost(tmp_path)} == owners


def test_a_log_larger_than_its_first_piece_is_read_whole(tmp_path: Path) -> None:
    write_and_die(tmp_path, count=20_000)
    (found,) = lost(tmp_path)
    assert found.complete
    assert len(found.story.outcomes) == 20_001


@pytest.mark.parametrize("strict", [True, False])
def test_a_cut_log_says_so(tmp_path: Path, strict: bool) -> None:
    write_and_die(tmp_path, strict=strict)
    (path,) = tmp_path.iterdir()
    os.truncate(path, 600)
    (found,) = lost(tmp_path)
    assert not found.complete


@pytest.mark.parametrize(("strict", "complete"), [(True, True), (False, False)])
def test_after_a_power_cut_only_a_strict_log_tells_what_was_not_handed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strict: bool, complete: bool
) -> None:
    write_and_die(tmp_path, strict=strict)
    monkeypatch.setattr(send_log, "boot_id", lambda: "another boot")
    (found,) = lost(tmp_path)
    assert found.complete is complete


@pytest.mark.parametrize("content", [b"", b"nonsense", bytes(1 << 20)])
def test_a_file_that_is_no_log_is_never_believed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "0123456789abcdef.log").write_bytes(content)
    (found,) = lost(tmp_path)
    assert not found.complete


def test_a_process_killed_with_signal_9_leaves_its_log_to_others(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom service.gateways.send_log import FileSendLog\n"
        "log = FileSendLog(Path(sys.argv[1]), strict=True)\nprint(log.owner, flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        owner = process.stdout.readline().strip()
        assert lost(tmp_path) == []
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert [found.owner for found in lost(tmp_path)] == [owner]
