"""A post office of the demo, as a process of its own."""

from __future__ import annotations

import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from service.demo import run
from service.demo.cooperative import INBOX
from service.demo.mailboxes import Mailboxes
from service.gateways.imap import Account
from service.setting_values import ROOT

PASSWORD = "un-mot-de-passe-de-boite"


@dataclass
class Office:
    """A post office that runs, or will."""

    folder: Path
    ports: dict[str, int] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def place(self) -> run.Place:
        return run.Place(self.folder, 9999)

    @property
    def mailboxes(self) -> Mailboxes:
        return Mailboxes.of(self.folder)

    @property
    def account(self) -> Account:
        return Account("127.0.0.1", self.ports["imap"], INBOX, PASSWORD, tls=False)

    @property
    def pages(self) -> str:
        return f"http://127.0.0.1:{self.ports['pages']}"

    def start(self) -> None:
        with ExitStack() as stack:
            doors = {
                name: stack.enter_context(socket.create_server(("127.0.0.1", 0))) for name in ("smtp", "imap", "pages")
            }
            self.ports = {name: door.getsockname()[1] for name, door in doors.items()}
            told = run.settings(
                self.place,
                smtp_port=self.ports["smtp"],
                imap_port=self.ports["imap"],
                secret_key="k" * 64,
                password=PASSWORD,
            )
            self.place.settings_file.write_text("".join(f"{name}={value}\n" for name, value in told.items()))
            numbers = [door.fileno() for door in doors.values()]
            self.process = subprocess.Popen(
                [sys.executable, "-m", "service.demo.office", *map(str, numbers)],
                cwd=ROOT,
                env=run.environment(self.place),
                pass_fds=numbers,
            )
        with smtplib.SMTP("127.0.0.1", self.ports["smtp"], timeout=30):
            pass  # who is greeted knows that the office is open

    def end(self, *, kill: bool = False) -> None:
        if self.process is not None:
            (self.process.kill if kill else self.process.terminate)()
            self.process.wait(30)

    def hand_in(self, sender: str, recipient: str, message: bytes) -> None:
        with smtplib.SMTP("127.0.0.1", self.ports["smtp"], timeout=30) as line:
            line.sendmail(sender, [recipient], message)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    made.start()
    yield made
    made.end()
