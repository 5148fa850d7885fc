"""Waits: what waits for an hour of a clock that was put back since waits no longer than its own rule lets it (R12)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, case, literal, update
from sqlalchemy.orm import Session

from service.actions.pace import Rules
from service.core import pacing
from service.core.pacing import Retries
from service.core.vocabulary import DeliveryState, Wait
from service.models.base import Instant
from service.models.campaign import Campaign
from service.models.delivery import Delivery


def shorten(session: Session, *, rules: Rules, retries: Retries, now: datetime) -> int:
    """Bring back to what their rule would give now the campaigns and the rows that wait for longer; return how many.

    Going on too early does no harm: the pace and the quiet hours are asked again, and a relay is tried once more. The
    hour of a sending is a promise to people, and is not touched.
    """
    waiting = session.scalars(Campaign.under_way().where(Campaign.resumes_at > now).with_for_update()).all()
    brought_back = 0
    for campaign in waiting:
        latest = _latest(campaign, rules, now)
        if campaign.resumes_at is not None and campaign.resumes_at > latest:
            campaign.resumes_at = latest
            brought_back += 1
    return brought_back + _shorten_rows(session, retries, now)


def _latest(campaign: Campaign, rules: Rules, now: datetime) -> datetime:
    """Say until when a campaign may wait that begins to wait now."""
    match campaign.waits_for:
        case Wait.RELAY:
            return now + pacing.relay_pause(campaign.failures)
        case Wait.QUIET:
            return (rules.quiet.until(now) if rules.quiet is not None else None) or now
        case _:
            return now + max(rules.pace.longest, rules.domain_pace.longest)


def _shorten_rows(session: Session, retries: Retries, now: datetime) -> int:
    by_attempts = [
        (Delivery.attempts <= attempts, literal(retries.next_try(attempts, now=now), Instant))
        for attempts in range(1, len(retries.delays) + 1)
    ]
    latest = case(*by_attempts, else_=by_attempts[-1][1])
    put_off = Delivery.stands(DeliveryState.PENDING, DeliveryState.DEFERRED)
    done = session.execute(
        update(Delivery)
        .where(put_off, Delivery.due_at > latest)
        .values(due_at=latest)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", done).rowcount
