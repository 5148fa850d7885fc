"""The mailbox: store what is new in a folder, the raw bytes first, each message and the cursor in one transaction (I5)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session, sessionmaker

from service.actions import bells, journal
from service.core import pacing
from service.core.reading.ours import Ours
from service.core.refusals import NotFound
from service.core.vocabulary import InboundState, RefusedWhat
from service.models.base import insert_or
from service.models.inbound_message import InboundMessage, LoginRefusal, MailboxCursor
from service.models.staff import Staff
from service.ports import Care, FetchDied, FetchedMessage, Given, Mailbox

# A message is held to be what ends the line when so many lines died at it, one after the other.
_LINES_LOST_BY_ONE = 3
# How long who wrote and the subject of other mail are kept, from when it was read: strangers, who asked nothing of Pli, and
# mail that stays in the mailbox whatever we forget (RGPD, article 5.1 e; P8).
OTHER_MAIL_KEPT = timedelta(days=30)
_FORGOTTEN_AT_ONCE = 500
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reader:
    """How this installation reads: its own addresses, the secret of its tokens, since when, and whose word on a sender counts."""

    account: str
    ours: Ours
    secret: bytes
    zone: ZoneInfo
    since: date | None = None
    # Of the Message-IDs of what a message is answered with by itself; without one nothing is.
    domain: str = ""
    # Whose Authentication-Results are believed; nobody's where it is empty.
    authserv_id: str = ""


def collect(
    sessions: sessionmaker[Session],
    mailbox: Mailbox,
    reader: Reader,
    folder: str,
    *,
    now: Callable[[], datetime],
    is_junk: bool = False,
) -> list[int]:
    """Store what is new in a folder, each message and the cursor in one transaction; return the rows to read.

    Goes on until nothing is left, then asks again for what was missed. A UIDVALIDITY that changed means that every UID
    is a new one (RFC 3501 2.3.1.1): all is looked at again. The body of a message older than the start day is not even
    fetched. One that the server does not give, or at which the line dies again and again, is missed: a row of its own.
    What comes from the provider's folder for junk is marked so: only what is surely ours is taken from there.
    """
    uidvalidity = mailbox.select(folder)
    with sessions.begin() as session:
        cursor = _cursor(session, reader.account, folder, uidvalidity, now=now())
        last, lost = cursor.last_uid, cursor.lines_lost
    since = datetime.combine(reader.since, time(), reader.zone) if reader.since else None
    care = Care.ALONE if lost else Care.TOGETHER
    stored: list[int] = []
    looked_at = -1
    try:
        while looked_at != last:
            looked_at = last
            asked = Care.UNASKED if lost >= _LINES_LOST_BY_ONE else care
            for fetched in mailbox.fetch_after(looked_at, since=since, care=asked):
                last, lost = fetched.uid, 0
                with sessions.begin() as session:
                    message_id = _store(session, reader, fetched, from_junk=is_junk, now=now())
                if message_id is not None:
                    stored.append(message_id)
    except FetchDied:
        with sessions.begin() as session:
            _cursor(session, reader.account, folder, uidvalidity, now=now()).lines_lost += 1
        raise
    return stored + _ask_again(sessions, mailbox, reader, folder, uidvalidity, now=now)


def next_asking(session: Session, reader: Reader, folder: str, *, now: datetime) -> timedelta | None:
    """Say in how long a message of a folder that was missed is asked for again; None where none was."""
    missed = InboundMessage.is_missed_in(reader.account, folder)
    at = session.scalar(select(func.min(InboundMessage.next_attempt_at)).where(missed))
    return max(at - now, timedelta(0)) if at is not None else None


def unread_for_a_day(session: Session, *, now: datetime, limit: int = 5) -> list[InboundMessage]:
    """List the messages that the mailbox's server has not given for a day: somebody must read them there."""
    return list(session.scalars(InboundMessage.missed_since(now - pacing.SHOWN_AS_MISSED_AFTER).limit(limit)))


def take_in(session: Session, message_id: int, *, by: Staff, now: datetime) -> None:
    """Have a mail that was left in the mailbox read as if it were ours: its bytes are fetched at the next look there.

    Refuses (NotFound) one that is there no more, or was taken in by somebody else.
    """
    row = session.scalar(
        InboundMessage.other_mail().where(InboundMessage.id == message_id).with_for_update(of=InboundMessage)
    )
    if row is None:
        raise NotFound("Ce message n’est plus dans cette liste : quelqu’un l’a déjà pris, ou il a quitté la boîte.")
    row.ask_for(now=now)
    journal.note(session, "inbox.take_in", by=by.id, subject="inbound_message", subject_id=row.id, now=now)


def forget_other_mail(session: Session, *, now: datetime) -> int:
    """Forget the mail of strangers that was left in the mailbox 30 days ago, some hundreds at a time; say how many.

    It stays where it lies, and is not read again: the cursor of its folder is beyond it.
    """
    read_at = func.coalesce(InboundMessage.treated_at, InboundMessage.stored_at)
    is_left = InboundMessage.state == InboundState.LEFT_IN_PLACE
    old = select(InboundMessage.id).where(is_left, read_at < now - OTHER_MAIL_KEPT).limit(_FORGOTTEN_AT_ONCE)
    # Asked twice: somebody may have one taken in at this moment.
    forgotten = delete(InboundMessage).where(InboundMessage.id.in_(old.scalar_subquery()), is_left)
    return len(session.scalars(forgotten.returning(InboundMessage.id)).all())


