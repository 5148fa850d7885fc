"""Claims: which rows may leave now, taken for one sending process (sending.md)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, func, or_, select, true, update
from sqlalchemy.orm import Session

from service.actions import leases, pace
from service.actions.pace import FREE, Rules
from service.core.send_log import Leg
from service.core.vocabulary import CampaignStatus, DeliveryState, MailClass, MailKind, SkipReason, Wait
from service.models.campaign import Campaign, CampaignTarget
from service.models.delivery import Delivery
from service.models.mailing_list import Subscription, Suppression
from service.models.member import Contact, Member

_WAITING = (DeliveryState.PENDING, DeliveryState.DEFERRED)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A claimed row, as the sender needs it; the epoch fences a process that wakes after its lease."""

    id: int
    epoch: int
    campaign_id: int | None
    contact_id: int | None
    kind: MailKind
    mail_class: MailClass
    subject: str
    subject_id: int | None
    address: str
    fields: dict[str, str]
    message_id: str
    in_reply_to: str
    attempts: int
    handed_at: datetime
    # When it was taken for this attempt; None for one that is read from the database.
    claimed_at: datetime | None = None
    # The version that the personal links of this mail carry.
    link_version: int = 0

    @property
    def leg(self) -> Leg:
        """This attempt, as the send log names it."""
        return Leg(self.id, self.epoch)


@dataclass(frozen=True, slots=True)
class Claim:
    """What was taken: the rows to send, and up to which number the campaign was looked through."""

    tickets: tuple[Ticket, ...] = ()
    looked_to: int = 0
    is_short: bool = True
    # When more may be taken, where the pace holds rows back, and what is waited for then.
    again_at: datetime | None = None
    waits_for: Wait | None = None


def claim(
    session: Session,
    campaign_id: int,
    *,
    owner: str,
    limit: int,
    after: int,
    now: datetime,
    rules: Rules = FREE,
) -> Claim:
    """Take up to `limit` rows above number `after` for the wire; who must not be written to is skipped here (D7).

    The state of the campaign is read under a lock: who pauses or stops it waits for this transaction, and what is
    claimed after his commit is nothing. The pace may leave rows where they are, and says when they may be taken.
    """
    query = select(Campaign.status, Campaign.mail_class).where(Campaign.id == campaign_id).with_for_update(read=True)
    status, mail_class = session.execute(query).one()
    if status is not CampaignStatus.SENDING:
        return Claim()
    gate = pace.open_gate(session, rules, mail_class=mail_class, wanted=limit, now=now)
    if gate.count == 0:
        return Claim(looked_to=after, again_at=gate.again_at, waits_for=gate.waits_for)
    which = and_(Delivery.campaign_id == campaign_id, _is_elsewhere(session, gate.closed))
    rows, again, looked_to = _fresh_and_due(session, which, owner=owner, limit=gate.count, after=after, now=now)
    leases.hold(session, owner, campaign_id, [row.id for row in rows], now=now)
    left_out = _leave_out(session, campaign_id, rows, owner=owner, now=now)
    tickets = [replace(ticket_of(row), claimed_at=now) for row in rows if row.id not in left_out]
    # Recipients of whom a server complains each time would else stand before the others for ever.
    tickets.sort(key=lambda ticket: ticket.id in again)
    surplus = gate.surplus((ticket.id, ticket.address) for ticket in tickets)
    _put_back(session, [ticket for ticket in tickets if ticket.id in surplus])
    taken = tuple(ticket for ticket in tickets if ticket.id not in surplus)
    pace.book(session, rules, (ticket.address for ticket in taken), now=now)
    is_short = len(rows) < gate.count
    again_at = (gate.opens_at or (now + pace.A_MOMENT if surplus else None)) if is_short else None
    return Claim(taken, looked_to, is_short=is_short, again_at=again_at, waits_for=Wait.PACE if again_at else None)


def claim_single(session: Session, delivery_id: int, *, owner: str, now: datetime, rules: Rules = FREE) -> Claim:
    """Take one mail that stands outside any campaign: it answers a person, and no pace holds it back."""
    which = and_(
        Delivery.id == delivery_id,
        Delivery.campaign_id.is_(None),
        Delivery.state.in_(_WAITING),
        or_(Delivery.due_at.is_(None), Delivery.due_at <= now),
    )
    rows = _take(session, which, owner=owner, limit=1, after=0, now=now)
    leases.hold(session, owner, None, [row.id for row in rows], now=now)
    pace.book(session, rules, (row.address for row in rows), now=now)
    return Claim(tuple(replace(ticket_of(row), claimed_at=now) for row in rows), delivery_id)


