"""Denials: does a server say of everybody at its domain that there is no such address? Then it is the server that fails.

A domain moved to another server, or a directory out of order, and « user unknown » is said to each for an hour (D19).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CompoundSelect, and_, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from service.actions import claims
from service.core.addresses import domain_of
from service.core.reading import severity
from service.core.verdicts import Stage
from service.core.vocabulary import DeliveryState
from service.models.delivery import Delivery

_ENOUGH = 5
# A directory that is half restored, or postmaster alone: of ten that it knows or not, one may be known.
_DENIED_TO_ONE_KNOWN = 10
_LOOKED_AT = 2000
# Any constant will do, as long as nobody else takes the same advisory lock.
_LOCK = 7_412_002

_IS_REFUSED = and_(
    Delivery.stands(DeliveryState.REFUSED),
    Delivery.why == Stage.RCPT.value,
    Delivery.enhanced.in_(severity.UNKNOWN),
)
_CAME_BACK = and_(Delivery.bounced_at.is_not(None), Delivery.bounce_code.in_(severity.UNKNOWN))


@dataclass(frozen=True, slots=True)
class Denial:
    """A domain that denies everybody of one campaign: what it said last, and the fingerprints of whom it denied."""

    domain: str
    code: str
    words: str
    denied: tuple[str, ...]
    # No word on any of them is older: what was known of an address before the launch stands.
    launched_at: datetime


def take_turn(session: Session) -> None:
    """Wait for who is told at this moment that addresses are unknown, before a row is touched: each sees all rows before.

    Of two processes that are told so of four people each, neither would count five.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def of_everybody(session: Session, campaign_id: int, domains: Collection[str]) -> list[Denial]:
    """List, of these domains, those whose server does not know five or more people of a campaign, and next to nobody else.

    Whoever took the mail without sending it back is known: more than one for ten denied are too many. A large provider
    knows most, so that its word on the others is taken. The rows must be settled before.
    """
    counted = Counter(map(domain_of, session.scalars(denied_at(campaign_id))))
    often = [domain for domain in sorted(domains) if counted[domain] >= _ENOUGH]
    return [found for domain in often if (found := _denial(session, campaign_id, domain, counted[domain]))]


def denied_at(campaign_id: int) -> CompoundSelect[str]:
    """Select the addresses that a campaign was told not to exist, each by its own index: the refused, and what came back.

    The last 2,000 of each, so that a settle takes no longer for a million recipients.
    """
    found = select(Delivery.address).where(Delivery.campaign_id == campaign_id).order_by(Delivery.id.desc())
    last = [found.where(one).limit(_LOOKED_AT).subquery() for one in (_IS_REFUSED, _CAME_BACK)]
    return union_all(*(select(one.c.address) for one in last))


def _denial(session: Session, campaign_id: int, domain: str, most: int) -> Denial | None:
    there = (Delivery.campaign_id == campaign_id, claims.is_of(domain))
    arrived = (Delivery.state == DeliveryState.ACCEPTED, Delivery.bounced_at.is_(None))
    few = select(literal(1)).where(*there, *arrived).limit(most // _DENIED_TO_ONE_KNOWN + 1)
    known = session.scalar(select(func.count()).select_from(few.subquery())) or 0
    if known * _DENIED_TO_ONE_KNOWN > most:
        return None
    rows = session.scalars(
        select(Delivery)
        .where(*there, or_(_IS_REFUSED, _CAME_BACK))
        .order_by(func.coalesce(Delivery.bounced_at, Delivery.settled_at), Delivery.id)
        .execution_options(populate_existing=True)
    ).all()
    # The code alone is not enough: servers say 5.1.1 of a full mailbox, too.
    denied = [(row, *said) for row in rows if severity.is_unknown(*(said := _said(row)))]
    if len(denied) < _ENOUGH or known * _DENIED_TO_ONE_KNOWN > len(denied):
        return None
    last, code, _ = denied[-1]
    # What we made of a report without any words is not what its server said.
    words = last.whole_reply if last.bounced_at is None else last.bounce_words
    fingerprints = tuple(row.address_hmac for row, *_ in denied if row.address_hmac)
    return Denial(domain, code, words, fingerprints, min(row.created_at for row, *_ in denied))


def _said(row: Delivery) -> tuple[str, str]:
    if row.bounced_at is not None:
        return row.bounce_code or "", row.bounce_words or row.bounce_reason
    return row.enhanced or "", row.reply
