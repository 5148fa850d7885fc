"""Deliveries: one row a mail. Prepared once, claimed under a lease, handed to the wire, settled (sending.md)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, and_, insert, or_, select, update
from sqlalchemy.orm import Session

from service.actions.audiences import Recipient
from service.core import addresses, pacing
from service.core.verdicts import Outcome, Verdict
from service.core.vocabulary import CampaignStatus, DeliveryState, MailClass, MailKind, SkipReason
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.mailing_list import Subscription, Suppression
from service.models.member import Member

# How long a claimed row is one process's own; renewed at each message. A relay that takes longer to answer the final
# dot costs nothing: the row is called in doubt, and the reply that is read late settles it (`settle`).
LEASE = timedelta(seconds=30)
# A single mail whose bell was rung is given this long before the clock rings again.
RING_AGAIN = timedelta(seconds=60)
# How long a mail that was given up had been tried (RFC 3463: 4.4.7, delivery time expired).
_GIVEN_UP = "4.4.7"


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


def prepare(
    session: Session, campaign: Campaign, audience: Iterable[Recipient], *, domain: str, secret: bytes, now: datetime
) -> int:
    """Write one row a recipient, who is left out included; return how many. The database refuses a second one."""
    mail_class = campaign.mail_class
    rows: list[dict[str, Any]] = []
    count = 0
    for one in audience:
        rows.append(
            {
                "campaign_id": campaign.id,
                "kind": campaign.kind,
                "mail_class": mail_class,
                "contact_id": one.contact_id,
                "member_id": one.member_id,
                "subject": "campaign",
                "subject_id": campaign.id,
                "address": one.address,
                "address_hmac": addresses.fingerprint(one.address, secret) if one.address else "",
                "fields": {**one.fields, "to_name": one.name},
                "message_id": new_message_id(domain),
                "created_at": now,
                "state": DeliveryState.SKIPPED if one.skip else DeliveryState.PENDING,
                "why": one.skip.value if one.skip else "",
                "settled_at": now if one.skip else None,
            }
        )
        if len(rows) == 1000:
            session.execute(insert(Delivery), rows)
            count += len(rows)
            rows = []
    if rows:
        session.execute(insert(Delivery), rows)
    return count + len(rows)


def order(
    session: Session,
    *,
    key: str,
    kind: MailKind,
    address: str,
    fields: dict[str, str],
    subject: str,
    subject_id: int,
    domain: str,
    secret: bytes,
    now: datetime,
    staff_id: int | None = None,
) -> Delivery:
    """Order one mail to one person, outside any campaign; the same `key` twice is one mail."""
    known = session.scalar(select(Delivery).where(Delivery.key == key))
    if known is not None:
        return known
    delivery = Delivery(
        key=key,
        kind=kind,
        mail_class=MailClass.TRANSACTIONAL,
        staff_id=staff_id,
        subject=subject,
        subject_id=subject_id,
        address=address,
        address_hmac=addresses.fingerprint(address, secret),
        fields=fields,
        message_id=new_message_id(domain),
        created_at=now,
        due_at=now,
        rung_at=now,
    )
    session.add(delivery)
    session.flush()
    return delivery


def new_message_id(domain: str) -> str:
    """Make a Message-ID that nobody can guess and that names nobody (RFC 5322 3.6.4; D8)."""
    return f"<{secrets.token_hex(16)}@{domain}>"


def claim(session: Session, campaign_id: int, *, owner: str, limit: int, now: datetime) -> list[Ticket]:
    """Take up to `limit` rows of a campaign under a lease; who opted out or must not be written to is skipped here (D7)."""
    if not _is_sending(session, campaign_id):
        return []
    return _take(session, Delivery.campaign_id == campaign_id, owner=owner, limit=limit, now=now)


def claim_single(session: Session, delivery_id: int, *, owner: str, now: datetime) -> list[Ticket]:
    """Take one mail that stands outside any campaign."""
    return _take(
        session, and_(Delivery.id == delivery_id, Delivery.campaign_id.is_(None)), owner=owner, limit=1, now=now
    )


def hand_over(session: Session, ticket: Ticket, *, owner: str, now: datetime) -> datetime | None:
    """Mark a row as being handed to the wire and renew the owner's leases; return the instant for its Date header.

    None when the row is ours no more: the lease ran out, or somebody opted out, paused or stopped in the meantime. The
    first instant is kept, so that every attempt carries the same Date.
    """
    row = session.scalar(
        select(Delivery)
        .where(Delivery.id == ticket.id, *_mine(ticket, owner), Delivery.lease_expires_at > now)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None or not _is_sending(session, row.campaign_id) or _left_out(session, [row]):
        return None
    row.state = DeliveryState.HANDING
    row.attempts += 1
    row.handed_at = row.handed_at or now
    session.execute(
        update(Delivery)
        .where(Delivery.lease_owner == owner)
        .values(lease_expires_at=now + LEASE)
        .execution_options(synchronize_session=False)
    )
    return row.handed_at


def settle(session: Session, ticket: Ticket, outcome: Outcome, *, owner: str, now: datetime) -> bool:
    """Write down what the relay answered; False when the row belongs to somebody else by now.

    A reply read late still counts for the reader's own row that was called in doubt meanwhile (same epoch).
    """
    row = session.scalar(
        select(Delivery)
        .where(
            Delivery.id == ticket.id,
            Delivery.lease_epoch == ticket.epoch,
            or_(Delivery.lease_owner == owner, Delivery.state == DeliveryState.IN_DOUBT),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        return False
    _write_down(row, outcome, now=now)
    if row.state in (DeliveryState.PENDING, DeliveryState.DEFERRED) and _is_stopped(session, row.campaign_id):
        row.state, row.why, row.settled_at = DeliveryState.SKIPPED, SkipReason.STOPPED.value, now
    row.lease_owner = row.lease_expires_at = None
    return True


def release(session: Session, owner: str) -> None:
    """Give back the rows that were claimed and not handed over."""
    session.execute(
        update(Delivery)
        .where(Delivery.lease_owner == owner, Delivery.state.in_((DeliveryState.PENDING, DeliveryState.DEFERRED)))
        .values(lease_owner=None, lease_expires_at=None)
        .execution_options(synchronize_session=False)
    )


def recover(session: Session, *, now: datetime) -> int:
    """Take the rows whose owner is gone: what was being handed is in doubt, the rest waits again; return how many."""
    gone = and_(Delivery.lease_owner.is_not(None), Delivery.lease_expires_at <= now)
    # Somebody must take the work up at once, not when the last bell is a minute old.
    campaign_ids = select(Delivery.campaign_id).where(gone, Delivery.campaign_id.is_not(None))
    session.execute(
        update(Campaign)
        .where(Campaign.id.in_(campaign_ids))
        .values(rung_at=None)
        .execution_options(synchronize_session=False)
    )
    in_doubt = session.execute(
        update(Delivery)
        .where(gone, Delivery.state == DeliveryState.HANDING)
        .values(
            state=DeliveryState.IN_DOUBT, why="process_ended", settled_at=now, lease_owner=None, lease_expires_at=None
        )
        .execution_options(synchronize_session=False)
    )
    waiting = session.execute(
        update(Delivery)
        .where(gone)
        .values(lease_owner=None, lease_expires_at=None, rung_at=None)
        .execution_options(synchronize_session=False)
    )
    return _count(in_doubt) + _count(waiting)


def skip_open(session: Session, campaign_id: int, why: SkipReason, *, now: datetime) -> int:
    """Turn what has not left into skipped; what is at the wire this instant is settled by its own process."""
    done = session.execute(
        update(Delivery)
        .where(Delivery.campaign_id == campaign_id, Delivery.state.in_((DeliveryState.PENDING, DeliveryState.DEFERRED)))
        .values(state=DeliveryState.SKIPPED, why=why.value, settled_at=now, lease_owner=None, lease_expires_at=None)
        .execution_options(synchronize_session=False)
    )
    return _count(done)


def let_go(session: Session, subject: str, subject_ids: Sequence[int], *, now: datetime) -> None:
    """Part the single mails from the rows that caused them before these are deleted: what has not left never does."""
    caused = and_(Delivery.campaign_id.is_(None), Delivery.subject == subject, Delivery.subject_id.in_(subject_ids))
    session.execute(
        update(Delivery)
        .where(caused, Delivery.state.in_((DeliveryState.PENDING, DeliveryState.DEFERRED)))
        .values(state=DeliveryState.SKIPPED, why=SkipReason.STOPPED.value, settled_at=now)
        .values(lease_owner=None, lease_expires_at=None)
        .execution_options(synchronize_session=False)
    )
    session.execute(update(Delivery).where(caused).values(subject_id=None).execution_options(synchronize_session=False))


def record_bounce(delivery: Delivery, *, status: str, reason: str, now: datetime) -> None:
    """Mark a mail that came back; the first report counts, and the state beside it is not touched."""
    if delivery.bounced_at is None:
        delivery.bounced_at, delivery.bounce_code, delivery.bounce_reason = now, status[:16] or None, reason[:400]


def unheard_singles(session: Session, *, now: datetime, limit: int = 500) -> list[Delivery]:
    """List the mails outside any campaign that are due and that no worker has taken for a minute."""
    query = (
        select(Delivery)
        .where(
            Delivery.campaign_id.is_(None),
            Delivery.state.in_((DeliveryState.PENDING, DeliveryState.DEFERRED)),
            Delivery.due_at <= now,
            or_(Delivery.lease_owner.is_(None), Delivery.lease_expires_at <= now),
            or_(Delivery.rung_at.is_(None), Delivery.rung_at <= now - RING_AGAIN),
        )
        .order_by(Delivery.id)
        .limit(limit)
    )
    return list(session.scalars(query))


def _take(session: Session, which: ColumnElement[bool], *, owner: str, limit: int, now: datetime) -> list[Ticket]:
    free = (
        select(Delivery.id)
        .where(
            which,
            Delivery.state.in_((DeliveryState.PENDING, DeliveryState.DEFERRED)),
            or_(Delivery.due_at.is_(None), Delivery.due_at <= now),
            or_(Delivery.lease_owner.is_(None), Delivery.lease_expires_at <= now),
        )
        .order_by(Delivery.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = session.scalars(
        update(Delivery)
        .where(Delivery.id.in_(free.scalar_subquery()))
        .values(lease_owner=owner, lease_epoch=Delivery.lease_epoch + 1, lease_expires_at=now + LEASE)
        .returning(Delivery)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    # RETURNING has no order.
    rows = sorted(taken, key=lambda row: row.id)
    left_out = _left_out(session, rows)
    for row in rows:
        if row.id in left_out:
            row.state, row.why, row.settled_at = DeliveryState.SKIPPED, left_out[row.id].value, now
            row.lease_owner = row.lease_expires_at = None
    return [_ticket(row) for row in rows if row.id not in left_out]


def _is_sending(session: Session, campaign_id: int | None) -> bool:
    """Whether mail of this campaign may leave now; a mail outside any campaign always may."""
    if campaign_id is None:
        return True
    return session.scalar(select(Campaign.status).where(Campaign.id == campaign_id)) is CampaignStatus.SENDING


def _is_stopped(session: Session, campaign_id: int | None) -> bool:
    return session.scalar(select(Campaign.status).where(Campaign.id == campaign_id)) is CampaignStatus.STOPPED


def _left_out(session: Session, rows: Sequence[Delivery]) -> dict[int, SkipReason]:
    """Who of these must not be written to now: he left the cooperative or the home list, or his address is suppressed."""
    members = [row.member_id for row in rows if row.campaign_id is not None and row.member_id is not None]
    gone = set(session.scalars(select(Member.id).where(Member.id.in_(members), ~Member.is_present())))
    reasons = {row.id: SkipReason.LEFT for row in rows if row.member_id in gone}
    some = [row for row in rows if row.mail_class.can_be_left and row.campaign_id is not None]
    if not some:
        return reasons
    campaign = session.get_one(Campaign, some[0].campaign_id)
    opted_out = set(
        session.scalars(
            select(Subscription.contact_id).where(
                Subscription.list_id == campaign.home_list.id,
                Subscription.left_at.is_not(None),
                Subscription.contact_id.in_([row.contact_id for row in some]),
            )
        )
    )
    hashes = [row.address_hmac for row in some]
    suppressed = set(session.scalars(select(Suppression.address_hmac).where(Suppression.address_hmac.in_(hashes))))
    reasons |= {row.id: SkipReason.SUPPRESSED for row in some if row.address_hmac in suppressed}
    return reasons | {row.id: SkipReason.OPTED_OUT for row in some if row.contact_id in opted_out}


def _mine(ticket: Ticket, owner: str) -> tuple[ColumnElement[bool], ...]:
    return Delivery.lease_owner == owner, Delivery.lease_epoch == ticket.epoch


def _write_down(row: Delivery, outcome: Outcome, *, now: datetime) -> None:
    row.code, row.enhanced, row.reply = outcome.code, outcome.enhanced, outcome.text[:1000]
    row.settled_at, row.due_at, row.why = now, None, ""
    match outcome.verdict:
        case Verdict.ACCEPTED:
            row.state = DeliveryState.ACCEPTED
        case Verdict.REFUSED:
            row.state, row.why = DeliveryState.REFUSED, outcome.stage.value
        case Verdict.IN_DOUBT:
            row.state, row.why = DeliveryState.IN_DOUBT, "connection_lost"
        case Verdict.DEFERRED if row.handed_at is not None and pacing.is_over(row.handed_at, now=now):
            row.state, row.why, row.enhanced = DeliveryState.REFUSED, "given_up", _GIVEN_UP
        case Verdict.DEFERRED:
            row.state, row.due_at, row.settled_at = DeliveryState.DEFERRED, pacing.next_try(row.attempts, now=now), None
        case Verdict.RELAY_DOWN:
            # The relay's fault, not the member's: as if nothing had been tried.
            row.state, row.settled_at, row.due_at = DeliveryState.PENDING, None, now
            row.attempts -= 1
            if row.attempts == 0:
                # The five days of a member's server have not begun: ours, or the relay, was the one that failed.
                row.handed_at = None


def _ticket(row: Delivery) -> Ticket:
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
    )


def _count(result: Any) -> int:
    return cast("CursorResult[Any]", result).rowcount
