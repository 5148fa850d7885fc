"""The inbox: read each stored message, tie it to one of ours, and put it in its place (I5)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, sessionmaker

from service.actions import (
    acknowledgements,
    bells,
    complaints,
    copies,
    deliveries,
    denials,
    destinations,
    matches,
    questions,
    scores,
    suppressions,
    traces,
)
from service.actions.mailbox import Reader
from service.actions.matches import Match, Trace
from service.core import addresses, pacing
from service.core.reading import content as contents
from service.core.reading import severity
from service.core.reading.content import Content
from service.core.vocabulary import InboundKind, InboundState, MatchedBy, TokenRefusal
from service.models.campaign import Campaign
from service.models.inbound_message import InboundMessage

# A stored message whose bell was rung is given this long before the clock rings again.
RING_AGAIN = timedelta(seconds=60)
_GIVEN_UP = "Sa lecture s’est arrêtée plusieurs fois. Le message est conservé en entier."
_WHY_UNSURE = {
    MatchedBy.RELAY: "L’avis d’échec cite le numéro donné au message par le relais : l’adresse n’est pas écartée pour autant.",
    MatchedBy.RECIPIENT: "L’avis d’échec cite cette adresse, sans dire de quel message il parle.",
}
# What becomes a question: somebody wrote, whatever he wants; staff sort it.
FOR_PEOPLE = (InboundKind.QUESTION, InboundKind.UNSUBSCRIBE, InboundKind.UNREADABLE)
Limits = Callable[[], AbstractContextManager[None]]
_IS_STORED = InboundMessage.state == InboundState.STORED
log = structlog.get_logger(__name__)


def read(
    sessions: sessionmaker[Session],
    reader: Reader,
    message_id: int,
    *,
    now: Callable[[], datetime],
    within: Limits = nullcontext,
) -> InboundMessage | None:
    """Read one stored message and put it in its place; None when that was done already, or is not due.

    The attempt is counted before it begins: a message that ends the process which reads it is set aside after some,
    kept whole and shown to the staff. No transaction is open while it is parsed, `within` limits of time and memory.
    """
    due = InboundMessage.to_read(now()).where(InboundMessage.id == message_id)
    return _read(sessions, reader, due, now=now, within=within)


def read_next(
    sessions: sessionmaker[Session], reader: Reader, *, now: Callable[[], datetime], within: Limits = nullcontext
) -> InboundMessage | None:
    """Read, as `read` does, the message that has waited longest; None when none is due."""
    return _read(sessions, reader, InboundMessage.to_read(now()).limit(1), now=now, within=within)


def next_waiting(session: Session, *, now: datetime) -> int | None:
    """Give the number of the message that has waited longest to be read; None when none is due."""
    return session.scalar(InboundMessage.to_read(now).with_only_columns(InboundMessage.id).limit(1))


def waiting(session: Session, *, now: datetime, limit: int = 500) -> list[InboundMessage]:
    """List the stored messages that no worker has read: their bell was lost or never rung, or their reading died."""
    unheard = bells.may_be_lost(InboundMessage.rung_at, now=now, after=RING_AGAIN)
    return list(session.scalars(InboundMessage.to_read(now).where(unheard).limit(limit)))


def left_in_place(session: Session) -> int:
    """Count the mail of strangers that answers nothing of ours, junk aside: it was left in the mailbox."""
    left = InboundMessage.state == InboundState.LEFT_IN_PLACE
    query = select(func.count()).where(left, ~InboundMessage.from_junk)
    return session.scalar(query) or 0


def refused_tokens(session: Session, *, since: datetime) -> int:
    """Count the messages read since an instant that carried a forged, altered or expired token (D16)."""
    return session.scalar(select(func.count()).where(InboundMessage.is_token_refused_since(since))) or 0


def _read(
    sessions: sessionmaker[Session],
    reader: Reader,
    due: Select[InboundMessage],
    *,
    now: Callable[[], datetime],
    within: Limits,
) -> InboundMessage | None:
    with sessions.begin() as session:
        # It is counted for who reads after a death of this process, not after a power cut.
        session.connection(execution_options={"may_be_lost": True})
        row = session.scalar(due.with_for_update(skip_locked=True))
        if row is None:
            return None
        if row.attempts > pacing.MOST_READINGS:
            return _set_aside(session, row, "", now=now())
        is_given_up = row.is_given_up
        row.take_attempt(now=now())
        number, raw, head_only, at = row.id, row.raw, row.head_only, row.received_at
    if is_given_up:
        # Its header alone is looked at, once: that too is counted before, for that may be what ends whoever reads it.
        with within():
            key = copies.key_of_unread(raw, head_only=head_only)
        with sessions.begin() as session:
            row = _still_stored(session, number)
            return _set_aside(session, row, key, now=now()) if row is not None else None
    with within():
        content = contents.understand(raw, reader.ours, head_only=head_only)
    with sessions() as session:
        # SQLite's one write lock is not held while the replies of large sendings are gone through.
        session.connection(execution_options={"read_only": True})
        traced = matches.trace(session, content, reader.secret, at=at)
    with sessions.begin() as session:
        row = _still_stored(session, number)
        return _place(session, reader, row, content, traced, now=now()) if row is not None else None


def _still_stored(session: Session, number: int) -> InboundMessage | None:
    """Waited for: who looks for the oldest that waits may hold it for a moment, and it is ours to put in its place."""
    return session.scalar(select(InboundMessage).where(InboundMessage.id == number, _IS_STORED).with_for_update())


def _place(
    session: Session, reader: Reader, row: InboundMessage, content: Content, traced: Trace | None, *, now: datetime
) -> InboundMessage:
    match = matches.find(session, content, reader.secret, traced=traced, authserv_id=reader.authserv_id)
    _count_refused_token(row, matches.refused_token(session, content, reader.secret, ours=reader.ours))
    if match.by is MatchedBy.NOTHING and row.matched_by is MatchedBy.STAFF:
        match = Match(MatchedBy.STAFF, check=match.check)
    row.kind, row.reason = content.recognised.kind, content.recognised.reason
    row.treated_at, row.matched_by = now, match.by
    key = copies.key_of(row, content)
    # Who wrote is easily made up: of what the provider holds for junk, only what surely answers or reports on ours counts.
    if row.from_junk and not match.is_sure:
        return _leave_in_place(row)
    is_stranger = match.by is MatchedBy.NOTHING and row.kind is not InboundKind.OWN and content.message is not None
    if is_stranger and copies.first_of(session, row, key) is None:
        _describe_writer(row, content)
        return _leave_in_place(row)
    row.state = InboundState.TREATED
    _describe(row, content, match)
    first = copies.take_in(session, row, key)
    row.id_shared = copies.shares_its_id(session, row, row.message_id)
    if first is None:
        _act(session, reader, row, content, match, now=now)
    elif first.matched_by is not None and match.by.is_surer_than(first.matched_by):
        # Only one of the two came by the address with the token, for instance.
        _tie(first, match)
        _act(session, reader, first, content, match, now=now)
    return row


def _act(
    session: Session, reader: Reader, row: InboundMessage, content: Content, match: Match, *, now: datetime
) -> None:
    if row.kind is InboundKind.BOUNCE and _is_too_late(match, row.received_at):
        _count_refused_token(row, TokenRefusal.EXPIRED)
    elif row.kind is InboundKind.BOUNCE:
        record_bounces(session, row, content, match, now=now)
    elif row.kind is InboundKind.COMPLAINT and match.delivery is not None and match.is_sure:
        complaints.record(session, match.delivery, now=now)
    elif row.kind in FOR_PEOPLE:
        open_question(session, row, match, now=now)
        if content.message is not None:
            acknowledgements.order(session, row, content.message.headers, match, reader=reader, now=now)


def _set_aside(session: Session, row: InboundMessage, key: str, *, now: datetime) -> InboundMessage:
    """Shown to the staff as it lies in the mailbox: nothing of it can be told, for reading it is what failed."""
    # The look at its header was no reading.
    row.attempts = min(row.attempts, pacing.MOST_READINGS)
    row.treated_at, row.matched_by = now, MatchedBy.NOTHING
    if row.from_junk:
        return _leave_in_place(row)
    row.state = InboundState.TREATED
    row.kind, row.reason = InboundKind.UNREADABLE, _GIVEN_UP
    if copies.take_in_set_aside(session, row, key) is None:
        open_question(session, row, Match(MatchedBy.NOTHING), now=now)
    return row


def _leave_in_place(row: InboundMessage) -> InboundMessage:
    """A stranger's mail that answers nothing of ours: it stays in the mailbox, counted, and its bytes are not kept."""
    row.state, row.raw = InboundState.LEFT_IN_PLACE, None
    return row


