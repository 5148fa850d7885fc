"""The mailbox: store what is new in a folder, the raw bytes first, each message and the cursor in one transaction (I5)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from service.actions import bells
from service.core.reading.kinds import Ours
from service.core.vocabulary import InboundState
from service.models.inbound_message import InboundMessage, MailboxCursor
from service.ports import FetchedMessage, Mailbox


@dataclass(frozen=True, slots=True)
class Reader:
    """How this installation reads: its own addresses, the secret of its tokens, and since when."""

    account: str
    ours: Ours
    secret: bytes
    zone: ZoneInfo
    since: date | None = None


def collect(
    sessions: sessionmaker[Session], mailbox: Mailbox, reader: Reader, folder: str, *, now: Callable[[], datetime]
) -> list[int]:
    """Store what is new in a folder, each message and the cursor in one transaction; return the rows to read.

    Goes on until nothing is left. A UIDVALIDITY that changed means that every UID is a new one (RFC 3501 2.3.1.1): all
    is looked at again. The body of a message older than the start day is not even fetched.
    """
    uidvalidity = mailbox.select(folder)
    with sessions.begin() as session:
        last = _cursor(session, reader.account, folder, uidvalidity, now=now()).last_uid
    since = datetime.combine(reader.since, time(), reader.zone) if reader.since else None
    stored: list[int] = []
    looked_at = -1
    while looked_at != last:
        looked_at = last
        for fetched in mailbox.fetch_after(looked_at, since=since):
            last = fetched.uid
            with sessions.begin() as session:
                message_id = _store(session, reader, fetched, now=now())
            if message_id is not None:
                stored.append(message_id)
    return stored


def _cursor(session: Session, account: str, folder: str, uidvalidity: int, *, now: datetime) -> MailboxCursor:
    cursor = session.scalar(
        select(MailboxCursor).where(MailboxCursor.account == account, MailboxCursor.folder == folder).with_for_update()
    )
    if cursor is None:
        cursor = MailboxCursor(account=account, folder=folder, uidvalidity=uidvalidity, last_uid=0, read_at=now)
        session.add(cursor)
    elif cursor.uidvalidity != uidvalidity:
        cursor.uidvalidity, cursor.last_uid = uidvalidity, 0
    cursor.read_at = now
    return cursor


def _store(session: Session, reader: Reader, fetched: FetchedMessage, *, now: datetime) -> int | None:
    cursor = _cursor(session, reader.account, fetched.folder, fetched.uidvalidity, now=now)
    if fetched.uid <= cursor.last_uid:
        return None
    cursor.last_uid = fetched.uid
    if reader.since is not None and fetched.received_at.astimezone(reader.zone).date() < reader.since:
        return None
    row = InboundMessage(
        account=reader.account,
        folder=fetched.folder,
        uidvalidity=fetched.uidvalidity,
        uid=fetched.uid,
        received_at=fetched.received_at,
        stored_at=now,
        size=fetched.size,
        raw=fetched.raw,
        sha256=hashlib.sha256(fetched.raw or b"").hexdigest(),
        state=InboundState.STORED,
        rung_at=now,
    )
    session.add(row)
    session.flush()
    bells.ring(session, "read", row.id)
    return row.id
