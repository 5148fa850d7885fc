"""Scores: which address sends mail back again and again, though no answer says that it does not exist?

As Mailman does (model/bounce.py): one point a day, forgotten after a while without any, and at a threshold the address is
written to no more. Its measures are those of a house that writes once or twice a month, not of a list that writes daily.
A refusal that the relay gives at once, and one that comes back as a report, say the same: both count (decision 0018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.actions import destinations, journal
from service.actions.claims import Ticket
from service.core import addresses
from service.core.reading import severity
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import BounceClass
from service.models.base import insert_or
from service.models.bounce_score import BounceScore
from service.models.delivery import Delivery
from service.models.mailing_list import SCORE, Suppression
from service.models.member import Contact

if TYPE_CHECKING:
    # Who settles what was sent needs nothing of what reads mail (13 MB).
    from service.core.reading.bounces import Bounce

THRESHOLD = 5
STALE_AFTER = timedelta(days=90)
# What speaks of us or of one message says nothing of the address (D20).
_COUNTS = frozenset({BounceClass.HARD, BounceClass.SOFT, BounceClass.MAILBOX_FULL})
# Policy and routing, whatever the words beside them (D19).
_COUNTS_NEVER = ("5.4.", "5.7.", "4.7.")


@dataclass(frozen=True, slots=True)
class Refused:
    """A mail that was refused, or given up after days: its last answer, and when it was heard."""

    ticket: Ticket
    outcome: Outcome
    at: datetime


def note_bounce(session: Session, delivery: Delivery, bounce: Bounce, *, on: date, now: datetime) -> None:
    """Give the address of a mail of a campaign a point for a day on which it came back; at the threshold it is barred.

    Only about the address that we wrote to, and not where its server denies everybody: that is no fault of the address.
    `on` is the day on which the report arrived, not the one on which it is read.
    """
    counts = _is_of_the_address(bounce.status, bounce.bounce_class) and addresses.key(bounce.address) == addresses.key(
        delivery.address
    )
    if not counts or delivery.campaign_id is None or not delivery.address_hmac:
        return
    if destinations.failing(session, [addresses.domain_of(delivery.address)]):
        return
    _add(session, delivery.address_hmac, delivery.id, bounce.reason, on=on, now=now)


def note_answers(session: Session, refused: Sequence[Refused], *, now: datetime) -> None:
    """Give the addresses of mail of campaigns that was refused a point, as for a mail that came back that day.

    An answer to RCPT alone speaks of the address, and one that speaks of us or of one message says nothing of it (D19).
    A second time it changes nothing: whoever settles may do so twice. The rows must be settled before.
    """
    said = {
        one.ticket.id: (one, verdict)
        for one in refused
        if one.ticket.campaign_id is not None and (verdict := _said_at_rcpt(one.outcome)) is not None
    }
    if not said:
        return
    failing = destinations.failing(session, {addresses.domain_of(one.ticket.address) for one, _ in said.values()})
    known_by = select(Delivery.address_hmac, Delivery.id).where(Delivery.id.in_(said), Delivery.address_hmac != "")
    # In one order: of two processes that count the same two addresses, none waits for the other.
    for fingerprint, number in sorted((fingerprint, number) for fingerprint, number in session.execute(known_by)):
        one, verdict = said[number]
        if addresses.domain_of(one.ticket.address) not in failing:
            _add(session, fingerprint, number, verdict.reason, on=one.at.date(), now=now)


def of(session: Session, contacts: Sequence[Contact], *, secret: bytes, today: date) -> dict[int, BounceScore]:
    """Give, of these contacts, the score of those whose address has points that still count."""
    known = {one.id: addresses.fingerprint(one.email, secret) for one in contacts if one.email}
    query = select(BounceScore).where(
        BounceScore.address_hmac.in_(known.values()), BounceScore.last_on >= today - STALE_AFTER
    )
    found = {one.address_hmac: one for one in session.scalars(query)}
    return {number: found[fingerprint] for number, fingerprint in known.items() if fingerprint in found}


def _said_at_rcpt(outcome: Outcome) -> severity.Verdict | None:
    """Give what an answer to RCPT says of the address; None where it says nothing of it, or where the relay was at fault."""
    if outcome.stage is not Stage.RCPT or outcome.verdict is Verdict.RELAY_DOWN:
        return None
    status = outcome.enhanced or ""
    verdict = severity.judge(status, outcome.text)
    return verdict if _is_of_the_address(status, verdict.bounce_class) else None


def _is_of_the_address(status: str, bounce_class: BounceClass) -> bool:
    return bounce_class in _COUNTS and not status.startswith(_COUNTS_NEVER)


def _add(session: Session, fingerprint: str, delivery_id: int, reason: str, *, on: date, now: datetime) -> None:
    """Add the point of a day, once; at the threshold the address is barred."""
    score = _locked(session, fingerprint, on)
    if score.points and on <= score.last_on:
        return
    is_stale = on - score.last_on > STALE_AFTER
    score.points = 1 if is_stale else score.points + 1
    score.last_on, score.reason = on, reason[:400]
    if score.points >= THRESHOLD:
        barred = insert_or(session, Suppression).values(address_hmac=fingerprint, reason=SCORE, at=now)
        session.execute(barred.on_conflict_do_nothing())
        journal.note(session, "suppression.score", now=now, subject="delivery", subject_id=delivery_id)


def _locked(session: Session, fingerprint: str, on: date) -> BounceScore:
    """Read a score as it is now, begun where there is none, and keep others from changing it."""
    begun = insert_or(session, BounceScore).values(address_hmac=fingerprint, points=0, last_on=on, reason="")
    session.execute(begun.on_conflict_do_nothing())
    query = select(BounceScore).where(BounceScore.address_hmac == fingerprint).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one()
