"""Traces: which of our mails is meant where neither our token nor our Message-ID came back? (D16)

By what the relay called it in its 250: relays such as Amazon SES write a Message-ID of their own over ours. Nothing is kept
for this but the reply itself, and no index is on it: a settle would take six times as long (`Delivery`). The search
looks at one reply of each sending, and goes through those of a sending only where the relay named its mails alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from service.core import addresses, relay_names
from service.core.vocabulary import DeliveryState
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.member import Contact

# Somebody may answer a letter of last year's; what is older is tied by who wrote.
_LOOKED_BACK = timedelta(days=400)
_MOST_SENDINGS = 50
_MOST_NAMES = 20
# A relay gives up after five days (RFC 5321, 4.5.4.1); its report may take a day to come.
_REPORTED_WITHIN = timedelta(days=5)
# How long before it left a mail may have been ordered: we try for five days.
_TRIED_FOR = timedelta(days=6)
_WAS_TAKEN = Delivery.state == DeliveryState.ACCEPTED


def named_by_relay(session: Session, names: Sequence[str], *, at: datetime) -> Delivery | None:
    """Find the mail that a relay gave one of these names when it took it; `at` is when the message arrived.

    None where no reply of the last 400 days states one, or where it names more than one mail.
    """
    wanted = list(dict.fromkeys(names))[:_MOST_NAMES]
    if not wanted:
        return None
    since = at - _LOOKED_BACK
    for of_these, reply in _samples(session, since=since):
        given = relay_names.in_reply(reply or "")
        alike = [name for name in wanted if any(relay_names.alike(name, one) for one in given)]
        if alike and (found := _stating(session, of_these, alike)):
            return found[0] if len(found) == 1 else None
    return None


def only_one_to(session: Session, address: str, *, at: datetime) -> Delivery | None:
    """Find the mail that an address got, where it is the only one of the five days before `at`.

    Whoever it was to: a member, one of the team, or a witness of a convocation who is neither.
    """
    left = Delivery.state.in_((DeliveryState.ACCEPTED, DeliveryState.IN_DOUBT))
    recent = Delivery.settled_at.between(at - _REPORTED_WITHIN, at + timedelta(hours=1))
    found = _mails_to(session, [addresses.key(address)], left, recent, since=at - _REPORTED_WITHIN)
    return found[0] if len(found) == 1 else None


def _mails_to(session: Session, keys: Sequence[str], *which: ColumnElement[bool], since: datetime) -> list[Delivery]:
    """List the mails to these addresses that left since an instant, by the indexes that are there; none is on the address.

    A mail of a sending by its contact; any other among the newest, since it may be to somebody who is no contact.
    """
    readers = list(session.scalars(select(Contact.id).where(Contact.email_key.in_(keys))))
    in_sendings = Delivery.to_contacts(readers).where(Delivery.campaign_id.is_not(None), *which) if readers else None
    single = Delivery.campaign_id.is_(None)
    # Along (campaign_id, id) from its end to the first one that is too old: PostgreSQL wants the order of both columns.
    newest = (Delivery.campaign_id.desc(), Delivery.id.desc())
    too_old = select(Delivery.id).where(single, Delivery.created_at < since - _TRIED_FOR).order_by(*newest).limit(1)
    last = session.scalar(too_old) or 0
    # Addresses on an envelope are of ASCII (D10), so that the database lowers them as we do.
    apart = select(Delivery).where(single, Delivery.id > last, func.lower(Delivery.address).in_(keys), *which)
    found = [*(session.scalars(in_sendings) if in_sendings is not None else ()), *session.scalars(apart)]
    return [mail for mail in found if addresses.key(mail.address) in keys]


def _samples(session: Session, *, since: datetime) -> list[tuple[ColumnElement[bool], str | None]]:
    """Give the mails of each sending, the newest first, and of those outside any, each with one reply of the relay's."""
    # As a range, so that PostgreSQL goes along the index of the sending: by equality it may go through all older mail.
    of_one = Delivery.campaign_id.between(Campaign.id, Campaign.id)
    by_index = (Delivery.campaign_id, Delivery.id)
    first = select(Delivery.reply).where(of_one, _WAS_TAKEN).order_by(*by_index).limit(1).correlate(Campaign)
    newest = select(Campaign.id, first.scalar_subquery()).where(Campaign.launched_at >= since)
    of_campaigns = session.execute(newest.order_by(Campaign.id.desc()).limit(_MOST_SENDINGS)).all()
    single = Delivery.campaign_id.is_(None)
    last = session.scalar(select(Delivery.reply).where(single, _WAS_TAKEN).order_by(Delivery.id.desc()).limit(1))
    return [
        *((Delivery.campaign_id == number, reply) for number, reply in of_campaigns),
        (single & (Delivery.created_at >= since), last),
    ]


def _stating(session: Session, of_these: ColumnElement[bool], names: Sequence[str]) -> list[Delivery]:
    """List the mails of a sending whose reply states one of these names; SQLite's LIKE knows no case, we do."""
    stating = or_(*(Delivery.reply.contains(name, autoescape=True) for name in names))
    found = session.scalars(select(Delivery).where(of_these, _WAS_TAKEN, stating).limit(_MOST_NAMES))
    return [mail for mail in found if set(names) & set(relay_names.in_reply(mail.reply))]
