"""`./pli start`: what it says when settings are missing, what it asks on a terminal, and what it then runs."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from service.setting_values import ROOT
from service.settings import bare_environment
from tests.parts import free_port, listens

ASKED = [
    ("Serveur", "127.0.0.1"),
    ("Port", ""),
    ("Serveur", "127.0.0.1"),
    ("Port", ""),
    ("Identifiant", "vie@passerelles.example"),
    ("Mot de passe", "un p@ss: à moi"),
    ("Nom", "Les Passerelles"),
    ("Adresse", "vie@passerelles.example"),
    ("Adresse", ""),
]
ACCOUNT = [
    ("Adresse", "octave@passerelles.example"),
    ("Nom", "Octave"),
    ("Mot de passe", "trop court"),
    ("Encore", "trop court"),
    ("Adresse", "octave@passerelles.example"),
    ("Nom", "Octave"),
    ("Mot de passe", "assez long pour tout"),
    ("Encore", "assez long pour tout"),
]


def start(environment: dict[str, str], terminal: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "service", "start"]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
    )


def read_until(terminal: int, words: str) -> str:
    """Read what the terminal shows until it shows these words; fails when the program ends before."""
    shown = b""
    while words.encode() not in shown:
        try:
            shown += os.read(terminal, 4096)
        except OSError as error:
            raise AssertionError(f"“{words}” did not come:\n{shown.decode(errors='replace')}") from error
    return shown.decode(errors="replace")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    own = {"PLI_ENV_FILE": str(tmp_path / ".env"), "DATA_DIR": str(tmp_path / "data"), "LOG_LEVEL": "warning"}
    return {**bare_environment(), **own, "BIND": f"127.0.0.1:{free_port()}"}


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    yield ours, theirs
    for one in (ours, theirs):
        with suppress(OSError):
            os.close(one)


def test_without_a_terminal_every_missing_setting_is_told_at_once(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "service", "start"]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 1
    for name in ("SMTP_URL", "IMAP_URL", "SENDER", "REPLY_TO", "PUBLIC_URL", "SECRET_KEY"):
        assert f"{name} is missing" in done.stderr
        assert f"Example: {name}=" in done.stderr
    assert not Path(environment["DATA_DIR"]).exists()


def test_on_a_terminal_it_asks_keeps_the_answers_and_runs_everything(
    environment: dict[str, str], terminal: tuple[int, int], tmp_path: Path
) -> None:
    ours, theirs = terminal
    process = start(environment, theirs)
    os.close(theirs)
    try:
        for question, answer in ASKED + ACCOUNT:
            read_until(ours, question)
            os.write(ours, f"{answer}\n".encode())
        read_until(ours, "Pli est ouvert")
        host, _, port = environment["BIND"].partition(":")
        assert (host, listens(int(port))) == ("127.0.0.1", True)
        process.send_signal(signal.SIGINT)
        read_until(ours, "Tout est arrêté.")
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
    kept = tmp_path / ".env"
    assert kept.stat().st_mode & 0o777 == 0o600
    lines = dict(line.split("=", 1) for line in kept.read_text().splitlines())
    assert lines["SMTP_URL"] == "smtp://127.0.0.1:25?tls=none"
    assert lines["IMAP_URL"] == "imap://vie%40passerelles.example:un%20p%40ss%3A%20%C3%A0%20moi@127.0.0.1:143/INBOX"
    assert lines["SENDER"] == "Les Passerelles <vie@passerelles.example>"
    assert lines["PUBLIC_URL"] == "http://127.0.0.1:8000"
    assert len(lines["SECRET_KEY"]) == 64
    assert "REPLY_TO" not in lines
