"""Advice: what a careful colleague would remark in a message before it leaves; nothing of it keeps it from leaving."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from service.core import french
from service.core.writing import advice
from service.core.writing.advice import Advice
from service.models.campaign import Campaign, CampaignVersion
from service.models.event import Event

# Who receives the same words again within so many days thinks of a mistake.
_THE_SAME_AGAIN = timedelta(days=30)


def on(session: Session, campaign: Campaign, *, zone: ZoneInfo, now: datetime) -> list[Advice]:
    """List what to look at once more in a message: its words, its dates, and whether it has just been sent."""
    version, today = campaign.version, now.astimezone(zone).date()
    found = advice.of_text(version.subject, version.preheader, version.body, today=today)
    event = session.get(Event, campaign.event_id) if campaign.event_id is not None else None
    if event is not None:
        starts = event.starts_at.astimezone(ZoneInfo(event.zone)).date()
        about = advice.of_its_date(version.subject, version.body, starts=starts, today=today)
        found += [about] if about else []
    before = _sent_before(session, campaign, now=now)
    if before is not None:
        day = french.date_in_words(before.astimezone(zone).date())
        found.append(Advice(f"Un message de même objet et de même texte est parti le {day}.", "body"))
    return found


def _sent_before(session: Session, campaign: Campaign, *, now: datetime) -> datetime | None:
    """Say when the very same words left for the last time, if that was lately."""
    version, any_of_it = campaign.version, aliased(CampaignVersion)
    last = select(func.max(any_of_it.number)).where(any_of_it.campaign_id == Campaign.id).scalar_subquery()
    return session.scalar(
        select(Campaign.launched_at)
        .join(CampaignVersion, CampaignVersion.campaign_id == Campaign.id)
        .where(
            Campaign.id != campaign.id,
            Campaign.launched_at > now - _THE_SAME_AGAIN,
            CampaignVersion.number == last,
            CampaignVersion.subject == version.subject,
            CampaignVersion.body == version.body,
        )
        .order_by(Campaign.launched_at.desc())
        .limit(1)
    )