def note_refusal(session: Session, account: str, what: RefusedWhat, *, now: datetime) -> None:
    """Keep since when a mailbox does not let us in, and what it refuses."""
    first = {"account": account, "why": what, "since": now}
    session.execute(insert_or(session, LoginRefusal).values(first).on_conflict_do_nothing())


def note_login(session: Session, account: str) -> None:
    """Forget that we were refused: the server lets us in."""
    session.execute(delete(LoginRefusal).where(LoginRefusal.account == account))


def refused_login(session: Session, account: str) -> LoginRefusal | None:
    """Give since when a mailbox does not let us in, and what it refuses; None where it does."""
    return session.get(LoginRefusal, account)


def _ask_again(
    sessions: sessionmaker[Session],
    mailbox: Mailbox,
    reader: Reader,
    folder: str,
    uidvalidity: int,
    *,
    now: Callable[[], datetime],
) -> list[int]:
    """Ask again for the missed messages of the open folder that are due; return those that were given.

    Each attempt is counted before it is made: the line may die of it.
    """
    with sessions.begin() as session:
        due = session.scalars(InboundMessage.to_ask_again(reader.account, folder, uidvalidity, now())).all()
    given: list[int] = []
    for missed in due:
        with sessions.begin() as session:
            session.get_one(InboundMessage, missed.id).miss(now=now())
        fetched = mailbox.fetch_again(missed.uid)
        with sessions.begin() as session:
            row = session.get(InboundMessage, missed.id, with_for_update=True)
            if row is not None and row.state is InboundState.MISSED and _take(session, reader, row, fetched, now=now()):
                given.append(row.id)
    return given


def _take(session: Session, reader: Reader, row: InboundMessage, fetched: FetchedMessage, *, now: datetime) -> bool:
    """Write down what the server said of a message that was missed; True when it is there to be read now."""
    row.received_at, row.size = fetched.received_at or row.received_at, fetched.size or row.size
    if fetched.given is Given.MISSED:
        return False
    if fetched.given is Given.GONE or _is_too_old(reader, fetched):
        session.delete(row)
        log.warning("mailbox.gap", folder=row.folder, uid=row.uid, missed=row.id)
        return False
    row.state, row.raw, row.sha256 = InboundState.STORED, fetched.raw, _fingerprint(fetched)
    row.head_only = fetched.given is Given.TOO_LARGE
    row.attempts, row.next_attempt_at, row.rung_at = 0, None, now
    bells.ring(session, "read", row.id)
    return True


def _cursor(session: Session, account: str, folder: str, uidvalidity: int, *, now: datetime) -> MailboxCursor:
    named = select(MailboxCursor).where(MailboxCursor.account == account, MailboxCursor.folder == folder)
    cursor = session.scalar(named.with_for_update())
    if cursor is None:
        # Another process may begin with this folder at the same moment.
        first = {"account": account, "folder": folder, "uidvalidity": uidvalidity, "last_uid": 0, "read_at": now}
        session.execute(insert_or(session, MailboxCursor).values(first).on_conflict_do_nothing())
        cursor = session.scalars(named.with_for_update()).one()
    if cursor.uidvalidity != uidvalidity:
        cursor.uidvalidity, cursor.last_uid, cursor.lines_lost = uidvalidity, 0, 0
        # What was missed, or left where it lies, is among what is looked at anew, under another number.
        session.execute(delete(InboundMessage).where(InboundMessage.lies_only_in(account, folder)))
    cursor.read_at = now
    return cursor


def _store(
    session: Session, reader: Reader, fetched: FetchedMessage, *, now: datetime, from_junk: bool = False
) -> int | None:
    cursor = _cursor(session, reader.account, fetched.folder, fetched.uidvalidity, now=now)
    if fetched.uid <= cursor.last_uid:
        return None
    cursor.last_uid, cursor.lines_lost = fetched.uid, 0
    if fetched.given is Given.GONE:
        log.warning("mailbox.gap", folder=fetched.folder, uid=fetched.uid)
        return None
    if _is_too_old(reader, fetched) or session.scalar(_known(reader, fetched)) is not None:
        return None
    row = InboundMessage(
        account=reader.account,
        folder=fetched.folder,
        uidvalidity=fetched.uidvalidity,
        uid=fetched.uid,
        received_at=fetched.received_at or now,
        stored_at=now,
        size=fetched.size,
        from_junk=from_junk,
        raw=fetched.raw,
        head_only=fetched.given is Given.TOO_LARGE,
        sha256=_fingerprint(fetched),
        state=InboundState.STORED,
        attempts=0,
        rung_at=now,
    )
    session.add(row)
    if fetched.given is Given.MISSED:
        row.state = InboundState.MISSED
        row.miss(now=now)
        session.flush()
        log.warning("mailbox.missed", folder=row.folder, uid=row.uid, missed=row.id)
        return None
    session.flush()
    bells.ring(session, "read", row.id)
    return row.id


def _known(reader: Reader, fetched: FetchedMessage) -> Select[int]:
    """Select the row of a message: a UIDVALIDITY may come back (a mailbox out of a backup)."""
    return select(InboundMessage.id).where(
        InboundMessage.account == reader.account,
        InboundMessage.folder == fetched.folder,
        InboundMessage.uidvalidity == fetched.uidvalidity,
        InboundMessage.uid == fetched.uid,
    )


def _is_too_old(reader: Reader, fetched: FetchedMessage) -> bool:
    at = fetched.received_at
    return reader.since is not None and at is not None and at.astimezone(reader.zone).date() < reader.since


def _fingerprint(fetched: FetchedMessage) -> str:
    return hashlib.sha256(fetched.raw or b"").hexdigest()
