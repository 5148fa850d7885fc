"""Doubts: what becomes of mail that may have left. Once more by itself where it must arrive, else as the staff decide."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, insert, not_, or_, select, update
from sqlalchemy.orm import Session

from service.actions import drafts, fronts, journal, settling
from service.actions import staff as team
from service.core.pacing import DEFAULT_RETRIES
from service.core.refusals import Conflict
from service.core.vocabulary import AFTER_DOUBT, CampaignStatus, DeliveryState, DoubtReason, MailClass
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.doubt_decision import DoubtDecision
from service.models.staff import Staff
from service.models.tally import Tally

# How long a doubt is left alone before the mail is tried again by itself (sending.md): a late answer may end it.
RETRY_AFTER = timedelta(minutes=15)
# How long a relay may think over a message (RFC 5321 4.5.3.2.6): so long a process that is out of reach may tell its answer.
ANSWERED_WITHIN = timedelta(minutes=10)
# Where a retry leaves by itself: not while somebody holds a sending back.
_MOVING = (CampaignStatus.SENDING, CampaignStatus.SENT)
_OPEN = (CampaignStatus.SCHEDULED, CampaignStatus.SENDING, CampaignStatus.PAUSED, CampaignStatus.SENT)
_BATCH = 1000


class Choice(StrEnum):
    """What the staff decide of a doubt (contract, `campaigns settle`)."""

    RESEND = "resend"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Undecided:
    """The rows in doubt of a campaign that somebody may decide on now; `seen` stands for exactly these."""

    rows: int
    seen: str
    # Rows whose process may still tell the answer, and when the last of them may be decided on.
    too_early: int = 0
    not_before: datetime | None = None
    # Rows that leave once more by themselves, and from when on.
    retries: int = 0
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Duty:
    """A campaign with rows in doubt that wait for the staff."""

    campaign: Campaign
    rows: int


def retry(session: Session, *, now: datetime) -> int:
    """Let mail that must arrive leave once more, a quarter of an hour after its first doubt; return how many rows.

    The Message-ID and the Date stay (D8). A second doubt, one older than five days, and what was stopped wait for the
    staff. A campaign that was called sent is open again.
    """
    due = and_(_waits_for_retry(now), Delivery.doubted_at <= now - RETRY_AFTER)
    known = set(session.scalars(select(Delivery.campaign_id).where(due).distinct()))
    if not known:
        return 0
    # Who pauses or stops one of them at this moment is waited for.
    live = select(Campaign.id).where(
        Campaign.id.in_([number for number in known if number is not None]),
        Campaign.status.in_(_MOVING),
    )
    numbers = list(session.scalars(live.order_by(Campaign.id).with_for_update()))
    # What caused a single mail may be gone: then there is nothing to write it from.
    single = and_(Delivery.campaign_id.is_(None), Delivery.subject_id.is_not(None))
    given = session.execute(
        update(Delivery)
        .where(due, or_(Delivery.campaign_id.in_(numbers), single))
        .values(_again())
        .returning(Delivery.campaign_id, Delivery.id)
        .execution_options(synchronize_session=False)
    )
    again = [(row.campaign_id, row.id) for row in given]
    for number, rows in sorted(Counter(one for one, _ in again if one is not None).items()):
        journal.note(session, "campaign.doubts_retried", now=now, subject="campaign", subject_id=number, rows=rows)
    fronts.put_back(session, again)
    _open_again(session, numbers, now=now)
    return len(again)


def undecided(session: Session, campaign: Campaign, *, now: datetime) -> Undecided:
    """Tell what the staff may decide on now, as a page or a command shows it."""
    rows = session.execute(_ready(campaign, now=now)).all()
    of_it = (Delivery.campaign_id == campaign.id, _is_undecided())
    early = select(func.count(), func.max(Delivery.doubted_at)).where(*of_it, not_(_is_final(now)))
    too_early, last = session.execute(early).one()
    retried = select(func.count(), func.min(Delivery.doubted_at)).where(*of_it, _waits_for_retry(now))
    retries, first = session.execute(retried).one() if campaign.status in _MOVING else (0, None)
    return Undecided(
        rows=len(rows),
        seen=seen_as(rows),
        too_early=too_early,
        not_before=last + ANSWERED_WITHIN if last is not None else None,
        retries=retries,
        retry_at=first + RETRY_AFTER if first is not None else None,
    )


def decide(
    session: Session,
    campaign: Campaign,
    choice: Choice,
    *,
    by: Staff,
    now: datetime,
    only: int | None = None,
    seen: str | None = None,
) -> int:
    """Send again to the people in doubt of a campaign, or to one row of it, or leave them so; return how many.

    Refuses who may not send, what is not the list that was `seen`, and a message that was stopped when it is to leave.
    """
    drafts.hold(session, campaign)
    team.require_sender(by)
    if choice is Choice.RESEND and campaign.status not in _OPEN:
        raise Conflict(
            "Cet envoi est arrêté, pour de bon : rien n’en repart. Reprenez le texte dans un nouveau message."
        )
    ready = _ready(campaign, now=now) if only is None else _ready(campaign, now=now).where(Delivery.id == only)
    rows = session.execute(ready.with_for_update()).all()
    if seen is not None and seen_as(rows) != seen:
        raise Conflict(
            "La liste des personnes en doute a changé depuis que vous avez ouvert cette page. Rien n’a été décidé : "
            "relisez-la, puis choisissez."
        )
    numbers = [row.id for row in rows]
    values = _again() if choice is Choice.RESEND else {"doubted_at": None}
    for start in range(0, len(numbers), _BATCH):
        chosen = update(Delivery).where(Delivery.id.in_(numbers[start : start + _BATCH])).values(values)
        session.execute(chosen.execution_options(synchronize_session=False))
    if numbers:
        what = {"rows": len(numbers)} | ({} if only is None else {"delivery": only})
        act = f"campaign.doubts_{choice.value}"
        entry = journal.note(session, act, now=now, by=by.id, subject="campaign", subject_id=campaign.id, **what)
        if choice is Choice.LEAVE:
            left = [{"delivery_id": one, "entry_id": entry.id, "campaign_id": campaign.id} for one in numbers]
            session.execute(insert(DoubtDecision), left)
    if numbers and choice is Choice.RESEND:
        session.flush()
        fronts.put_back(session, ((campaign.id, number) for number in numbers))
        _open_again(session, [campaign.id], now=now)
    return len(numbers)


def duties(session: Session, *, now: datetime) -> list[Duty]:
    """List the campaigns with rows in doubt that only the staff can decide on, the oldest first."""
    counted = (
        select(Delivery.campaign_id, func.count().label("rows"))
        .where(Delivery.campaign_id.in_(Tally.campaigns_with(DeliveryState.IN_DOUBT)))
        .where(_is_undecided(), not_(_waits_for_retry(now)))
        .group_by(Delivery.campaign_id)
        .subquery()
    )
    query = (
        select(Campaign, counted.c.rows)
        .join(counted, counted.c.campaign_id == Campaign.id)
        .where(Campaign.status.in_(_OPEN))
        .order_by(Campaign.id)
    )
    return [Duty(campaign, rows) for campaign, rows in session.execute(query)]


def retry_at(campaign: Campaign, row: Delivery, *, now: datetime) -> datetime | None:
    """Say when a row in doubt leaves once more by itself; None when it waits for the staff, or for the end of a pause."""
    first = row.state is DeliveryState.IN_DOUBT and row.mail_class.must_arrive and row.doubts == 1
    if (
        not first
        or campaign.status not in _MOVING
        or row.doubted_at is None
        or now - row.doubted_at >= DEFAULT_RETRIES.give_up_after
    ):
        return None
    return row.doubted_at + RETRY_AFTER


def may_be_decided(row: Delivery, *, now: datetime) -> bool:
    """Whether the staff may decide on this row now."""
    is_undecided = row.state is DeliveryState.IN_DOUBT and row.doubted_at is not None
    is_final = row.why != DoubtReason.LEASE_ENDED
    return is_undecided and (is_final or (row.doubted_at is not None and now - row.doubted_at >= ANSWERED_WITHIN))


def seen_as(rows: Sequence[Any]) -> str:
    """Stand for exactly these rows in these attempts (`id` and `lease_epoch`), in a form or an address."""
    named = ",".join(f"{row.id}.{row.lease_epoch}" for row in rows)
    return hashlib.sha256(named.encode()).hexdigest()[:16]


def _ready(campaign: Campaign, *, now: datetime) -> Select[int, int]:
    """Select the rows that may be decided on, each with its attempt."""
    return (
        select(Delivery.id, Delivery.lease_epoch)
        .where(Delivery.campaign_id == campaign.id, _is_undecided(), _is_final(now))
        .order_by(Delivery.id)
    )


def _is_undecided() -> ColumnElement[bool]:
    return and_(Delivery.stands(DeliveryState.IN_DOUBT), Delivery.doubted_at.is_not(None))


def _is_final(now: datetime) -> ColumnElement[bool]:
    """Whether nobody can tell the answer any more: its process is gone, or has said that it will not know."""
    return or_(Delivery.why != DoubtReason.LEASE_ENDED, Delivery.doubted_at <= now - ANSWERED_WITHIN)


def _waits_for_retry(now: datetime) -> ColumnElement[bool]:
    """Whether a row leaves once more by itself: never tried again since its first doubt, and mail that must arrive."""
    return and_(
        _is_undecided(),
        Delivery.doubts == 1,
        Delivery.mail_class.in_([one for one in MailClass if one.must_arrive]),
        Delivery.doubted_at > now - DEFAULT_RETRIES.give_up_after,
    )


def _again() -> dict[str, Any]:
    """Give the values of a row that waits again; its first hour of handing stays, and with it the Date of the mail."""
    return {
        "state": DeliveryState.PENDING,
        "why": AFTER_DOUBT,
        "doubted_at": None,
        "settled_at": None,
        "due_at": None,
        "rung_at": None,
    }


def _open_again(session: Session, numbers: Sequence[int], *, now: datetime) -> None:
    settling.match_campaigns(session, numbers, now=now)
    settling.ring_soon(session, numbers)
