"""Deliveries: one row a mail. Prepared once, claimed under a lease, handed to the wire, settled (sending.md)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    CursorResult,
    FromClause,
    Insert,
    String,
    Table,
    and_,
    bindparam,
    case,
    column,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from service.actions import bells
from service.actions.audiences import BATCH, Recipient
from service.core import addresses
from service.core.vocabulary import DeliveryState, MailClass, MailKind, MatchedBy, SkipReason
from service.models.base import Instant
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.member import Contact

# A single mail whose bell was rung is given this long before the clock rings again.
RING_AGAIN = timedelta(seconds=60)
# A mail that answers one person leaves in seconds; one that has not after so long is held up.
HELD_UP = timedelta(minutes=3)
_WAITING = (DeliveryState.PENDING, DeliveryState.DEFERRED)


def prepare(
    session: Session, campaign: Campaign, audience: Iterable[Recipient], *, domain: str, secret: bytes, now: datetime
) -> int:
    """Write one row a recipient, who is left out included; return how many. The database refuses a second one."""
    connection, count, everybody = session.connection(), 0, iter(audience)
    insertion = _PREPARE_ON_SQLITE if connection.dialect.name == "sqlite" else _PREPARE
    alike = {"b_campaign": campaign.id, "b_kind": campaign.kind, "b_class": campaign.mail_class, "b_now": now}
    while some := list(islice(everybody, BATCH)):
        rows = [_prepared(one, domain, secret) for one in some]
        connection.execute(insertion, {**alike, "b_rows": json.dumps(rows, ensure_ascii=False)})
        count += len(rows)
    return count


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
    contact: Contact | None = None,
    in_reply_to: str = "",
) -> Delivery:
    """Order one mail to one person, outside any campaign; the same `key` twice is one mail.

    `in_reply_to` is the Message-ID that it answers, as `heading.answered_id` gives it.
    """
    known = session.scalar(select(Delivery).where(Delivery.key == key))
    if known is not None:
        return known
    delivery = Delivery(
        key=key,
        kind=kind,
        mail_class=MailClass.TRANSACTIONAL,
        staff_id=staff_id,
        contact_id=contact.id if contact else None,
        member_id=contact.member_id if contact else None,
        in_reply_to=in_reply_to,
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


def withdraw(session: Session, delivery_id: int, *, now: datetime) -> bool:
    """Keep back one single mail that has surely not left, and say whether it was so."""
    waits = (
        Delivery.id == delivery_id,
        Delivery.campaign_id.is_(None),
        Delivery.state.in_(_WAITING),
        Delivery.doubts == 0,
    )
    kept_back = update(Delivery).where(*waits).values(Delivery.kept_back(SkipReason.STOPPED.value, now=now))
    return _count(session.execute(kept_back.execution_options(synchronize_session="fetch"))) == 1


def record_bounce(
    delivery: Delivery,
    *,
    status: str,
    reason: str,
    words: str = "",
    by: MatchedBy = MatchedBy.TOKEN,
    now: datetime,
) -> bool:
    """Mark a mail that came back, and say whether this report counts; the state beside it is not touched.

    The first one that is surely about this mail counts; one that may be about another gives way to any that is surer.
    The reason is our sentence, the words are the server's, where the report has any.
    """
    stands = delivery.bounced_at is not None and (delivery.bounced_by is None or delivery.bounced_by.is_sure)
    if stands or (delivery.bounced_by is not None and not by.is_surer_than(delivery.bounced_by)):
        return False
    delivery.bounced_at, delivery.bounced_by, delivery.bounce_code = now, by, status[:16] or None
    delivery.bounce_reason, delivery.bounce_words = reason[:400], words[:1000]
    return True


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


def ring_singles(session: Session, *, now: datetime) -> None:
    """Ring again for the mails outside any campaign that nobody has taken: who comes for one of them takes all.

    One bell is enough, and not always the same: a mail that ends whoever takes it would else hold back the others. A proof
    is taken for a bell of its own alone.
    """
    unheard = unheard_singles(session, now=now)
    for number, delivery in enumerate(unheard):
        delivery.rung_at = now
        if delivery.kind is MailKind.PROOF or number == int(now.timestamp()) % len(unheard):
            bells.ring(session, "post", delivery.id)


def held_up_singles(session: Session, *, now: datetime) -> tuple[int, datetime | None]:
    """Count the mails outside any campaign that have waited for minutes without a fault of theirs, and say since when."""
    waits = (
        Delivery.campaign_id.is_(None),
        Delivery.state == DeliveryState.PENDING,
        Delivery.lease_owner.is_(None),
        Delivery.created_at <= now - HELD_UP,
    )
    count, since = session.execute(select(func.count(), func.min(Delivery.created_at)).where(*waits)).one()
    return count, since


def put_singles_off(session: Session, *, until: datetime) -> None:
    """Let all mails outside any campaign that wait, and that nobody holds, wait until then: the relay cannot be used."""
    session.execute(
        update(Delivery)
        .where(
            Delivery.campaign_id.is_(None),
            Delivery.state.in_(_WAITING),
            Delivery.lease_owner.is_(None),
            or_(Delivery.due_at.is_(None), Delivery.due_at < until),
        )
        .values(due_at=until)
        .execution_options(synchronize_session=False)
    )


def _prepared(one: Recipient, domain: str, secret: bytes) -> tuple[Any, ...]:
    """Give what is of one recipient alone, in the order of `_OWN`."""
    return (
        one.contact_id,
        one.member_id,
        one.address,
        addresses.fingerprint(one.address, secret) if one.address else "",
        {**one.fields, "to_name": one.name},
        new_message_id(domain),
        one.skip.value if one.skip else "",
    )


def _count(result: Any) -> int:
    return cast("CursorResult[Any]", result).rowcount


_table = cast("Table", Delivery.__table__)
_OWN = ("contact_id", "member_id", "address", "address_hmac", "fields", "message_id", "why")


def _preparation(own: Sequence[ColumnElement[Any]], rows: FromClause) -> Insert:
    """Write rows of one campaign, all in one statement: the tally is told once, and the driver binds one text."""
    is_left_out, now = own[-1] != "", bindparam("b_now", type_=Instant)
    alike: dict[str, ColumnElement[Any]] = {
        "campaign_id": bindparam("b_campaign", type_=BigInteger),
        "kind": bindparam("b_kind", type_=_table.c.kind.type),
        "mail_class": bindparam("b_class", type_=_table.c.mail_class.type),
        "subject": literal("campaign"),
        "subject_id": bindparam("b_campaign", type_=BigInteger),
        "created_at": now,
        "state": case((is_left_out, DeliveryState.SKIPPED.value), else_=DeliveryState.PENDING.value),
        "settled_at": case((is_left_out, now)),
    }
    return insert(_table).from_select([*_OWN, *alike], select(*own, *alike.values()).select_from(rows))


# As JSON, which Python writes at once; on PostgreSQL a row a statement took three times as long.
_GIVEN = bindparam("b_rows", type_=String)
_rows = func.json_array_elements(sql_cast(_GIVEN, JSON)).table_valued(column("value", JSON), name="given")
_one = _rows.c.value
_PREPARE = _preparation(
    [
        sql_cast(_one[0].as_string(), BigInteger),
        sql_cast(_one[1].as_string(), BigInteger),
        _one[2].as_string(),
        _one[3].as_string(),
        _one[4],
        _one[5].as_string(),
        _one[6].as_string(),
    ],
    _rows,
)
_json = func.json_each(_GIVEN).table_valued("value", name="given")
_PREPARE_ON_SQLITE = _preparation(
    [func.json_extract(_json.c.value, f"$[{place}]") for place in range(len(_OWN))], _json
)
