"""The inbox: keep the raw bytes first, then read each message, tie it to one of ours, and put it in its place (I5)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from service.actions import bells, deliveries, denials, destinations, questions, suppressions
from service.core import addresses, tokens
from service.core.reading import bounces, kinds, parsing, replies, reports, severity
from service.core.reading.bounces import Bounce
from service.core.reading.kinds import Ours, Recognised
from service.core.reading.parsing import Message
from service.core.reading.replies import Reply
from service.core.vocabulary import InboundKind, InboundState, MatchedBy
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.inbound_message import InboundMessage, MailboxCursor
from service.models.member import Contact
from service.ports import FetchedMessage, Mailbox

# A stored message whose bell was rung is given this long before the clock rings again.
RING_AGAIN = timedelta(seconds=60)
_GIVEN_UP = "Sa lecture s’est arrêtée plusieurs fois. Le message est conservé en entier."
_REPORTS = (InboundKind.BOUNCE, InboundKind.DELIVERY_NOTICE)
# What becomes a question: somebody wrote, whatever he wants; staff sort it.
_FOR_PEOPLE = (InboundKind.QUESTION, InboundKind.UNSUBSCRIBE, InboundKind.UNREADABLE)


@dataclass(frozen=True, slots=True)
class Reader:
    """How this installation reads: its own addresses, the secret of its tokens, and since when."""

    account: str
    ours: Ours
    secret: bytes
    zone: ZoneInfo
    since: date | None = None


@dataclass(frozen=True, slots=True)
class _Match:
    """Which of our mails a message answers, who wrote it, and how we know."""

    by: MatchedBy
    delivery: Delivery | None = None
    contact: Contact | None = None
    same_address: bool = True


@dataclass(frozen=True, slots=True)
class _Content:
    """What the bytes of a message say."""

    message: Message | None
    recognised: Recognised
    reply: Reply
    # Of a report alone: what became of whom, and where the mail that it returns had its answers and errors sent.
    reported: tuple[Bounce, ...] = ()
    returned_to: tuple[str, ...] = ()


_IS_STORED = InboundMessage.state == InboundState.STORED


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


def read(
    sessions: sessionmaker[Session], reader: Reader, message_id: int, *, now: Callable[[], datetime]
) -> InboundMessage | None:
    """Read one stored message and put it in its place; None when that was done already, or is not due.

    The attempt is counted before it begins: a message that ends the process which reads it is set aside after some,
    kept whole and shown to the staff. No transaction is open while it is parsed.
    """
    with sessions.begin() as session:
        due = InboundMessage.to_read(now()).where(InboundMessage.id == message_id)
        row = session.scalar(due.with_for_update(skip_locked=True))
        if row is None:
            return None
        if row.is_given_up:
            return _set_aside(session, row, now=now())
        row.take_attempt(now=now())
        raw = row.raw
    content = _understand(raw, reader.ours)
    with sessions.begin() as session:
        row = session.scalar(
            select(InboundMessage).where(InboundMessage.id == message_id, _IS_STORED).with_for_update(skip_locked=True)
        )
        return _place(session, reader, row, content, now=now()) if row is not None else None


def waiting(session: Session, *, now: datetime, limit: int = 500) -> list[InboundMessage]:
    """List the stored messages that no worker has read: their bell was lost or never rung, or their reading died."""
    unheard = bells.may_be_lost(InboundMessage.rung_at, now=now, after=RING_AGAIN)
    return list(session.scalars(InboundMessage.to_read(now).where(unheard).limit(limit)))


def left_in_place(session: Session) -> int:
    """Count the mail of strangers that answers nothing of ours: it was left in the mailbox."""
    query = select(func.count()).where(InboundMessage.state == InboundState.LEFT_IN_PLACE)
    return session.scalar(query) or 0


def _understand(raw: bytes | None, ours: Ours) -> _Content:
    if raw is None:
        return _Content(
            None,
            Recognised(InboundKind.UNREADABLE, "Message trop lourd : il est resté dans la boîte."),
            Reply("", "", ""),
        )
    message = parsing.parse(raw)
    recognised, reply = kinds.recognise(message, ours), replies.cut(message.text, message.html)
    if recognised.kind not in _REPORTS:
        return _Content(message, recognised, reply)
    return _Content(message, recognised, reply, bounces.read(message), reports.returned_to(message))


def _place(
    session: Session, reader: Reader, row: InboundMessage, content: _Content, *, now: datetime
) -> InboundMessage:
    match = _match(session, reader, content)
    row.kind, row.reason = content.recognised.kind, content.recognised.reason
    row.treated_at, row.matched_by = now, match.by
    if match.by is MatchedBy.NOTHING and row.kind is not InboundKind.OWN and content.message is not None:
        return _leave_in_place(row)
    row.state = InboundState.TREATED
    _describe(row, content, match)
    if row.kind is InboundKind.BOUNCE:
        _record_bounces(session, content, match, now=now)
    elif row.kind in _FOR_PEOPLE and not _is_repeated(session, row):
        _open_question(session, row, match, now=now)
    return row


def _set_aside(session: Session, row: InboundMessage, *, now: datetime) -> InboundMessage:
    """Shown to the staff as it lies in the mailbox: nothing of it can be told, for reading it is what failed."""
    row.state, row.treated_at, row.matched_by = InboundState.TREATED, now, MatchedBy.NOTHING
    row.kind, row.reason = InboundKind.UNREADABLE, _GIVEN_UP
    if not _is_repeated(session, row):
        _open_question(session, row, _Match(MatchedBy.NOTHING), now=now)
    return row


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


def _match(session: Session, reader: Reader, content: _Content) -> _Match:
    """Token first, then In-Reply-To, then References, then who wrote: only the first three tie to a mail (S3).

    A report says in fields of its own which mail it is about: they count behind the same three of the message itself.
    """
    message = content.message
    if message is None:
        return _Match(MatchedBy.NOTHING)
    for number in _tokens(message, content, reader.secret):
        delivery = session.get(Delivery, number) if number is not None else None
        if delivery is not None:
            return _matched(session, message, delivery, MatchedBy.TOKEN)
    returned = [one for bounce in content.reported[:1] for one in bounce.original_message_ids]
    for by, known in (
        (MatchedBy.IN_REPLY_TO, [message.in_reply_to]),
        (MatchedBy.REFERENCES, list(message.references[-20:])),
        (MatchedBy.REFERENCES, returned),
    ):
        delivery = session.scalar(Delivery.known_as([one for one in known if one]).limit(1))
        if delivery is not None:
            return _matched(session, message, delivery, by)
    contact = session.scalar(Contact.at(addresses.key(message.from_address)).limit(1)) if message.from_address else None
    return _Match(MatchedBy.SENDER, contact=contact) if contact is not None else _Match(MatchedBy.NOTHING)


def _tokens(message: Message, content: _Content, secret: bytes) -> Iterator[int | None]:
    """Give what the tokens of a message name, None for a forged one: where it came to, then what it reports on (D16)."""
    for address in message.recipients:
        yield tokens.find_address_token(address, secret)
    for bounce in content.reported[:1]:
        yield tokens.read_address_token(bounce.envelope_id, secret)
    for address in content.returned_to:
        yield tokens.find_address_token(address, secret)


def _matched(session: Session, message: Message, delivery: Delivery, by: MatchedBy) -> _Match:
    contact = session.get(Contact, delivery.contact_id) if delivery.contact_id is not None else None
    ours = {addresses.key(delivery.address), contact.email_key if contact else None}
    return _Match(by, delivery, contact, addresses.key(message.from_address) in ours)


def _leave_in_place(row: InboundMessage) -> InboundMessage:
    """A stranger's mail that answers nothing of ours: it stays in the mailbox, counted, and nothing of it is kept."""
    row.state, row.raw = InboundState.LEFT_IN_PLACE, None
    return row


