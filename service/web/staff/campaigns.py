"""The messages: all of them, a new one, one of them wherever it stands, and one written again from an old one."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from service.actions import campaigns as sendings
from service.actions import drafts
from service.actions.campaigns import Figures
from service.core.refusals import Refusal
from service.core.vocabulary import CampaignStatus, MailKind
from service.models.campaign import Campaign
from service.web import pagination
from service.web.http import me, page, session, wiring
from service.web.staff import approvals, doubts, drafting, previews, progress, proofs
from service.web.staff.previews import Typed

pages = Blueprint("campaigns", __name__)
for room in (drafting.pages, previews.pages, approvals.pages, progress.pages, doubts.pages, proofs.pages):
    pages.register_blueprint(room)

# What can be written on the page so far.
KINDS = (MailKind.COMMUNIQUE,)
_PER_PAGE = 20


@dataclass(frozen=True, slots=True)
class Row:
    """One message in the list; the figures of a sending, none before its launch."""

    campaign: Campaign
    figures: Figures | None


@pages.get("/messages")
def show_all() -> str:
    """List the messages, the newest first."""
    shown = pagination.cut(session(), Campaign.newest_first(), size=_PER_PAGE)
    rows = [Row(one, sendings.figures(session(), one) if one.launched_at else None) for one in shown.rows]
    groups = [(title, [row for row in rows if row.campaign.status in statuses]) for title, statuses in _GROUPS]
    return page("staff/campaigns/index.html", groups=groups, shown=shown)


@pages.get("/messages/nouveau")
def new() -> str:
    """Ask what is to be written, and to whom."""
    return _new(None)


@pages.post("/messages/nouveau")
def create() -> ResponseReturnValue:
    """Begin a draft and go on writing it."""
    kind = request.form.get("kind", "")
    try:
        if kind not in KINDS:
            raise Refusal("Choisissez ce que vous voulez envoyer.", field="kind")
        made = drafts.create(
            session(),
            kind=MailKind(kind),
            subject="",
            preheader="",
            body="",
            list_slugs=request.form.getlist("list"),
            author=me(),
            now=wiring().now(),
        )
    except Refusal as refusal:
        session().rollback()
        return _new(refusal), refusal.status
    return redirect(url_for("campaigns.drafting.write", campaign_id=made.id), 303)


@pages.get("/messages/<int:campaign_id>")
def show(campaign_id: int) -> ResponseReturnValue:
    """Show a sending; a message that has not left is at its next step: writing, rereading or sending."""
    campaign = drafts.get(session(), campaign_id)
    step = _next_step(campaign)
    if step is not None:
        return redirect(url_for(step, campaign_id=campaign.id), 303)
    return progress.shown(campaign)


@pages.post("/messages/<int:campaign_id>/repartir")
def write_again(campaign_id: int) -> ResponseReturnValue:
    """Begin a new draft with the text and the lists of a message."""
    old = drafts.get(session(), campaign_id)
    made = drafting.anew(old, Typed.from_draft(old))
    return redirect(url_for("campaigns.drafting.write", campaign_id=made.id), 303)


_GROUPS = (
    ("En cours", (CampaignStatus.SCHEDULED, CampaignStatus.SENDING, CampaignStatus.PAUSED)),
    ("À relire, à envoyer", (CampaignStatus.SUBMITTED, CampaignStatus.APPROVED)),
    ("Brouillons", (CampaignStatus.DRAFT,)),
    ("Envoyés", (CampaignStatus.SENT,)),
    ("Arrêtés", (CampaignStatus.STOPPED,)),
)


def _new(refusal: Refusal | None) -> str:
    choices = drafting.list_choices(session(), [])
    chosen = (
        request.form.getlist("list")
        if refusal
        else [one.mailing_list.slug for one in choices if one.mailing_list.mail_class.can_be_left][:1]
    )
    return page("staff/campaigns/new.html", kinds=KINDS, choices=choices, chosen=chosen, refusal=refusal)


def _next_step(campaign: Campaign) -> str | None:
    match campaign.status:
        case CampaignStatus.DRAFT:
            return "campaigns.drafting.write"
        case CampaignStatus.SUBMITTED if drafts.wrote(campaign, me()):
            return "campaigns.approvals.show"
        case CampaignStatus.SUBMITTED:
            return "campaigns.approvals.reread"
        case CampaignStatus.APPROVED:
            return "campaigns.approvals.show"
        case _:
            return None
