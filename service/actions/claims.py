"""Claims: which rows may leave now, taken for one sending process (sending.md)."""

from __future__ import annotations

import json
import typing
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    String,
    Table,
    Text,
    Update,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from service.actions import leases, pace
from service.actions.pace import FREE, Rules
from service.core.send_log import Leg
from service.core.vocabulary import CampaignStatus, DeliveryState, MailClass, MailKind, SkipReason, Wait
from service.models.base import Instant
from service.models.campaign import Campaign, CampaignTarget
from service.models.delivery import Delivery
from service.models.mailing_list import Subscription, Suppression
from service.models.member import Contact, Member
from service.models.tally import Tally

_WAITING = (DeliveryState.PENDING, DeliveryState.DEFERRED)
_table = typing.cast("Table", Delivery.__table__)
# One process sends them in half a second.
_MANY = 2000
_NO_REASON: ColumnElement[str] = literal("")
# What a ticket is made of, in its order.
_TICKET = (
    _table.c.id,
    _table.c.lease_epoch,
    _table.c.campaign_id,
    _table.c.kind,
    _table.c.subject_id,
    _table.c.address,
    # As text: the driver's own reading of JSON takes twice as long.
    cast(_table.c.fields, Text),
    _table.c.message_id,
    _table.c.in_reply_to,
    _table.c.attempts,
    _table.c.handed_at,
    select(Contact.link_version).where(Contact.id == _table.c.contact_id).scalar_subquery(),
)


class Ticket(NamedTuple):
    """A claimed row, as the sender needs it; the epoch fences a process that wakes after its lease."""

    id: int
    epoch: int
    campaign_id: int | None
    kind: MailKind
    subject_id: int | None
    address: str
    fields: dict[str, str]
    message_id: str
    in_reply_to: str
    attempts: int
    handed_at: datetime
    # The version that the personal links of this mail carry; None where nobody has any.
    link_version: int | None = None
    # When it was taken for this attempt; None for one that is read from the database.
    claimed_at: datetime | None = None

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
    look = partial(_look, session, why_not=_why_not(campaign_id, mail_class), now=now)
    is_fresh = and_(which, Delivery.due_at.is_(None), Delivery.state.in_(_WAITING))
    # From the start on, all that has left would be passed by: only where something is left.
    may_find = after > 0 or session.scalar(select(Tally.has_fresh(campaign_id)))
    fresh = look(is_fresh, limit=gate.count, after=after) if may_find else []
    put_off = and_(which, Delivery.due_at <= now, Delivery.stands(*_WAITING))
    again = look(put_off, limit=gate.count - len(fresh)) if len(fresh) < gate.count else []
    # Recipients of whom a server complains each time would else stand before the others for ever.
    rows = [*fresh, *again]
    _leave_out(session, [(ticket.id, why_not) for ticket, why_not in rows if why_not], now=now)
    tickets = [ticket for ticket, why_not in rows if not why_not]
    surplus = gate.surplus((ticket.id, ticket.address) for ticket in tickets)
    taken = tuple(ticket for ticket in tickets if ticket.id not in surplus)
    _take(session, campaign_id, taken, owner=owner, now=now)
    pace.book(session, rules, (ticket.address for ticket in taken), now=now)
    looked_to = fresh[-1][0].id if fresh else after
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
    tickets = tuple(ticket for ticket, _ in _look(session, which, limit=1, now=now))
    _take(session, None, tickets, owner=owner, now=now)
    pace.book(session, rules, (ticket.address for ticket in tickets), now=now)
    return Claim(tickets, delivery_id)


def are_many(session: Session, campaign_id: int) -> bool:
    """Whether so many rows of a campaign wait that another process is worth its start."""
    return bool(session.scalar(select(Tally.has_fresh(campaign_id, more_than=_MANY))))


def _look(
    session: Session,
    which: ColumnElement[bool],
    *,
    limit: int,
    now: datetime,
    after: int = 0,
    why_not: ColumnElement[str] = _NO_REASON,
) -> list[tuple[Ticket, str]]:
    """Lock rows in the order of their numbers; give the ticket of each, and why it must not leave, if it must not.

    Core, and one statement for all that is asked of a row: entities and further questions took half of a process.
    """
    query = select(why_not, *_TICKET).where(which, _table.c.id > after).order_by(_table.c.id).limit(limit)
    found = session.connection().execute(query.with_for_update(skip_locked=True, of=_table))
    return [(_claimed(row, now), row[0]) for row in found.all()]


