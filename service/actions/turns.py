"""Turns: what one turn of a sending process came to, and what of it the staff must see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from service.actions import journal, leases
from service.actions.destinations import Objection
from service.core import pacing
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import CampaignStatus, Wait
from service.models.campaign import Campaign


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn of a sending process came to."""

    trouble: Outcome | None = None
    # Rows are left that could leave at once.
    has_more: bool = False
    has_served: bool = False
    # The refusals of the message itself with which it ended: the next turn counts on.
    objections: tuple[Objection, ...] = ()
    waits_for: Wait | None = None
    waits_until: datetime | None = None


def note(session: Session, campaign_id: int, turn: Turn, *, now: datetime) -> None:
    """Keep what the relay complains of, and what is waited for, where staff see it; forget it once mail leaves again.

    A relay that cannot be used is left alone for a minute, then longer each time. One that refuses the message itself,
    again and again, would refuse it to everybody: the sending is paused. One that lets a helper not in while others
    send is no trouble of the campaign: it lets no more connections in.
    """
    campaign, trouble = session.get_one(Campaign, campaign_id, with_for_update=True), turn.trouble
    if campaign.status not in (CampaignStatus.SENDING, CampaignStatus.PAUSED):
        return
    if turn.has_served:
        campaign.objections = [list(one) for one in turn.objections]
    if trouble is not None and _is_one_too_many(turn, trouble) and leases.are_out(session, campaign_id, now=now):
        return
    if trouble is None:
        campaign.waits_for, campaign.resumes_at, campaign.failures = turn.waits_for, turn.waits_until, 0
        if campaign.status is CampaignStatus.SENDING:
            # A bell that comes late to a pause must not wipe its reason.
            campaign.trouble = ""
        return
    campaign.trouble = f"{trouble.stage} {trouble.code or ''} {trouble.text}"[:400]
    if trouble.verdict is Verdict.REFUSED:
        campaign.waits_for, campaign.resumes_at = None, None
        # Who resumes it has the message tried anew.
        campaign.objections = []
        if campaign.status is CampaignStatus.SENDING:
            campaign.status = CampaignStatus.PAUSED
            journal.note(session, "campaign.message_refused", now=now, subject="campaign", subject_id=campaign.id)
        return
    campaign.failures = 1 if turn.has_served else campaign.failures + 1
    campaign.waits_for, campaign.resumes_at = Wait.RELAY, now + pacing.relay_pause(campaign.failures)


def _is_one_too_many(turn: Turn, trouble: Outcome) -> bool:
    """Whether a process was never let in; its own lease has ended with its turn."""
    return trouble.stage is Stage.CONNECT and trouble.verdict is Verdict.RELAY_DOWN and not turn.has_served
