"""Suppressions: which addresses does their own server not know, and which of them are written to again all the same? (D19)

Such an address gets no more mail that one can leave; statutory mail goes to it as before. It is known by its fingerprint.
A server that denies everybody of its domain is not believed: nobody is barred for it, and it is left in peace (D20).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.orm import Session

from service.actions import denials, destinations, journal
from service.actions.claims import Ticket
from service.core import addresses
from service.core.explanations import GIVEN_UP
from service.core.reading import severity
from service.core.refusals import Conflict, Forbidden
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import DeliveryState
from service.models.base import insert_or
from service.models.bounce_score import BounceScore
from service.models.delivery import Delivery
from service.models.mailing_list import SCORE, Suppression
from service.models.member import Contact
from service.models.staff import Staff

if TYPE_CHECKING:
    # Who settles what was sent needs nothing of what reads mail (13 MB).
    from service.core.reading.bounces import Bounce


@dataclass(frozen=True, slots=True)
class Barred:
    """Since when an address is not written to; `code` is what its server said of it, empty where somebody objected.

    `is_scored` where its mail came back too often, whatever was said.
    """

    since: datetime
    code: str
    # The server's own words, verbatim; empty where they are not kept with this contact.
    words: str
    is_scored: bool = False

    @property
    def has_no_domain(self) -> bool:
        """Whether it is the domain that is not known, and not the mailbox alone."""
        return self.code == severity.NO_SUCH_DOMAIN


def says_unknown(outcome: Outcome) -> bool:
    """Whether a server answers that there is no such address: to RCPT alone, and in no other sense (D19)."""
    if outcome.verdict is not Verdict.REFUSED or outcome.stage is not Stage.RCPT:
        return False
    return severity.is_unknown(outcome.enhanced or "", outcome.text)


def take_turn(session: Session, said: Iterable[Outcome | None]) -> None:
    """Before a row of these answers is locked: where one of them may bar somebody, nobody else bars meanwhile."""
    if any(outcome is not None and says_unknown(outcome) for outcome in said):
        denials.take_turn(session)


def note_answers(session: Session, told: Sequence[tuple[Ticket, Outcome | None]], *, now: datetime) -> None:
    """Bar the addresses that their servers do not know, of mail of campaigns alone: a test or a notice bars nobody.

    Where one of these servers denies everybody, all its words on this campaign bar nobody. A second time it changes
    nothing: whoever settles may do so twice. The rows must be settled before.
    """
    said = [
        (ticket.campaign_id, ticket, outcome.enhanced)
        for ticket, outcome in told
        if outcome is not None and ticket.campaign_id is not None and says_unknown(outcome)
    ]
    if not said:
        return
    denying: dict[int, set[str]] = {}
    for campaign_id, ticket, _ in said:
        denying.setdefault(campaign_id, set()).add(addresses.domain_of(ticket.address))
    spared = {number: _spare(session, number, domains, now=now) for number, domains in sorted(denying.items())}
    unknown = {
        ticket.id: code
        for campaign_id, ticket, code in said
        if addresses.domain_of(ticket.address) not in spared[campaign_id]
    }
    known_by = select(Delivery.id, Delivery.address_hmac).where(Delivery.id.in_(unknown), Delivery.address_hmac != "")
    codes = {fingerprint: unknown[number] for number, fingerprint in session.execute(known_by)}
    # In one order: of two processes that bar the same two addresses, none waits for the other.
    for fingerprint, code in sorted(codes.items()):
        _bar(session, fingerprint, str(code), now=now)


def note_bounce(session: Session, delivery: Delivery, bounce: Bounce, *, now: datetime) -> None:
    """Bar the address of a mail of a campaign that came back because its server does not know it (D19, « or in a DSN »).

    Behind a relay that takes everything, nobody else ever says so. Only a report counts, and only about the address that
    we wrote to: where a member has his mail forwarded to is his own affair.
    """
    is_ours = addresses.key(bounce.address) == addresses.key(delivery.address)
    is_unknown = bounce.action == "failed" and bounce.severity == "hard" and bounce.status in severity.UNKNOWN
    counts = bounce.is_reported and is_ours and is_unknown and delivery.address_hmac
    if not counts or delivery.campaign_id is None:
        return
    if not _spare(session, delivery.campaign_id, {addresses.domain_of(delivery.address)}, now=now):
        _bar(session, delivery.address_hmac, bounce.status, now=now)


def barred(session: Session, contacts: Sequence[Contact], *, secret: bytes) -> dict[int, Barred]:
    """Give, of these contacts, those whose address is not written to, and why."""
    by_fingerprint: dict[str, list[int]] = {}
    for one in contacts:
        if one.email:
            by_fingerprint.setdefault(addresses.fingerprint(one.email, secret), []).append(one.id)
    found = session.scalars(select(Suppression).where(Suppression.address_hmac.in_(by_fingerprint)))
    return {number: _why(session, number, row) for row in found for number in by_fingerprint[row.address_hmac]}


def lift(session: Session, contact: Contact, *, by: Staff, secret: bytes, now: datetime) -> None:
    """Write again to an address that its server did not know, or that sent too much back; its points are forgotten.

    Refuses one that is written to, and an objection.
    """
    fingerprint = addresses.fingerprint(contact.email or "", secret)
    row = session.scalar(select(Suppression).where(Suppression.address_hmac == fingerprint).with_for_update())
    if row is None:
        raise Conflict("Cette adresse reçoit déjà tous nos messages : quelqu’un l’a peut-être rétablie avant vous.")
    if row.reason not in severity.UNKNOWN | {SCORE}:
        raise Forbidden("La personne s’est opposée à nos messages : elle seule peut revenir sur ce choix.")
    session.delete(row)
    session.execute(delete(BounceScore).where(BounceScore.address_hmac == fingerprint))
    journal.note(
        session, "suppression.lift", now=now, by=by.id, subject="contact", subject_id=contact.id, code=row.reason
    )


def _spare(session: Session, campaign_id: int, domains: Collection[str], *, now: datetime) -> set[str]:
    """Leave in peace those of these domains that deny everybody, take back what they had barred, and name them."""
    # Of these it is known, and the look is a long one while reports come by the hundred.
    failing = destinations.failing(session, domains)
    denying = denials.of_everybody(session, campaign_id, [one for one in domains if one not in failing])
    for one in denying:
        destinations.leave_in_peace(session, one.domain, code=one.code, words=one.words, now=now)
        session.flush()
        # In one order, as they are barred.
        barred = (
            select(Suppression.id)
            .where(
                Suppression.address_hmac.in_(one.denied),
                Suppression.reason.in_(severity.UNKNOWN),
                Suppression.at >= one.launched_at,
            )
            .order_by(Suppression.address_hmac)
            .with_for_update()
        )
        session.execute(delete(Suppression).where(Suppression.id.in_(session.scalars(barred).all())))
    return failing | {one.domain for one in denying}


def _bar(session: Session, fingerprint: str, code: str, *, now: datetime) -> None:
    barred = insert_or(session, Suppression).values(address_hmac=fingerprint, reason=code, at=now)
    session.execute(barred.on_conflict_do_nothing())


def _why(session: Session, contact_id: int, row: Suppression) -> Barred:
    if row.reason == SCORE:
        at_rcpt = and_(Delivery.state == DeliveryState.REFUSED, Delivery.why.in_((Stage.RCPT.value, GIVEN_UP)))
        returned = Delivery.to_contacts([contact_id]).where(
            Delivery.address_hmac == row.address_hmac, or_(Delivery.bounced_at.is_not(None), at_rcpt)
        )
        return Barred(row.at, "", _words(session.scalar(returned.limit(1))), is_scored=True)
    if row.reason not in severity.UNKNOWN:
        return Barred(row.at, "", "")
    was_refused = and_(Delivery.state == DeliveryState.REFUSED, Delivery.enhanced == row.reason)
    came_back = and_(Delivery.bounced_at.is_not(None), Delivery.bounce_code == row.reason)
    told = Delivery.to_contacts([contact_id]).where(
        Delivery.address_hmac == row.address_hmac, or_(was_refused, came_back)
    )
    return Barred(row.at, row.reason, _words(session.scalar(told.limit(1))))


def _words(last: Delivery | None) -> str:
    if last is None:
        return ""
    return last.bounce_words if last.bounced_at is not None else last.whole_reply
