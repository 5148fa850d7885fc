"""Deliveries: one row a mail. Prepared once, claimed under a lease, handed to the wire, settled (sending.md)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, and_, insert, or_, select, update
from sqlalchemy.orm import Session

from service.actions import bells
from service.actions.audiences import Recipient
from service.core import addresses
from service.core.vocabulary import DeliveryState, MailClass, MailKind, SkipReason
from service.models.campaign import Campaign
from service.models.delivery import Delivery

# A single mail whose bell was rung is given this long before the clock rings again.
RING_AGAIN = timedelta(seconds=60)
_WAITING = (DeliveryState.PENDING, DeliveryState.DEFERRED)


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
        rung_at=now,
    )
    session.add(delivery)
    session.flush()
    return delivery


def new_message_id(domain: str) -> str:
    """Make a Message-ID that nobody can guess and that names nobody (RFC 5322 3.6.4; D8)."""
    return f"<{secrets.token_hex(16)}@{domain}>"


def skip_open(session: Session, campaign_id: int, why: SkipReason, *, now: datetime) -> int:
    """Turn what has not left into skipped, and return how many; what waited after a doubt is in doubt again.

    What is at the wire this instant is settled by its own process.
    """
    waiting = (Delivery.campaign_id == campaign_id, Delivery.state.in_(_WAITING))
    kept_back = update(Delivery).values(Delivery.kept_back(why.value, now=now))
    for may_have_left in (Delivery.doubts > 0, Delivery.doubts == 0):
        done = session.execute(kept_back.where(*waiting, may_have_left).execution_options(synchronize_session=False))
    return _count(done)


def let_go(session: Session, subject: str, subject_ids: Sequence[int], *, now: datetime) -> None:
    """Part the single mails from the rows that caused them before these are deleted: what has not left never does."""
    caused = and_(Delivery.campaign_id.is_(None), Delivery.subject == subject, Delivery.subject_id.in_(subject_ids))
    session.execute(
        update(Delivery)
        .where(caused, Delivery.state.in_(_WAITING))
        .values(Delivery.kept_back(SkipReason.STOPPED.value, now=now))
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
            Delivery.state.in_(_WAITING),
            or_(Delivery.due_at.is_(None), Delivery.due_at <= now),
            bells.may_be_lost(Delivery.rung_at, now=now, after=RING_AGAIN),
        )
        .order_by(Delivery.id)
        .limit(limit)
    )
    return list(session.scalars(query))


def _count(result: Any) -> int:
    return cast("CursorResult[Any]", result).rowcount
