"""Claims: which rows may leave now, taken for one sending process (sending.md)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.orm import Session

from service.actions import leases, looks, pace
from service.actions.pace import FREE, Rules
from service.core.vocabulary import CampaignStatus, MailKind, Wait
from service.models.delivery import Delivery
from service.models.front import Front
from service.models.tally import Tally

# One process sends them in half a second.
_MANY = 2000


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
    connection = session.connection()
    dialect = connection.dialect.name
    status, mail_class, kind = connection.execute(looks.CAMPAIGN, {"b_campaign": campaign_id}).one()
    if status is not CampaignStatus.SENDING:
        return Claim()
    gate = pace.open_gate(session, rules, mail_class=mail_class, wanted=limit, now=now)
    if gate.count == 0:
        return Claim(looked_to=after, again_at=gate.again_at, waits_for=gate.waits_for)
    can_be_left = mail_class is None or mail_class.can_be_left

    def look(build: Callable[..., Select[Any]], most: int) -> list[tuple[Ticket, str]]:
        asked = {"b_campaign": campaign_id, "b_after": start, "b_limit": most, "b_now": now}
        which = build(dialect, can_be_left=can_be_left, closed=gate.closed)
        return _claimed(looks.read(connection, which, asked), campaign_id, kind, now)

    may_find, start = True, after
    if after == 0:
        # What has left is not passed by again; and only where something is left, anything is.
        may_find, start = session.execute(select(Tally.has_fresh(campaign_id), Front.of(campaign_id))).one()
    fresh = look(looks.fresh, gate.count) if may_find else []
    left = gate.count - len(fresh)
    again = look(looks.put_off, left) if left else []
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
    asked = {"b_id": delivery_id, "b_limit": 1}
    return _take_singles(session, looks.SINGLE, asked, owner=owner, now=now, rules=rules)


def claim_singles(session: Session, *, owner: str, limit: int, after: int, now: datetime, rules: Rules = FREE) -> Claim:
    """Take up to `limit` of the mails above number `after` that stand outside any campaign and are due, proofs aside."""
    asked = {"b_after": after, "b_limit": limit}
    return _take_singles(session, looks.SINGLES, asked, owner=owner, now=now, rules=rules)


def are_many(session: Session, campaign_id: int) -> bool:
    """Whether so many rows of a campaign wait that another process is worth its start."""
    return bool(session.scalar(select(Tally.has_fresh(campaign_id, more_than=_MANY))))


def _claimed(
    found: Iterable[tuple[Sequence[Any], Any]], campaign_id: int | None, kind: MailKind, now: datetime
) -> list[tuple[Ticket, str]]:
    """Give the ticket of each row as it will be once it is taken, and why it must not leave, if it must not."""
    tickets = []
    for row, fields in found:
        why_not, number, epoch, address, _, message_id, in_reply_to, attempts, handed_at, link_version, *_ = row
        since, tries = handed_at or now, attempts + 1
        ticket = Ticket(
            number,
            epoch + 1,
            campaign_id,
            kind,
            None,
            address,
            fields,
            message_id,
            in_reply_to,
            tries,
            since,
            link_version,
            now,
        )
        tickets.append((ticket, why_not))
    return tickets


def _take_singles(
    session: Session, which: Select[Any], asked: Mapping[str, int], *, owner: str, now: datetime, rules: Rules
) -> Claim:
    found = session.connection().execute(which, {**asked, "b_now": now}).all()
    with_fields = [(row, json.loads(row.fields)) for row in found]
    claimed = _claimed(with_fields, None, MailKind.NOTICE, now)
    _leave_out(session, [(ticket.id, why_not) for ticket, why_not in claimed if why_not], now=now)
    tickets = tuple(
        ticket._replace(kind=row.kind, subject_id=row.subject_id)
        for (ticket, why_not), row in zip(claimed, found, strict=True)
        if not why_not
    )
    _take(session, None, tickets, owner=owner, now=now)
    pace.book(session, rules, (ticket.address for ticket in tickets), now=now)
    return Claim(tickets, found[-1].id if found else asked.get("b_after", 0), is_short=len(found) < asked["b_limit"])


def _take(session: Session, campaign_id: int | None, tickets: Sequence[Ticket], *, owner: str, now: datetime) -> None:
    """Mark these rows as taken, and enter them in the lease of their process."""
    if not tickets:
        return
    numbers = [ticket.id for ticket in tickets]
    leases.hold(session, owner, campaign_id, numbers, now=now)
    statement, listed = looks.take(numbers, session.get_bind().dialect.name)
    session.connection().execute(statement, {"b_ids": listed, "b_owner": owner, "b_now": now})


def is_of(domain: str) -> ColumnElement[bool]:
    """Whether a row goes to this destination domain."""
    return func.lower(Delivery.address).endswith(f"@{domain}", autoescape=True)


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
