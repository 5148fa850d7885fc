"""Traces: which of our mails is meant where neither our token nor our Message-ID came back? (D16)

By what the relay called it in its 250: relays such as Amazon SES write a Message-ID of their own over ours. Nothing is kept
for this but the reply itself, and no index is on it: a settle would take six times as long (`Delivery`). The mails to who
is said to be concerned are few, and looked at first. Of an answer from elsewhere, the search looks at one reply of each
sending, and goes through those of a sending only where the relay named its mails alike: to be done while nothing is locked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from service.core import addresses, relay_names
from service.core.vocabulary import DeliveryState
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.member import Contact

# Somebody may answer a letter of last year's; what is older is tied by who wrote. A sending of 300,000 takes up to a second,
# and anybody may make up a name.
_LOOKED_BACK = timedelta(days=400)
_MOST_SENDINGS = 12
_MOST_NAMES = 20
# What so many replies state names the relay, not a mail.
_MOST_ALIKE = 20
# A mail of ours goes to one person; a report that names more addresses is looked at for the first ones.
_MOST_ADDRESSES = 10
# Members may answer after a year; the report of a server that has tried for five days comes within the month.
REPORTS_END = timedelta(days=30)
# A relay gives up after five days (RFC 5321, 4.5.4.1); its report may take a day to come.
_REPORTED_WITHIN = timedelta(days=5)
_CLOCKS_APART = timedelta(hours=1)
# How long before it left a mail may have been ordered: we try for five days.
_TRIED_FOR = timedelta(days=6)
_WAS_TAKEN = Delivery.state == DeliveryState.ACCEPTED


def reported(session: Session, names: Sequence[str], about: Sequence[str], *, at: datetime) -> Delivery | None:
    """Find the mail to one of these addresses that a relay gave one of these names in the thirty days before `at`.

    None where several have one: a relay gives a short name again (Postfix: within hours), so that a name alone says little.
    """
    since, keys = at - REPORTS_END, list(dict.fromkeys(map(addresses.key, about)))[:_MOST_ADDRESSES]
    if not names or not keys:
        return None
    recent = Delivery.settled_at.between(since, at + _CLOCKS_APART)
    found = _naming(_mails_to(session, keys, _WAS_TAKEN, recent, since=since), names[:_MOST_NAMES])
    return found[0] if len(found) == 1 else None


def answered(session: Session, names: Sequence[str], author: str, *, at: datetime) -> Delivery | None:
    """Find the mail that a relay gave one of these names: of those to the author, else of all of the 400 days before `at`.

    None where no reply states one, or where several mails have one.
    """
    wanted, since = list(dict.fromkeys(names))[:_MOST_NAMES], at - _LOOKED_BACK
    if not wanted:
        return None
    mine = _mails_to(session, [addresses.key(author)], _WAS_TAKEN, Delivery.settled_at >= since, since=since)
    found = _naming(mine, wanted)
    if not found:
        for of_these, reply in _samples(session, since=since):
            given = relay_names.in_reply(reply or "")
            alike = [name for name in wanted if any(relay_names.alike(name, one) for one in given)]
            found += _stating(session, of_these, alike) if alike else []
            if len(found) > 1:
                return None
    return found[0] if len(found) == 1 else None


def only_one_to(session: Session, address: str, *, at: datetime) -> Delivery | None:
    """Find the mail that an address got, where it is the only one of the five days before `at`.

    Whoever it was to: a member, one of the team, or a witness of a convocation who is neither.
    """
    left = Delivery.state.in_((DeliveryState.ACCEPTED, DeliveryState.IN_DOUBT))
    recent = Delivery.settled_at.between(at - _REPORTED_WITHIN, at + _CLOCKS_APART)
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
    # One that was called back before it began has no reply, and all its rows would be gone through for that.
    begun = (Campaign.launched_at >= since, Campaign.started_at.is_not(None))
    newest = select(Campaign.id, first.scalar_subquery()).where(*begun)
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
    return _naming(session.scalars(select(Delivery).where(of_these, _WAS_TAKEN, stating).limit(_MOST_ALIKE)), names)


def _naming(mails: Iterable[Delivery], names: Sequence[str]) -> list[Delivery]:
    return [mail for mail in mails if set(names) & set(relay_names.in_reply(mail.reply))]