def _describe(row: InboundMessage, content: Content, match: Match) -> None:
    _describe_writer(row, content)
    if content.message is not None:
        row.message_id = content.message.message_id[:998]
    row.reply, row.signature, row.quoted = content.reply.reply, content.reply.signature, content.reply.quoted
    _tie(row, match)


def _tie(row: InboundMessage, match: Match) -> None:
    row.matched_by, row.sender_check = match.by, match.check
    row.delivery_id = match.delivery.id if match.delivery else None
    row.contact_id = match.contact.id if match.contact else None


def _describe_writer(row: InboundMessage, content: Content) -> None:
    if content.message is not None:
        row.from_address, row.from_name = content.message.from_address[:254], content.message.from_name[:200]
        row.subject = content.message.subject[:998]


def _count_refused_token(row: InboundMessage, why: TokenRefusal | None) -> None:
    """Keep why a token was not believed, and tell who operates Pli: many of them are an attempt at forging (D16)."""
    if why is not None:
        row.token_refused = why
        log.warning("inbox.token_refused", message=row.id, why=why.value)


def _is_too_late(match: Match, at: datetime) -> bool:
    """Whether a report comes so long after the mail left that its token has expired: no server tries for a month."""
    delivery = match.delivery
    left_at = delivery.settled_at if delivery is not None and match.by is MatchedBy.TOKEN else None
    return left_at is not None and at - left_at > traces.REPORTS_END


