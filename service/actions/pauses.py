"""Pauses: who held a sending back, and since when? Somebody of the team, or the answers of a server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core.vocabulary import CampaignStatus
from service.models.campaign import Campaign
from service.models.journal import JournalEntry
from service.models.staff import Staff

_BY_US, _REFUSED = "campaign.pause", "campaign.message_refused"
_LAST = (
    select(JournalEntry)
    .where(JournalEntry.subject == "campaign", JournalEntry.act.in_((_BY_US, _REFUSED, "campaign.launch_refused")))
    .order_by(JournalEntry.id.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Pause:
    """Since when a sending is held back; `by` is who did it, None where a server or the launch refused."""

    since: datetime
    by: Staff | None
    # A server refused the message itself, again and again: it would refuse it to everybody.
    is_refused: bool


def of(session: Session, campaign: Campaign) -> Pause | None:
    """Tell who paused a sending, from the journal; None when it is not paused."""
    if campaign.status is not CampaignStatus.PAUSED:
        return None
    last = session.scalar(_LAST.where(JournalEntry.subject_id == campaign.id))
    if last is None:
        return None
    person = session.get(Staff, last.staff_id) if last.staff_id is not None else None
    return Pause(last.at, person, last.act == _REFUSED)
