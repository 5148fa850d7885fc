"""The other senders, in a folder of their own that is thrown away: a venv for Python's, node's modules for nodemailer."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.parts import HERE, Measure, run_measured

_THEIRS = HERE / "others"


@dataclass(frozen=True, slots=True)
class Peer:
    """Another sender: its name in the table, and how many mails it is given at most: some ten seconds a measure."""

    name: str
    most: int


PEERS = {
    "smtplib-reconnecting": Peer("smtplib, a connection a mail", 10_000),
    "smtplib-reused": Peer("smtplib, one connection, bytes ready", 10_000),
    "flask-mail": Peer("Flask-Mail, one connection", 5_000),
    "flask-mailman": Peer("Flask-Mailman, one connection", 5_000),
    "django": Peer("Django, send_messages", 5_000),
    "nodemailer": Peer("nodemailer, pool of 8", 10_000),
}


class Peers:
    """The peers, installed when the first of their kind is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._python = folder / "venv" / "bin" / "python"
        self._node = folder / "node"

    def send(self, document: Path, key: str, mails: int, port: int) -> Measure:
        """Let a peer send; the seconds are those that it spent on sending, without its start."""
        command = self._nodemailer() if key == "nodemailer" else [*self._venv(), key]
        output, memory, cpu = run_measured([*command, str(port), str(mails), str(document)], self._folder)
        return Measure(mails, float(output), memory, cpu)

    def _venv(self) -> list[str]:
        if not self._python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(self._folder / "venv")], check=True)
            lock = ["--require-hashes", "--only-binary", ":all:", "--no-deps", "-r", str(_THEIRS / "requirements.lock")]
            quiet = ["-qq", "--disable-pip-version-check", "--no-input"]
            subprocess.run([str(self._python), "-m", "pip", "install", *quiet, *lock], check=True)
        return [str(self._python), str(_THEIRS / "python_senders.py")]

    def _nodemailer(self) -> list[str]:
        if not self._node.exists():
            self._node.mkdir()
            for name in ("package.json", "nodemailer.mjs"):
                shutil.copy(_THEIRS / name, self._node)
            quiet = ["--silent", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
            subprocess.run(["npm", "install", *quiet], cwd=self._node, check=True)
        return ["node", str(self._node / "nodemailer.mjs")]