def record_bounces(session: Session, row: InboundMessage, content: Content, match: Match, *, now: datetime) -> None:
    """Mark the mail that came back; only our token or our Message-ID proves which one it is.

    The relay's name of it can be guessed, and an address in a report is anybody's to write: by them alone it is shown on
    the mail, and neither the address nor its domain is judged (D16).
    """
    failed, delivery = [bounce for bounce in content.reported if bounce.action == "failed"], match.delivery
    if not failed or delivery is None:
        return
    if delivery.campaign_id is not None and any(bounce.status in severity.UNKNOWN for bounce in failed):
        denials.take_turn(session)
    # It was read before: another report on the same mail may have had its turn meanwhile.
    session.refresh(delivery, with_for_update=True)
    if not match.is_sure:
        about = next(one for one in failed if addresses.key(one.address) == addresses.key(delivery.address))
        reason = f"{about.reason} {_WHY_UNSURE[match.by]}"
        deliveries.record_bounce(delivery, status="", reason=reason, words=about.words, by=match.by, now=now)
        return
    first = failed[0]
    if deliveries.record_bounce(
        delivery, status=first.status, reason=first.reason, words=first.words, by=match.by, now=now
    ):
        # The mail before its destination, as who settles takes them.
        session.flush()
        destinations.note_bounce(session, delivery.address, first, now=now)
        for bounce in failed:
            suppressions.note_bounce(session, delivery, bounce, now=now)
        session.flush()
        for bounce in failed:
            scores.note_bounce(session, delivery, bounce, on=row.received_at.date(), now=now)


def open_question(session: Session, row: InboundMessage, match: Match, *, now: datetime) -> None:
    """Open the question of a message that somebody wrote, and count the mail of ours that it answers as answered."""
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
    # Somebody else's words are no answer of the member.
    if delivery is not None and match.same_address:
        delivery.answered_at = delivery.answered_at or row.received_at
