"""Where is the mail of the demo kept? A Maildir for each person, so that a restart finds everything again."""

from __future__ import annotations

import mailbox
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote, unquote

_GONE = "n-existe-plus"
_SENT = "envoyes"
_SAFE = "@.+-_="


@dataclass(frozen=True, slots=True)
class Kept:
    """One mail as it lies in a mailbox."""

    key: str
    raw: bytes
    is_read: bool


class Mailboxes:
    """The mailboxes of everyone who is written to, under one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def of(cls, data_dir: Path) -> Self:
        """Open the mailboxes of a demo's folder."""
        return cls(data_dir / "boites")

    def addresses(self) -> list[str]:
        """List who has a mailbox."""
        if not self._folder.is_dir():
            return []
        return sorted(unquote(one.name) for one in self._folder.iterdir() if (one / "cur").is_dir())

    def deliver(self, address: str, raw: bytes) -> None:
        """Put a mail into somebody's mailbox, which is made at the first one."""
        self._open(address).add(raw)

    def keep_sent(self, address: str, raw: bytes) -> None:
        """Keep a copy of what somebody sent."""
        self._sent(address).add(raw)

    def received(self, address: str) -> list[Kept]:
        """List what somebody received, the newest first."""
        box = self._open(address)
        return sorted(_all(box), key=lambda one: _moment(box, one.key), reverse=True) if self.has(address) else []

    def sent(self, address: str) -> list[Kept]:
        """List what somebody sent, the newest first."""
        box = self._sent(address)
        return sorted(_all(box), key=lambda one: _moment(box, one.key), reverse=True)

    def find(self, address: str, key: str) -> Kept | None:
        """Return one received mail; None when there is none of this name."""
        if not self.has(address):
            return None
        return next((one for one in _all(self._open(address)) if one.key == key), None)

    def unread(self, address: str) -> int:
        """Count what nobody opened yet."""
        box = self._place(address)
        return sum("S" not in one.name.rpartition(":2,")[2] for part in ("new", "cur") for one in _files(box / part))

    def mark_read(self, address: str, key: str) -> None:
        """Remember that a mail was opened."""
        box = self._open(address)
        message = box.get_message(key)
        message.set_subdir("cur")
        message.add_flag("S")
        box[key] = message

    def has(self, address: str) -> bool:
        """Whether somebody was ever written to."""
        return (self._place(address) / "cur").is_dir()

    def is_gone(self, address: str) -> bool:
        """Whether the address exists no more: its server answers 550."""
        return (self._place(address) / _GONE).exists()

    def mark_gone(self, address: str, *, gone: bool) -> None:
        """Let an address exist no more, or again."""
        self._open(address)
        mark = self._place(address) / _GONE
        if gone:
            mark.touch()
        else:
            mark.unlink(missing_ok=True)

    def _place(self, address: str) -> Path:
        # A name of two dots would lead out of the folder; no address is one, since all hold an @.
        return self._folder / quote(address.lower(), safe=_SAFE)

    def _open(self, address: str) -> mailbox.Maildir:
        self._folder.mkdir(parents=True, exist_ok=True)
        return mailbox.Maildir(self._place(address), create=True)

    def _sent(self, address: str) -> mailbox.Maildir:
        self._open(address)
        return mailbox.Maildir(self._place(address) / _SENT, create=True)


def _all(box: mailbox.Maildir) -> Iterator[Kept]:
    for key in box.keys():  # noqa: SIM118  a Maildir iterates over messages, not over keys
        try:
            yield Kept(key, box.get_bytes(key), "S" in box.get_message(key).get_flags())
        except (KeyError, FileNotFoundError):
            continue  # opened elsewhere at this moment: its file has another name now


def _moment(box: mailbox.Maildir, key: str) -> tuple[int, str]:
    """A key begins with the second of the delivery, then what orders the deliveries of one second."""
    second, _, rest = key.partition(".")
    return (int(second) if second.isdigit() else 0, rest)


def _files(folder: Path) -> Iterator[Path]:
    return folder.iterdir() if folder.is_dir() else iter(())