def _describe(row: InboundMessage, content: _Content, match: _Match) -> None:
    if content.message is not None:
        row.from_address, row.from_name = content.message.from_address[:254], content.message.from_name[:200]
        row.subject, row.message_id = content.message.subject[:998], content.message.message_id[:998]
    row.reply, row.signature, row.quoted = content.reply.reply, content.reply.signature, content.reply.quoted
    row.delivery_id = match.delivery.id if match.delivery else None
    row.contact_id = match.contact.id if match.contact else None


def _record_bounces(session: Session, content: _Content, match: _Match, *, now: datetime) -> None:
    """Mark the mail that came back. Only our own token or Message-ID names it: an address in a report proves nothing."""
    failed, delivery = [bounce for bounce in content.reported if bounce.action == "failed"], match.delivery
    if not failed or delivery is None:
        return
    if delivery.campaign_id is not None and any(bounce.status in severity.UNKNOWN for bounce in failed):
        denials.take_turn(session)
    # It was read before: another report on the same mail may have had its turn meanwhile, and the first one counts.
    session.refresh(delivery, with_for_update=True)
    is_first, first = delivery.bounced_at is None, failed[0]
    for bounce in failed:
        deliveries.record_bounce(delivery, status=bounce.status, reason=bounce.reason, words=bounce.words, now=now)
    if is_first:
        # The mail before its destination, as who settles takes them.
        session.flush()
        destinations.note_bounce(
            session, delivery.address, status=first.status, words=first.words, reason=first.reason, now=now
        )
        for bounce in failed:
            suppressions.note_bounce(session, delivery, bounce, now=now)


def _is_repeated(session: Session, row: InboundMessage) -> bool:
    """Whether the very same bytes were read before (a mailbox whose UIDs changed): one question is enough."""
    same = select(InboundMessage.id).where(
        InboundMessage.sha256 == row.sha256, InboundMessage.state == InboundState.TREATED, InboundMessage.id != row.id
    )
    return row.raw is not None and session.scalar(same.limit(1)) is not None


def _open_question(session: Session, row: InboundMessage, match: _Match, *, now: datetime) -> None:
    delivery = match.delivery
    campaign = session.get(Campaign, delivery.campaign_id) if delivery is not None and delivery.campaign_id else None
    questions.open_from_mail(
        session,
        row,
        text=row.reply,
        matched_by=match.by,
        contact_id=row.contact_id,
        campaign_id=campaign.id if campaign else None,
        event_id=campaign.event_id if campaign else None,
        same_address=match.same_address,
        now=now,
    )
    if delivery is not None:
        delivery.answered_at = delivery.answered_at or row.received_at