def _claimed(row: Sequence[Any], now: datetime) -> Ticket:
    """Give the ticket of a row as it will be once it is taken."""
    _, number, epoch, campaign_id, kind, subject_id, address, fields, message_id, in_reply_to, *rest = row
    attempts, handed_at, link_version = rest
    return Ticket(
        number,
        epoch + 1,
        campaign_id,
        kind,
        subject_id,
        address,
        json.loads(fields),
        message_id,
        in_reply_to,
        attempts + 1,
        handed_at or now,
        link_version,
        now,
    )


def _take(session: Session, campaign_id: int | None, tickets: Sequence[Ticket], *, owner: str, now: datetime) -> None:
    """Mark these rows as taken, and enter them in the lease of their process."""
    if not tickets:
        return
    numbers = [ticket.id for ticket in tickets]
    leases.hold(session, owner, campaign_id, numbers, now=now)
    listed = ",".join(map(str, numbers))
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    session.connection().execute(
        _TAKE_ON_SQLITE if is_sqlite else _TAKE,
        {"b_ids": f"[{listed}]" if is_sqlite else f"{{{listed}}}", "b_owner": owner, "b_now": now},
    )


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


@lru_cache(maxsize=64)
def _why_not(campaign_id: int, mail_class: MailClass | None) -> ColumnElement[str]:
    """Why a row must not leave now: its member left the cooperative or the home list, or its address is suppressed."""
    gone = select(Member.id).where(Member.id == _table.c.member_id, ~Member.is_present()).exists()
    reasons = [(gone, SkipReason.LEFT.value)]
    if mail_class is None or mail_class.can_be_left:
        home = select(CampaignTarget.list_id).where(
            CampaignTarget.campaign_id == campaign_id, CampaignTarget.position == 0
        )
        opted_out = select(Subscription.id).where(
            Subscription.contact_id == _table.c.contact_id,
            Subscription.list_id == home.scalar_subquery(),
            Subscription.left_at.is_not(None),
        )
        suppressed = select(Suppression.address_hmac).where(Suppression.address_hmac == _table.c.address_hmac)
        reasons += [
            (opted_out.exists(), SkipReason.OPTED_OUT.value),
            (suppressed.exists(), SkipReason.SUPPRESSED.value),
        ]
    return case(*reasons, else_="")


def _leave_out(session: Session, found: Iterable[tuple[int, str]], *, now: datetime) -> None:
    for number, why in found:
        session.execute(
            update(Delivery)
            .where(Delivery.id == number)
            .values(Delivery.kept_back(why, now=now))
            .execution_options(synchronize_session=False)
        )


def ticket_of(row: Any) -> Ticket:
    """Give the ticket of a row, whole or as claimed."""
    return Ticket(
        id=row.id,
        epoch=row.lease_epoch,
        campaign_id=row.campaign_id,
        kind=row.kind,
        subject_id=row.subject_id,
        address=row.address,
        fields=row.fields,
        message_id=row.message_id,
        in_reply_to=row.in_reply_to,
        attempts=row.attempts,
        handed_at=row.handed_at,
    )


def _taking(these: ColumnElement[bool]) -> Update:
    return (
        update(_table)
        .where(these)
        .values(
            state=DeliveryState.HANDING,
            attempts=_table.c.attempts + 1,
            handed_at=func.coalesce(_table.c.handed_at, bindparam("b_now", type_=Instant)),
            lease_owner=bindparam("b_owner"),
            lease_epoch=_table.c.lease_epoch + 1,
        )
    )


# As one text: the elements of an array of the driver's cost 5 µs each.
_TAKE = _taking(_table.c.id == any_(cast(bindparam("b_ids", type_=String), ARRAY(BigInteger))))
_json = func.json_each(bindparam("b_ids", type_=String)).table_valued("value", name="taken")
_TAKE_ON_SQLITE = _taking(_table.c.id.in_(select(_json.c.value)))
