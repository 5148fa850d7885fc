"""Kills the product's own processes that read mail, by SIGKILL, at a step that a test names; loaded by Python at their start.

Python imports this module by itself where its folder is on PYTHONPATH: the product knows nothing of it. A step is the moment
before a statement or a COMMIT, behind a COMMIT, before a command to the mailbox's server, or behind its answer. The inbox
process takes the number of its step, or the words that its moment begins with, from the file DEADLY_INBOX when it starts, a
work-horse from DEADLY_HORSE when it is forked: whoever takes it renames the file, so that it kills one. What it was doing is
added to the file of the same name with « .told ».
"""

from __future__ import annotations

import imaplib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event


class _Steps:
    """Counts what this process does, and ends it."""

    def __init__(self, order: Path) -> None:
        self._order = order
        self._left = 0
        self._moment = ""
        self._written = ""

    def begin(self) -> None:
        """Take the order, if there is one."""
        taken = self._order.with_suffix(f".{os.getpid()}")
        try:
            self._order.rename(taken)
        except FileNotFoundError:
            return
        words = taken.read_text()
        self._left, self._moment = (int(words), "") if words.isdigit() else (0, words)

    def take(self, what: str) -> None:
        self._left -= 1
        if self._left == 0 or (self._moment and what.startswith(self._moment)):
            with self._order.with_suffix(".told").open("a") as told:
                told.write(f"{' '.join(what.split())[:80]}\n")
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        event.listen(Engine, "before_cursor_execute", lambda *given: self._take_statement(given[2]))
        for owner, name, told in (
            (Connection, "_commit_impl", lambda *_: f"COMMIT of {self._written}"),
            # Each command has a tag in front, each time another one.
            (imaplib.IMAP4, "send", lambda _, data: bytes(data).decode("ascii", "replace").partition(" ")[2].strip()),
            (imaplib.IMAP4, "_command_complete", lambda _, name, __: f"the answer to {name}"),
        ):
            self._around(owner, name, told)

    def _take_statement(self, statement: str) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            self._written = statement
        self.take(f"before {statement}")

    def _around(self, owner: Any, name: str, told: Callable[..., str]) -> None:
        method = getattr(owner, name)

        def counted(*given: Any) -> Any:
            what = told(*given)
            self.take(f"before {what}")
            done = method(*given)
            self.take(f"behind {what}")
            return done

        setattr(owner, name, counted)


_ROLES = {"inbox": "DEADLY_INBOX", "serve": "DEADLY_HORSE"}
# As it was typed: `sys.argv` is not there yet. `python -m workers inbox`, `python -m workers serve 4711 posting reading`.
_words = sys.orig_argv[1:4]
_role = _words[2] if _words[:2] == ["-m", "workers"] and len(_words) == 3 else ""
_named = os.environ.get(_ROLES.get(_role, ""), "")  # noqa: TID251 (the test tells its children)
if _named:
    _steps = _Steps(Path(_named))
    _steps.watch()
    if _role == "inbox":
        _steps.begin()
    else:
        os.register_at_fork(after_in_child=_steps.begin)
