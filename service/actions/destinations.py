"""Destinations: how the servers of each domain answer, and which are left in peace after refusals by policy (D20).

A refusal by policy speaks of us, never of the member: nobody is suppressed for it. Five among the last twenty answers of
one domain, and nothing more leaves for it until somebody of the team says so; the others go on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from service.actions import journal
from service.actions import staff as team
from service.actions.claims import Ticket
from service.core.addresses import domain_of
from service.core.reading import severity
from service.core.refusals import Conflict
from service.core.verdicts import Outcome, Stage, Verdict
from service.models.base import insert_or
from service.models.pace import Destination
from service.models.staff import Staff

if TYPE_CHECKING:
    # Who settles what was sent needs nothing of what reads mail (13 MB).
    from service.core.reading.bounces import Bounce

_REMEMBERED = 20
_ENOUGH = 5
_REFUSED, _OTHER = "x", "."
_ANSWERS = frozenset({Verdict.ACCEPTED, Verdict.REFUSED})
_ALL = select(Destination).order_by(Destination.domain)
_ANY = select(Destination.domain).limit(1)


def note_answers(session: Session, told: Sequence[tuple[Ticket, Outcome | None]], *, now: datetime) -> None:
    """Remember how each destination answered; only of those that have refused by policy is anything kept."""
    is_any_known = session.connection().execute(_ANY).first() is not None
    if not is_any_known and not any(is_by_policy(said) for _, said in told if said and said.verdict is Verdict.REFUSED):
        return
    answered = [
        (ticket.address, outcome) for ticket, outcome in told if outcome is not None and outcome.verdict in _ANSWERS
    ]
    if not answered:
        return
    # Those that refuse for the first time before any is locked, in the order of their names as the others are: of two
    # processes that lock the same domains in two orders, the database ends one.
    for domain in sorted({domain_of(address) for address, outcome in answered if is_by_policy(outcome)}):
        _enter(session, domain)
    known = {one.domain: one for one in session.scalars(_ALL.with_for_update())}
    for address, outcome in answered:
        by_policy = is_by_policy(outcome)
        domain = domain_of(address)
        if by_policy and domain not in known:
            known[domain] = _known(session, domain)
        if domain in known:
            _note(session, known[domain], outcome.enhanced or "", outcome.reply, by_policy=by_policy, now=now)
            if inspect(known[domain]).was_deleted:
                del known[domain]
    session.flush()


def note_bounce(session: Session, address: str, bounce: Bounce, *, now: datetime) -> None:
    """Remember a mail that came back by policy: behind a relay, a destination's refusal arrives as a report (D20).

    Only words of the server are kept as its answer.
    """
    if bounce.is_by_policy:
        _note(session, _known(session, domain_of(address)), bounce.status, bounce.words, by_policy=True, now=now)


def is_by_policy(outcome: Outcome) -> bool:
    """Whether a destination refused a message for what it thinks of us (RFC 3463: 5.7.x, 5.4.x; D19)."""
    return outcome.verdict is Verdict.REFUSED and severity.is_policy(outcome.enhanced or "", outcome.text)


class Objection(NamedTuple):
    """A server's refusal of the message itself, as far as it is kept: whose, and whether for what it thinks of us."""

    domain: str
    by_policy: bool


def objection_of(ticket: Ticket, outcome: Outcome) -> Objection | None:
    """Give the refusal of the message itself in an answer at its final dot (D19), None where it is none."""
    if outcome.verdict is not Verdict.REFUSED or outcome.stage is not Stage.DOT:
        return None
    return Objection(domain_of(ticket.address), is_by_policy(outcome))


def is_of_one(objections: Sequence[Objection]) -> bool:
    """Whether these are one destination's, by policy: that one is left in peace, and the others go on."""
    return len({one.domain for one in objections}) == 1 and all(one.by_policy for one in objections)


def leave_in_peace(session: Session, domain: str, *, code: str, words: str, now: datetime) -> None:
    """Let nothing leave for a domain until somebody of the team says so; why it is paused already stays."""
    found = _known(session, domain)
    if found.paused_at is None:
        found.paused_at, found.code, found.reply = now, code[:16], words[:400]


def failing(session: Session, domains: Collection[str]) -> set[str]:
    """Name those of these domains that nothing leaves for since their server denies everybody."""
    found = session.scalars(Destination.paused().where(Destination.domain.in_(domains)))
    return {one.domain for one in found if one.denies_everybody}


def paused(session: Session) -> list[Destination]:
    """List the destinations that nothing leaves for now."""
    return list(session.scalars(Destination.paused()))


def resume(session: Session, domain: str, *, by: Staff, now: datetime) -> None:
    """Let mail leave for a destination again. Refuses when it is not paused."""
    team.require_sender(by)
    found = session.get(Destination, domain, with_for_update=True)
    if found is None or found.paused_at is None:
        raise Conflict("Les envois vers ce domaine ne sont pas en pause : ils ont peut-être déjà repris.")
    found.paused_at, found.answers = None, ""
    journal.note(session, "destination.resume", now=now, by=by.id, subject="destination")


def _enter(session: Session, domain: str) -> None:
    # Two processes may meet the first refusal of a domain at once.
    first = insert_or(session, Destination).values(domain=domain, answers="", code="", reply="")
    session.execute(first.on_conflict_do_nothing())


def _known(session: Session, domain: str) -> Destination:
    _enter(session, domain)
    return session.get_one(Destination, domain, with_for_update=True, populate_existing=True)


def _note(session: Session, destination: Destination, code: str, words: str, *, by_policy: bool, now: datetime) -> None:
    answers = (destination.answers + (_REFUSED if by_policy else _OTHER))[-_REMEMBERED:]
    destination.answers = answers
    if by_policy:
        destination.code, destination.reply = code[:16], words[:400]
    if answers.count(_REFUSED) >= _ENOUGH and destination.paused_at is None:
        destination.paused_at = now
    elif _REFUSED not in answers and destination.paused_at is None:
        session.delete(destination)
        session.flush()