def link_versions(session: Session, claimed: Claim, *, owner: str) -> dict[int, int]:
    """The version that the personal links of each claimed mail must carry, by the number of its row."""
    if not claimed.tickets:
        return {}
    numbers = [ticket.id for ticket in claimed.tickets]
    query = (
        select(Delivery.id, Contact.link_version)
        .join(Contact, Contact.id == Delivery.contact_id)
        .where(Delivery.id.between(min(numbers), max(numbers)), Delivery.lease_owner == owner)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _take(
    session: Session, which: ColumnElement[bool], *, owner: str, limit: int, after: int, now: datetime
) -> list[Row[Any]]:
    free = (
        select(Delivery.id)
        .where(which, Delivery.id > after)
        .order_by(Delivery.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("free")
    )
    taken = session.execute(
        update(Delivery)
        .where(Delivery.id.in_(select(free.c.id)))
        .values(
            state=DeliveryState.HANDING,
            attempts=Delivery.attempts + 1,
            handed_at=func.coalesce(Delivery.handed_at, now),
            lease_owner=owner,
            lease_epoch=Delivery.lease_epoch + 1,
        )
        .returning(*_TICKET)
        .execution_options(synchronize_session=False)
    )
    # RETURNING has no order.
    rows: list[Any] = list(taken.all())
    return sorted(rows, key=lambda row: int(row.id))


def _fresh_and_due(
    session: Session, which: ColumnElement[bool], *, owner: str, limit: int, after: int, now: datetime
) -> tuple[list[Row[Any]], set[int], int]:
    """Take rows that were never put off, and where these are few those that were and are due.

    Return them in the order of their numbers, which of them were put off, and up to which number was looked.
    """
    is_fresh = and_(which, Delivery.state.in_(_WAITING), Delivery.due_at.is_(None))
    fresh = _take(session, is_fresh, owner=owner, limit=limit, after=after, now=now)
    looked_to = fresh[-1].id if fresh else after
    if len(fresh) == limit:
        return fresh, set(), looked_to
    was_put_off = and_(which, Delivery.standing.is_not(None), Delivery.standing.in_(_WAITING), Delivery.due_at <= now)
    again = _take(session, was_put_off, owner=owner, limit=limit - len(fresh), after=0, now=now)
    return sorted([*fresh, *again], key=lambda row: int(row.id)), {row.id for row in again}, looked_to


def _is_elsewhere(session: Session, domains: Collection[str]) -> ColumnElement[bool]:
    """Whether a row goes to none of these destination domains; there may be thousands of them."""
    if not domains:
        return true()
    address = func.lower(Delivery.address)
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    domain = func.split_part(address, "@", 2) if is_postgresql else func.substr(address, func.instr(address, "@") + 1)
    return domain.not_in(sorted(domains))


def is_of(domain: str) -> ColumnElement[bool]:
    """Whether a row goes to this destination domain."""
    return func.lower(Delivery.address).endswith(f"@{domain}", autoescape=True)


def _put_back(session: Session, tickets: Sequence[Ticket]) -> None:
    """Leave rows as they were found: their destination has no room for them now."""
    if not tickets:
        return
    was_new = Delivery.attempts == 1
    session.execute(
        update(Delivery)
        .where(Delivery.id.in_([ticket.id for ticket in tickets]))
        .values(
            state=DeliveryState.PENDING,
            attempts=Delivery.attempts - 1,
            # As if it had not been taken: a late word on the attempt before still counts.
            lease_epoch=Delivery.lease_epoch - 1,
            handed_at=case((was_new, None), else_=Delivery.handed_at),
            lease_owner=None,
        )
        .execution_options(synchronize_session=False)
    )


def _leave_out(
    session: Session, campaign_id: int, rows: Sequence[Row[Any]], *, owner: str, now: datetime
) -> Mapping[int, SkipReason]:
    """Skip who must not be written to now: he left the cooperative or the home list, or his address is suppressed."""
    if not rows:
        return {}
    gone = select(Member.id).where(Member.id == Delivery.member_id, ~Member.is_present()).exists()
    can_be_left = rows[0].mail_class.can_be_left
    home = select(CampaignTarget.list_id).where(CampaignTarget.campaign_id == campaign_id, CampaignTarget.position == 0)
    opted_out = (
        select(Subscription.id)
        .where(
            Subscription.contact_id == Delivery.contact_id,
            Subscription.list_id == home.scalar_subquery(),
            Subscription.left_at.is_not(None),
        )
        .exists()
    )
    suppressed = select(Suppression.address_hmac).where(Suppression.address_hmac == Delivery.address_hmac).exists()
    reasons = [(gone, SkipReason.LEFT.value)]
    if can_be_left:
        reasons += [(opted_out, SkipReason.OPTED_OUT.value), (suppressed, SkipReason.SUPPRESSED.value)]
    reason = case(*reasons, else_="")
    # From the first to the last: a list of numbers would be another statement for each length, read anew each time.
    taken = {row.id for row in rows}
    between = session.execute(
        select(Delivery.id, reason).where(
            Delivery.campaign_id == campaign_id,
            Delivery.id.between(rows[0].id, rows[-1].id),
            Delivery.lease_owner == owner,
            or_(*(condition for condition, _ in reasons)),
        )
    )
    found = [(number, why) for number, why in between if number in taken]
    for number, why in found:
        session.execute(
            update(Delivery)
            .where(Delivery.id == number)
            .values(**Delivery.kept_back(why, now=now), attempts=Delivery.attempts - 1)
            .execution_options(synchronize_session=False)
        )
    return {number: SkipReason(why) for number, why in found}


def ticket_of(row: Any) -> Ticket:
    """Give the ticket of a row, whole or as claimed."""
    return Ticket(
        id=row.id,
        epoch=row.lease_epoch,
        campaign_id=row.campaign_id,
        contact_id=row.contact_id,
        kind=row.kind,
        mail_class=row.mail_class,
        subject=row.subject,
        subject_id=row.subject_id,
        address=row.address,
        fields=row.fields,
        message_id=row.message_id,
        in_reply_to=row.in_reply_to,
        attempts=row.attempts,
        handed_at=row.handed_at,
    )


_TICKET = (
    Delivery.id,
    Delivery.lease_epoch,
    Delivery.campaign_id,
    Delivery.contact_id,
    Delivery.kind,
    Delivery.mail_class,
    Delivery.subject,
    Delivery.subject_id,
    Delivery.address,
    Delivery.fields,
    Delivery.message_id,
    Delivery.in_reply_to,
    Delivery.attempts,
    Delivery.handed_at,
)
