"""A warm process that reads a mailbox as the inbox process and the worker do, in children that die at the step they are told.

A step is the moment before or behind a commit, before a command to the server, or behind its answer. One order a line on
stdin, the number of the step that killed the child on stdout: 0 where it came to its end.
"""

from __future__ import annotations

import imaplib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import event

from service import db
from service.actions import filing, inbox, mailbox
from service.gateways.imap import Account, ImapMailbox
from service.models.inbound_message import InboundMessage
from service.setting_values import ROOT
from tests.parts.reading import reader_of


@dataclass(frozen=True)
class Order:
    """Read the mailbox of this user at this hour, and die at this step (0: at none)."""

    url: str
    port: int
    user: str
    password: str
    at: str
    step: int


@dataclass(frozen=True)
class Mortal:
    """The warm process."""

    process: subprocess.Popen[str]

    def read(self, order: Order) -> bool:
        """Have a child obey; True where it was killed, False where it came to its end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asdict(order)) + "\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline().strip()
        assert said in ("killed", "ended"), said
        return said == "killed"


@contextmanager
def mortal() -> Iterator[Mortal]:
    """Have the process at hand until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield Mortal(process)
        finally:
            process.kill()


class _Steps:
    """Counts what a child does, and ends it."""

    def __init__(self, last: int) -> None:
        self._left = last

    def take(self, *_: object) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, name: str) -> None:
        """Count the moments before and behind a method of the line to the server."""
        method = getattr(imaplib.IMAP4, name)

        def counted(line: Any, *given: Any, **named: Any) -> Any:
            self.take()
            done = method(line, *given, **named)
            self.take()
            return done

        setattr(imaplib.IMAP4, name, counted)


def _read(order: Order) -> None:
    """Store what is new, read it, put it away: what three processes do one after the other."""
    steps, engine = _Steps(order.step), db.connect(order.url)
    sessions, at = db.sessions(engine), datetime.fromisoformat(order.at)
    event.listen(engine, "commit", steps.take)
    db.after_commit(sessions, steps.take)
    # Only what is behind the login: before it nothing can be lost.
    account = Account("127.0.0.1", order.port, order.user, order.password, tls=False)
    with ImapMailbox(account) as line:
        for name in ("send", "_command_complete"):
            steps.around(name)
        mailbox.collect(sessions, line, reader_of(order.user), "INBOX", now=lambda: at)
        with db.reading(sessions) as session:
            numbers = [row.id for row in session.scalars(InboundMessage.to_read(at))]
        for number in numbers:
            inbox.read(sessions, reader_of(order.user), number, now=lambda: at)
        filing.put_away(sessions, line, reader_of(order.user), "INBOX", now=lambda: at)


def _obey(order: Order) -> str:
    child = os.fork()
    if child == 0:
        try:
            _read(order)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    ended = {0: "ended", -signal.SIGKILL: "killed"}
    return ended.get(os.waitstatus_to_exitcode(status), "failed")


if __name__ == "__main__":
    for asked in sys.stdin:
        print(_obey(Order(**json.loads(asked))), flush=True)
