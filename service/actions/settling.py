"""Settling: what became of each row, told by the wire, by the log of a dead process, or by a lease that ran out."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Integer,
    Table,
    and_,
    bindparam,
    case,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from service.actions import acceptances, destinations, fronts, leases, pace, scores, suppressions
from service.actions.claims import Ticket, ticket_of
from service.actions.pace import FREE, Rules
from service.core import explanations
from service.core.pacing import DEFAULT_RETRIES, Retries
from service.core.send_log import Leg
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import CampaignStatus, DeliveryState, DoubtReason, SkipReason
from service.models.base import Instant
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.ports import LostLog

# How long a mail that was given up had been tried (RFC 3463: 4.4.7, delivery time expired).
_GIVEN_UP = "4.4.7"
_AT_ONE_RECIPIENT = (Stage.RCPT, Stage.DATA, Stage.DOT)
_WAITING = (DeliveryState.PENDING, DeliveryState.DEFERRED)


def settle(
    session: Session,
    told: Sequence[tuple[Ticket, Outcome | None]],
    *,
    owner: str,
    now: datetime,
    rules: Rules = FREE,
    retries: Retries = DEFAULT_RETRIES,
) -> None:
    """Write down what became of these rows; None puts one back as if it had not been tried.

    A word read late still counts for the reader's own row that was called in doubt meanwhile (same epoch), until
    somebody claims it anew, and a doubt that comes after a 250 takes it back. What belongs to somebody else by now is
    not touched.
    """
    if not told:
        return
    # None of the others may bar anybody.
    refused = [one for one in told if one[1] is not None and one[1].verdict is Verdict.REFUSED]
    suppressions.take_turn(session, (outcome for _, outcome in refused))
    unsent = _still_held(session, told, owner=owner) if rules.count_all else []
    left = acceptances.settle(session, told, owner=owner, now=now)
    rows = [_settled(ticket, outcome, now, retries) for ticket, outcome in left]
    if rows:
        session.connection().execute(_SETTLE, [{**row, "b_owner": owner} for row in rows])
    pace.give_back(session, rules, unsent)
    destinations.note_answers(session, told, now=now)
    suppressions.note_answers(session, refused, now=now)
    over = [(row, *one) for row, one in zip(rows, left, strict=True) if row["b_state"] is DeliveryState.REFUSED]
    scores.note_answers(
        session,
        [scores.Refused(ticket, outcome, row["b_settled_at"]) for row, ticket, outcome in over if outcome is not None],
        now=now,
    )
    back = [
        (ticket, row["b_due_at"]) for row, (ticket, _) in zip(rows, left, strict=True) if row["b_state"] in _WAITING
    ]
    if back:
        # Most were at the wire, before the front; one that had been put off, or was in doubt, may lie behind it.
        fronts.put_back(session, ((ticket.campaign_id, ticket.id) for ticket, due_at in back if due_at is None))
        match_campaigns(session, {ticket.campaign_id for ticket, _ in back}, now=now)


def let_go(session: Session, *, owner: str, now: datetime) -> None:
    """Free whatever a process still holds when it has nothing left to tell: a claim whose COMMIT was not heard of."""
    freed = session.scalars(
        update(Delivery)
        .where(leases.held_by(owner))
        .values(state=DeliveryState.PENDING, attempts=Delivery.attempts - 1, lease_owner=None)
        .returning(Delivery.campaign_id)
        .execution_options(synchronize_session=False)
    )
    back = set(freed.all())
    leases.end(session, owner)
    if back:
        match_campaigns(session, back, now=now)


def take_in(session: Session, lost: LostLog, *, now: datetime, retries: Retries = DEFAULT_RETRIES) -> int:
    """Settle what the log of a dead process tells, and free its rows: nobody has to wait for its leases (step 8).

    A body that was announced and never answered is in doubt; so is every row of that process when its log may have
    lost its end. The others were never handed over and wait again.
    """
    leases.take(session, lost.owner)
    # Before its rows: who reads a report on one of them has his turn first, and then the row.
    suppressions.take_turn(session, lost.story.outcomes.values())
    held = session.scalars(
        select(Delivery).where(leases.held_by(lost.owner)).with_for_update().execution_options(populate_existing=True)
    ).all()
    told: list[tuple[Ticket, Outcome | None]] = [
        (ticket_of(row), outcome) for row, outcome in _doubts_that_a_log_ends(session, lost)
    ]
    for row in held:
        leg = Leg(row.id, row.lease_epoch)
        outcome = lost.story.outcomes.get(leg)
        was_handed = leg in lost.story.outcomes and leg not in lost.story.unsent
        if outcome is None and row.state is DeliveryState.HANDING and (was_handed or not lost.complete):
            row.why = (DoubtReason.PROCESS_ENDED if was_handed else DoubtReason.LOG_LOST).value
            row.state, row.settled_at, row.doubted_at, row.doubts = DeliveryState.IN_DOUBT, now, now, row.doubts + 1
            row.lease_owner = None
        else:
            told.append((ticket_of(row), outcome))
    session.flush()
    settle(session, told, owner=lost.owner, now=now, retries=retries)
    leases.end(session, lost.owner)
    ring_soon(session, {row.campaign_id for row in held})
    return len(held)


def _doubts_that_a_log_ends(session: Session, lost: LostLog) -> list[tuple[Delivery, Outcome]]:
    """List the rows in doubt that this log knows the answer of: their lease had run out before it could be read.

    Those that it has no answer for will have none: their process is gone.
    """
    if not lost.story.outcomes:
        return []
    numbers = [leg.id for leg in lost.story.outcomes]
    doubtful = select(Delivery).where(Delivery.may_be_told(), Delivery.id.between(min(numbers), max(numbers)))
    ended: list[tuple[Delivery, Outcome]] = []
    for row in session.scalars(doubtful.with_for_update()):
        leg = Leg(row.id, row.lease_epoch)
        outcome = lost.story.outcomes.get(leg)
        if outcome is not None and outcome.verdict is not Verdict.IN_DOUBT:
            ended.append((row, outcome))
        elif leg in lost.story.outcomes and row.why == DoubtReason.LEASE_ENDED:
            row.why = DoubtReason.PROCESS_ENDED.value
    return ended


def recover(session: Session, *, now: datetime) -> int:
    """Take the rows whose lease ran out: what was at the wire is in doubt, the rest waits again (step 9)."""
    gone = leases.over(session, now=now)
    if not gone:
        return 0
    is_theirs = or_(
        *(and_(Delivery.id.between(one.from_id, one.to_id), Delivery.lease_owner == one.owner) for one in gone)
    )
    at_the_wire = Delivery.state == DeliveryState.HANDING
    held = session.execute(
        update(Delivery)
        .where(is_theirs)
        .values(
            state=case((at_the_wire, DeliveryState.IN_DOUBT.value), else_=Delivery.state),
            why=case((at_the_wire, DoubtReason.LEASE_ENDED.value), else_=Delivery.why),
            settled_at=case((at_the_wire, now), else_=Delivery.settled_at),
            doubted_at=case((at_the_wire, now), else_=Delivery.doubted_at),
            doubts=case((at_the_wire, Delivery.doubts + 1), else_=Delivery.doubts),
            lease_owner=None,
            rung_at=None,
        )
        .returning(Delivery.campaign_id)
        .execution_options(synchronize_session=False)
    ).all()
    for one in gone:
        leases.end(session, one.owner)
    ring_soon(session, {row.campaign_id for row in held})
    return len(held)


def ring_soon(session: Session, campaign_ids: Iterable[int | None]) -> None:
    """Somebody must take the work up at once, not when the last bell is old."""
    known = [number for number in campaign_ids if number is not None]
    session.execute(
        update(Campaign).where(Campaign.id.in_(known)).values(rung_at=None).execution_options(synchronize_session=False)
    )


def match_campaigns(session: Session, campaign_ids: Iterable[int | None], *, now: datetime) -> None:
    """What comes back from the wire unsent: of a stopped campaign it will not leave; one called sent is open again."""
    known = [number for number in campaign_ids if number is not None]
    # Whoever is stopping or finishing it at this moment is waited for: his look did not see these rows wait.
    locked = select(Campaign.id, Campaign.status).where(Campaign.id.in_(known)).order_by(Campaign.id)
    for number, status in session.execute(locked.with_for_update(read=True)).all():
        waiting = (Delivery.campaign_id == number, Delivery.state.in_(_WAITING), Delivery.lease_owner.is_(None))
        if status is CampaignStatus.STOPPED:
            session.execute(
                update(Delivery)
                .where(*waiting)
                .values(Delivery.kept_back(SkipReason.STOPPED.value, now=now))
                .execution_options(synchronize_session=False)
            )
        elif status is CampaignStatus.SENT:
            session.execute(
                update(Campaign)
                .where(Campaign.id == number, select(Delivery.id).where(*waiting).exists())
                .values(status=CampaignStatus.SENDING, finished_at=None, rung_at=None, resumes_at=None, waits_for=None)
                .execution_options(synchronize_session=False)
            )


def _still_held(
    session: Session, told: Sequence[tuple[Ticket, Outcome | None]], *, owner: str
) -> list[tuple[str, datetime]]:
    """List what never left and is not settled yet, each with when it was taken: a settle may run twice (step 7)."""
    unsent = {
        ticket.id: (ticket.address, ticket.claimed_at)
        for ticket, outcome in told
        if ticket.claimed_at is not None and (outcome is None or outcome.verdict is Verdict.RELAY_DOWN)
    }
    held = select(Delivery.id).where(Delivery.id.in_(unsent), Delivery.lease_owner == owner)
    return [unsent[number] for number in session.scalars(held)] if unsent else []


def _settled(ticket: Ticket, outcome: Outcome | None, now: datetime, retries: Retries) -> dict[str, Any]:
    """Give the row as it stands after this word."""
    at = acceptances.heard_at(ticket, outcome, now)
    row: dict[str, Any] = {
        "b_id": ticket.id,
        "b_epoch": ticket.epoch,
        "b_state": DeliveryState.PENDING,
        "b_why": "",
        "b_due_at": None,
        "b_attempts": ticket.attempts,
        "b_handed_at": ticket.handed_at,
        "b_settled_at": at,
        "b_code": outcome.code if outcome else None,
        "b_enhanced": outcome.enhanced if outcome else None,
        "b_reply": outcome.text[:1000] if outcome else "",
        "b_doubt": 0,
        "b_doubted_at": None,
    }
    match outcome.verdict if outcome else None:
        case Verdict.ACCEPTED:
            return row | {"b_state": DeliveryState.ACCEPTED}
        case Verdict.REFUSED:
            return row | {"b_state": DeliveryState.REFUSED, "b_why": outcome.stage.value if outcome else ""}
        case Verdict.IN_DOUBT:
            doubt = {"b_state": DeliveryState.IN_DOUBT, "b_why": DoubtReason.CONNECTION_LOST.value}
            return row | doubt | {"b_doubt": 1, "b_doubted_at": now}
        case Verdict.DEFERRED:
            return row | _put_off(ticket, DeliveryState.DEFERRED, now, retries)
        case Verdict.RELAY_DOWN if outcome is not None and outcome.stage in _AT_ONE_RECIPIENT:
            # Met at one recipient, it may be of that one alone: the others come first, and it is not tried for ever.
            return row | _put_off(ticket, DeliveryState.PENDING, now, retries)
        case _:
            # The relay's fault, or nobody's: as if nothing had been tried. The five days of a member's server have not
            # begun with an attempt that never reached it.
            first = ticket.attempts == 1
            untried = {"b_attempts": ticket.attempts - 1, "b_handed_at": None if first else ticket.handed_at}
            return row | untried | {"b_settled_at": None}


def _put_off(ticket: Ticket, state: DeliveryState, now: datetime, retries: Retries) -> dict[str, Any]:
    """Give what changes of a row that is tried again later, or given up after days."""
    if retries.is_over(ticket.handed_at, now=now):
        return {"b_state": DeliveryState.REFUSED, "b_why": explanations.GIVEN_UP, "b_enhanced": _GIVEN_UP}
    return {"b_state": state, "b_due_at": retries.next_try(ticket.attempts, now=now), "b_settled_at": None}


_table = typing.cast("Table", Delivery.__table__)
_SETTLE = (
    update(_table)
    .where(
        _table.c.id == bindparam("b_id"),
        _table.c.lease_epoch == bindparam("b_epoch"),
        or_(
            _table.c.lease_owner == bindparam("b_owner"),
            Delivery.may_be_told(),
            and_(
                or_(_table.c.state == DeliveryState.ACCEPTED, _table.c.state == DeliveryState.DEFERRED),
                bindparam("b_state") == DeliveryState.IN_DOUBT.value,
            ),
        ),
    )
    .values(
        state=bindparam("b_state"),
        why=bindparam("b_why"),
        due_at=bindparam("b_due_at"),
        attempts=bindparam("b_attempts"),
        handed_at=bindparam("b_handed_at"),
        settled_at=bindparam("b_settled_at"),
        code=bindparam("b_code"),
        enhanced=bindparam("b_enhanced"),
        reply=bindparam("b_reply"),
        # A late word ends the doubt that its attempt was in, or says it once more; a decision that was made stands.
        doubts=_table.c.doubts + bindparam("b_doubt", type_=Integer) - case((Delivery.may_be_told(), 1), else_=0),
        doubted_at=case(
            (
                and_(_table.c.state == DeliveryState.IN_DOUBT, bindparam("b_doubt", type_=Integer) == 1),
                _table.c.doubted_at,
            ),
            else_=bindparam("b_doubted_at", type_=Instant),
        ),
        lease_owner=None,
    )
)
