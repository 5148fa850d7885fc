"""Whether a command that is forked from a loaded program is the one that somebody types."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.setting_values import ROOT
from tests.parts import commands


@pytest.mark.parametrize("words", [["--help"], ["lists", "--nonsense"], ["inbox", "poll", "--once"]], ids=" ".join)
def test_it_prints_and_ends_as_typed_in_full_in_part_and_without_settings(words: list[str], tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PLI_ENV_FILE": str(tmp_path / "none")}  # noqa: TID251 (a child's)
    typed = subprocess.run(
        [sys.executable, "-m", "service", *words], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    ran = commands.run(words, environment)
    assert (ran.code, ran.out, ran.err) == (typed.returncode, typed.stdout, typed.stderr)
    assert ran.out + ran.err


def test_each_has_its_own_settings_and_input_and_none_is_kept(tmp_path: Path) -> None:
    def settings(name: str) -> dict[str, str]:
        return {"DATA_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path}/{name}.db", "SECRET_KEY": "k" * 64}

    one, other = settings("one"), settings("other")
    for each in (one, other):
        assert commands.run(["db", "upgrade"], each).code == 0
    add = ["staff", "add", "jeanne@passerelles.example", "--name", "Jeanne", "--role", "admin", "--password-stdin"]
    assert commands.run(add, one, given="trop court").code == 1
    assert commands.run(add, one, given="une phrase assez longue").code == 0
    assert "jeanne@" in commands.run(["staff", "list"], one).out
    assert "jeanne@" not in commands.run(["staff", "list"], other).out


def test_one_that_does_not_end_is_ended_and_the_next_one_runs(tmp_path: Path) -> None:
    waits = tmp_path / "file"
    os.mkfifo(waits)
    environment = {"DATA_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path}/pli.db", "SECRET_KEY": "k" * 64}
    with pytest.raises(AssertionError, match="has not ended"):
        commands.run(["inbox", "classify", str(waits)], environment, seconds=0.5)
    assert commands.run(["--help"], environment).code == 0
