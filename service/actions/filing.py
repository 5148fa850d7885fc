"""Filing: what was read and is ours is put into a folder that says so; all else stays where it lies, untouched (I5, R9)."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from service.actions.mailbox import Reader
from service.core.vocabulary import InboundKind, MailFolder
from service.models.inbound_message import InboundMessage, MailboxCursor
from service.models.question import Asking
from service.ports import Cabinet, MailboxRefused

# What is put away in one go: the folder is looked into and the rows are written once for so many.
_AT_ONCE = 200
# A server that refuses so many one after the other has a reason of its own: no room, no right to make folders.
_REFUSED_IN_A_ROW = 3
log = structlog.get_logger(__name__)


def put_away(
    sessions: sessionmaker[Session], mailbox: Cabinet, reader: Reader, folder: str, *, now: Callable[[], datetime]
) -> int:
    """Move what was read of a folder and is ours into the folder where it belongs; return how many were.

    Where it goes is written down before the move, and that it is done after it: whatever dies in between, the message is
    in one place, and nothing is read again. What somebody took away or marked for deletion meanwhile is left to him. A
    server that refuses is asked again with growing pauses.
    """
    if not is_due(sessions, reader, folder, now=now()):
        return 0
    moved, last, uidvalidity, refused = 0, 0, mailbox.select(folder), False
    while not refused and (rows := _next(sessions, reader, folder, uidvalidity, after=last)):
        last = rows[-1].id
        try:
            done, refused = _put_away_some(sessions, mailbox, rows, now=now)
        except MailboxRefused:
            done, refused = 0, True
        moved += done
    with sessions.begin() as session:
        _cursor(session, reader, folder).note_moves(refused=refused, now=now())
    if refused:
        log.warning("mailbox.not_moved", folder=folder, next="it is tried again by itself")
    return moved


def is_due(sessions: sessionmaker[Session], reader: Reader, folder: str, *, now: datetime) -> bool:
    """Whether something of a folder is to be put away now."""
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        if session.scalar(InboundMessage.to_file(reader.account, folder).limit(1)) is None:
            return False
        again_at = _cursor(session, reader, folder).file_again_at
        return again_at is None or again_at <= now


def _next(
    sessions: sessionmaker[Session], reader: Reader, folder: str, uidvalidity: int, *, after: int
) -> Sequence[InboundMessage]:
    query = InboundMessage.to_file(reader.account, folder, uidvalidity).where(InboundMessage.id > after)
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        return session.scalars(query.limit(_AT_ONCE)).all()


def _cursor(session: Session, reader: Reader, folder: str) -> MailboxCursor:
    """How far the folder was read; there is none without it, since a row is stored with its cursor."""
    named = MailboxCursor.account == reader.account, MailboxCursor.folder == folder
    return session.scalars(select(MailboxCursor).where(*named)).one()


def _put_away_some(
    sessions: sessionmaker[Session], mailbox: Cabinet, rows: Sequence[InboundMessage], *, now: Callable[[], datetime]
) -> tuple[int, bool]:
    """Put these messages away; return how many were moved now, and whether the server refuses to."""
    there = mailbox.lying([row.uid for row in rows])
    # What we had begun to move and is here no more was moved, in the last moment of a line or of a process.
    gone, here = [row for row in rows if row.uid not in there], [row for row in rows if row.uid in there]
    if not mailbox.moves_at_once:
        copied = [row for row in here if row.filed_in is not None and _has_copy(mailbox, row, row.filed_in)]
        if copied:
            mailbox.remove([row.uid for row in copied])
        gone, here = [*gone, *copied], [row for row in here if row not in copied]
    _settle(sessions, gone, now=now())
    _leave(sessions, [row for row in here if there[row.uid]], now=now())
    moved, is_refused = 0, False
    for into, some in _by_folder(sessions, [row for row in here if not there[row.uid]]).items():
        _begin(sessions, some, into)
        done, refused = _move(mailbox, some, into)
        _settle(sessions, done, now=now())
        moved, is_refused = moved + len(done), is_refused or refused
    return moved, is_refused


def _move(mailbox: Cabinet, rows: list[InboundMessage], into: MailFolder) -> tuple[list[InboundMessage], bool]:
    """Move all at once; where the server refuses, each, so that one message keeps back no other."""
    try:
        mailbox.move([row.uid for row in rows], into)
    except MailboxRefused:
        if len(rows) == 1:
            return [], True
    else:
        return rows, False
    done: list[InboundMessage] = []
    in_a_row = 0
    # Some may have been moved before the refusal; what is not there any more is passed over.
    for row in rows:
        if in_a_row == _REFUSED_IN_A_ROW:
            break
        try:
            mailbox.move([row.uid], into)
        except MailboxRefused:
            in_a_row += 1
        else:
            in_a_row = 0
            done.append(row)
    return done, len(done) < len(rows)


def _has_copy(mailbox: Cabinet, row: InboundMessage, folder: MailFolder) -> bool:
    """Whether an earlier attempt had copied a message before it died."""
    # All of them are looked at: the folder that was open is open again after the last.
    copies = [hashlib.sha256(raw).hexdigest() for raw in mailbox.copies(folder, row.size, head_only=row.head_only)]
    return row.sha256 in copies


def _by_folder(
    sessions: sessionmaker[Session], rows: Sequence[InboundMessage]
) -> dict[MailFolder, list[InboundMessage]]:
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        elsewhere = select(Asking.inbound_message_id).where(
            Asking.inbound_message_id.in_([row.id for row in rows]), ~Asking.same_address
        )
        doubtful = set(session.scalars(elsewhere))
    found: dict[MailFolder, list[InboundMessage]] = defaultdict(list)
    for row in rows:
        found[_folder(row, is_doubtful=row.id in doubtful)].append(row)
    return found


def _folder(row: InboundMessage, *, is_doubtful: bool) -> MailFolder:
    if row.kind is InboundKind.UNREADABLE:
        return MailFolder.FAILED
    return MailFolder.TO_SEE if is_doubtful or row.kind is InboundKind.UNSUBSCRIBE else MailFolder.DONE


def _begin(sessions: sessionmaker[Session], rows: Sequence[InboundMessage], into: MailFolder) -> None:
    """Write down where messages are about to go."""
    _set(sessions, rows, {InboundMessage.filed_in: into})


def _settle(sessions: sessionmaker[Session], rows: Sequence[InboundMessage], *, now: datetime) -> None:
    """Write down that messages lie where we put them."""
    _set(sessions, rows, {InboundMessage.filed_at: now})


def _leave(sessions: sessionmaker[Session], rows: Sequence[InboundMessage], *, now: datetime) -> None:
    """Write down that somebody else decided about messages."""
    _set(sessions, rows, {InboundMessage.filed_in: None, InboundMessage.filed_at: now})


def _set(sessions: sessionmaker[Session], rows: Sequence[InboundMessage], values: dict[Any, object]) -> None:
    if rows:
        with sessions.begin() as session:
            session.execute(
                update(InboundMessage).where(InboundMessage.id.in_([row.id for row in rows])).values(values)
            )
