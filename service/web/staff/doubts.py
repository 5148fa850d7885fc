"""The people in doubt of a sending: who they are, where it was cut, and the decision to send again or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from service.actions import doubts, drafts
from service.actions.campaigns import Figures, Tray
from service.actions.doubts import Choice, Undecided
from service.actions.proofs import Decision
from service.core import explanations, french
from service.core.explanations import Cut
from service.core.refusals import Refusal
from service.core.vocabulary import CampaignStatus, DeliveryState
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.web.http import me, page, senders_only, session, wiring

pages = Blueprint("doubts", __name__)

_CHOICES = {"renvoyer": Choice.RESEND, "laisser": Choice.LEAVE}


@dataclass(frozen=True, slots=True)
class Doubted:
    """What one line of the list says of a row in doubt, and what its buttons carry; `seen` is empty without buttons."""

    cut: Cut
    seen: str
    retry_at: datetime | None
    too_early_until: datetime | None
    is_decided: bool
    # Who decided; None where nothing was, or by several acts of which no one knows which it was.
    decision: Decision | None


def undecided(campaign: Campaign, figures: Figures) -> Undecided | None:
    """Say what waits for a decision in a sending; None where nothing was ever in doubt."""
    return doubts.undecided(session(), campaign, now=wiring().now()) if figures.in_doubt else None


def of_row(campaign: Campaign, row: Delivery, decision: Decision | None) -> Doubted | None:
    """Say what is to be said of one row in doubt and of the last decision on it; None of another row."""
    if row.state is not DeliveryState.IN_DOUBT:
        return None
    now = wiring().now()
    is_stopped = campaign.status is CampaignStatus.STOPPED
    may_be_decided = doubts.may_be_decided(row, now=now) and not is_stopped
    early = row.doubted_at is not None and not may_be_decided and not is_stopped
    return Doubted(
        cut=explanations.of_cut(row.why, code=row.code, reply=row.reply),
        seen=doubts.seen_as([row]) if may_be_decided and me().role.may_send else "",
        retry_at=doubts.retry_at(campaign, row, now=now),
        too_early_until=row.doubted_at + doubts.ANSWERED_WITHIN if early and row.doubted_at else None,
        is_decided=row.doubted_at is None,
        decision=decision if row.is_left_in_doubt else None,
    )


@pages.post("/messages/<int:campaign_id>/en-doute")
@senders_only
def decide(campaign_id: int) -> ResponseReturnValue:
    """Send again to the people who were shown, or to one of them, or leave them in doubt."""
    campaign, choice = drafts.get(session(), campaign_id), _CHOICES.get(request.form.get("choix", ""))
    only = request.form.get("personne", "")
    try:
        if choice is None or (only and not _is_number(only)):
            raise Refusal("Choisissez de renvoyer le message, ou de ne pas le renvoyer.")
        rows = doubts.decide(
            session(),
            campaign,
            choice,
            by=me(),
            now=wiring().now(),
            only=int(only) if only else None,
            # A form of ours always carries what it showed: without it nothing matches.
            seen=request.form.get("vu", ""),
        )
    except Refusal as refusal:
        session().rollback()
        return page("staff/campaigns/doubt_refused.html", campaign=campaign, refusal=refusal), refusal.status
    if choice is Choice.RESEND:
        flash(f"Le message repart à {french.count(rows, 'personne', 'personnes')}.")
    else:
        flash(f"Le message n’est pas renvoyé à {'cette personne' if rows == 1 else f'ces {rows} personnes'}.")
    return redirect(url_for("campaigns.show", campaign_id=campaign_id, etat=Tray.IN_DOUBT.value), 303)


def _is_number(typed: str) -> bool:
    return typed.isascii() and typed.isdigit() and len(typed) < 19
