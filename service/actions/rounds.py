"""Rounds: look into each folder of a mailbox that is read, and put away what was read of it meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.orm import Session, sessionmaker

from service.actions import filing, mailbox, room
from service.actions.mailbox import Reader
from service.models.inbound_message import InboundMessage
from service.ports import Cabinet, MailboxRefused

# Among the folders that are read: the one where the provider puts what it holds for junk, whatever its name there.
JUNK = "\\Junk"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rounds:
    """Which mailbox is read, and which of its folders: the one that is waited for, and those that are looked into now and then."""

    sessions: sessionmaker[Session]
    reader: Reader
    folder: str
    others: tuple[str, ...]
    now: Callable[[], datetime]

    def go(self, box: Cabinet, *, everywhere: bool) -> list[int]:
        """Put away what was read and store what is new, folder by folder; return the rows to read.

        The folder that is waited for comes last, so that it is the open one. Another one that is not there keeps back
        nothing. How full the mailbox is, is asked beside it.
        """
        stored: list[int] = []
        for name, is_junk in self._others(box) if everywhere else []:
            try:
                stored += self._look(box, name, is_junk=is_junk)
            except MailboxRefused:
                log.warning("mailbox.no_folder", next="make the folder, or take it out of IMAP_FOLDERS")
        if everywhere:
            room.measure(self.sessions, box, self.reader.account, now=self.now())
        return stored + self._look(box, self.folder)

    def is_something_to_put_away(self) -> bool:
        """Whether something that was read lies still where it came to."""
        with self.sessions() as session:
            session.connection(execution_options={"read_only": True})
            return session.scalar(InboundMessage.to_file(self.reader.account).limit(1)) is not None

    def put_away(self, box: Cabinet) -> None:
        """Put away what was read, in each folder."""
        for name in [*(name for name, _ in self._others(box)), self.folder]:
            filing.put_away(self.sessions, box, self.reader, name, now=self.now)

    def _look(self, box: Cabinet, name: str, *, is_junk: bool = False) -> list[int]:
        moved = filing.put_away(self.sessions, box, self.reader, name, now=self.now)
        if moved:
            log.info("mailbox.put_away", messages=moved)
        return mailbox.collect(self.sessions, box, self.reader, name, is_junk=is_junk, now=self.now)

    def _others(self, box: Cabinet) -> list[tuple[str, bool]]:
        """The other folders by their names, and whether each is the provider's for junk; a server may have none."""
        junk = box.junk() if self.others else None
        names = [junk if name == JUNK else name for name in self.others]
        return [(name, name == junk) for name in dict.fromkeys(names) if name is not None and name != self.folder]
