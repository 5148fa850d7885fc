"""Scores: which address sends mail back again and again, though no answer says that it does not exist?

As Mailman does (model/bounce.py): one point a day, forgotten after a while without any, and at a threshold the address is
written to no more. Its measures are those of a house that writes once or twice a month, not of a list that writes daily.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.actions import destinations, journal
from service.core import addresses
from service.core.reading.bounces import Bounce
from service.core.vocabulary import BounceClass
from service.models.base import insert_or
from service.models.bounce_score import BounceScore
from service.models.delivery import Delivery
from service.models.mailing_list import SCORE, Suppression
from service.models.member import Contact

THRESHOLD = 5
STALE_AFTER = timedelta(days=90)
# What speaks of us or of one message says nothing of the address (D20).
_COUNTS = frozenset({BounceClass.HARD, BounceClass.SOFT, BounceClass.MAILBOX_FULL})


def note_bounce(session: Session, delivery: Delivery, bounce: Bounce, *, on: date, now: datetime) -> None:
    """Give the address of a mail of a campaign a point for a day on which it came back; at the threshold it is barred.

    Only about the address that we wrote to, and not where its server denies everybody: that is no fault of the address.
    `on` is the day on which the report arrived, not the one on which it is read.
    """
    counts = bounce.bounce_class in _COUNTS and addresses.key(bounce.address) == addresses.key(delivery.address)
    if not counts or delivery.campaign_id is None or not delivery.address_hmac:
        return
    if destinations.failing(session, [addresses.domain_of(delivery.address)]):
        return
    score = _locked(session, delivery.address_hmac, on)
    if score.points and on <= score.last_on:
        return
    is_stale = on - score.last_on > STALE_AFTER
    score.points = 1 if is_stale else score.points + 1
    score.last_on, score.reason = on, bounce.reason[:400]
    if score.points >= THRESHOLD:
        barred = insert_or(session, Suppression).values(address_hmac=score.address_hmac, reason=SCORE, at=now)
        session.execute(barred.on_conflict_do_nothing())
        journal.note(session, "suppression.score", now=now, subject="delivery", subject_id=delivery.id)


def of(session: Session, contacts: Sequence[Contact], *, secret: bytes, today: date) -> dict[int, BounceScore]:
    """Give, of these contacts, the score of those whose address has points that still count."""
    known = {one.id: addresses.fingerprint(one.email, secret) for one in contacts if one.email}
    query = select(BounceScore).where(
        BounceScore.address_hmac.in_(known.values()), BounceScore.last_on >= today - STALE_AFTER
    )
    found = {one.address_hmac: one for one in session.scalars(query)}
    return {number: found[fingerprint] for number, fingerprint in known.items() if fingerprint in found}


def _locked(session: Session, fingerprint: str, on: date) -> BounceScore:
    """Read a score as it is now, begun where there is none, and keep others from changing it."""
    begun = insert_or(session, BounceScore).values(address_hmac=fingerprint, points=0, last_on=on, reason="")
    session.execute(begun.on_conflict_do_nothing())
    query = select(BounceScore).where(BounceScore.address_hmac == fingerprint).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one()
