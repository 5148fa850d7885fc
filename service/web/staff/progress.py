"""A sending on its way, and its report: how far it is, who got it, and the ways to hold it back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, Response, flash, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from service.actions import audiences, drafts, pauses, pulse, readiness
from service.actions import campaigns as sendings
from service.actions import proofs as provings
from service.actions.campaigns import Figures, Tray
from service.actions.proofs import Decision
from service.core import explanations, french
from service.core.explanations import Explanation
from service.core.refusals import Conflict
from service.core.vocabulary import CampaignStatus
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.web import pagination
from service.web.http import me, page, senders_only, session, wiring
from service.web.pagination import Slice
from service.web.staff import doubts, drafting, holdups, proofs
from service.web.staff.administrators import whom_to_tell
from service.web.staff.doubts import Doubted

pages = Blueprint("progress", __name__)

# htmx stops asking when it gets this answer.
STOP_POLLING = 286
_NO_WORKER_AFTER = timedelta(seconds=30)
# A button pressed while nothing had left: its page has promised so.
_WAS_HELD = "retenu"
_LIVE = (CampaignStatus.SCHEDULED, CampaignStatus.SENDING, CampaignStatus.PAUSED)
_PER_PAGE = 50
_LACKING_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Tab:
    """One tray of recipients, with how many lie in it."""

    tray: Tray
    label: str
    rows: int


@dataclass(frozen=True, slots=True)
class Recipient:
    """One line of the list: who, where, what became of it, when."""

    delivery: Delivery
    name: str
    told: Explanation
    doubted: Doubted | None


def shown(campaign: Campaign) -> ResponseReturnValue:
    """Show a sending; to htmx, only what moves, and word to stop asking once nothing moves."""
    figures, tray = _figures(campaign), _tray_asked()
    words = request.args.get("cherche", "")
    found = _found(campaign, figures, tray, words)
    decided = provings.decisions(session(), campaign, [row.id for row in found.rows if row.is_left_in_doubt])
    is_live = campaign.status in _LIVE
    polled = "HX-Request" in request.headers
    template = "_progress.html" if polled else "sending.html"
    answer: Response = make_response(
        page(
            f"staff/campaigns/{template}",
            campaign=campaign,
            figures=figures,
            left=Tray.TO_SEND.rows(figures),
            tabs=_tabs(figures, tray),
            tray=tray,
            undecided=doubts.undecided(campaign, figures),
            words=words,
            found=found,
            recipients=[_recipient(campaign, row, decided.get(row.id)) for row in found.rows],
            is_live=is_live,
            polled=polled,
            has_proof=provings.is_ready(campaign) and not Tray.TO_SEND.rows(figures),
            sealed=proofs.sealed_of(session(), campaign),
            names_witnesses=bool(wiring().settings.witnesses),
            departure=_departure(campaign, wiring().now()),
            is_held=_is_held(campaign, wiring().now()),
            trouble=_trouble(campaign, wiring().now()),
            relay_words=explanations.of_words(campaign.trouble),
            pause=pauses.of(session(), campaign),
            wait=holdups.wait_of(campaign, wiring().now()),
            paused_destinations=holdups.paused(campaign),
            slow_relay=holdups.slow_relay() if campaign.status is CampaignStatus.SENDING else None,
            lacking=_lacking(campaign),
            is_refused=_is_refused(campaign),
            is_mended=_is_mended(campaign),
            audience=drafting.audience_of(session(), campaign) if campaign.launched_at is None else None,
        )
    )
    if polled and not is_live:
        answer.status_code = STOP_POLLING
    return answer


@pages.post("/messages/<int:campaign_id>/pause")
@senders_only
def pause(campaign_id: int) -> ResponseReturnValue:
    """Hold back what has not left."""
    campaign = drafts.get(session(), campaign_id)
    try:
        sendings.pause(session(), campaign, by=me(), now=wiring().now())
    except Conflict:
        if not _is_too_late(campaign):
            raise
        return _back(campaign_id)
    # What a sending process has in hand leaves all the same: a second's worth at most.
    in_hand = _figures(campaign).handing
    first = french.count(in_hand, "message déjà pris en main part", "messages déjà pris en main partent")
    rest = f"{first} encore\u00a0; rien d’autre ne part" if in_hand else "Rien ne part"
    begun = f"{_begun(campaign)} " if _WAS_HELD in request.form and campaign.started_at is not None else ""
    flash(f"{begun}L’envoi est en pause. {rest} avant que vous le repreniez.")
    return _back(campaign_id)


@pages.post("/messages/<int:campaign_id>/reprendre")
@senders_only
def resume(campaign_id: int) -> ResponseReturnValue:
    """Go on after a pause."""
    sendings.resume(session(), drafts.get(session(), campaign_id), by=me(), now=wiring().now())
    flash("L’envoi reprend.")
    return _back(campaign_id)


@pages.get("/messages/<int:campaign_id>/arreter")
@senders_only
def ask_to_stop(campaign_id: int) -> ResponseReturnValue:
    """Say exactly what stopping does, before it is done."""
    campaign = drafts.get(session(), campaign_id)
    if campaign.status not in _LIVE:
        return _back(campaign_id)
    figures = _figures(campaign)
    audience = drafting.audience_of(session(), campaign) if campaign.launched_at is None else None
    again = sendings.waiting_again(session(), campaign)
    return page(
        "staff/campaigns/stop.html",
        campaign=campaign,
        left_already=figures.accepted,
        in_doubt=figures.in_doubt + again,
        in_hand=figures.handing,
        others=audience.receiving if audience else Tray.TO_SEND.rows(figures) - figures.handing - again,
    )


@pages.post("/messages/<int:campaign_id>/arreter")
@senders_only
def stop(campaign_id: int) -> ResponseReturnValue:
    """End the sending for good; where nothing was to have left and something has, ask again with the figures as they are."""
    campaign = drafts.get(session(), campaign_id)
    if _WAS_HELD not in request.form:
        sendings.stop(session(), campaign, by=me(), now=wiring().now())
    else:
        try:
            is_called_back = sendings.call_back(session(), campaign, by=me(), now=wiring().now())
        except Conflict:
            if not _is_too_late(campaign):
                raise
            return _back(campaign_id)
        if not is_called_back:
            flash(f"{_begun(campaign)} L’envoi est maintenant en pause : décidez s’il s’arrête là.")
            return redirect(url_for("campaigns.progress.ask_to_stop", campaign_id=campaign_id), 303)
    flash("L’envoi est arrêté, pour de bon. Le texte est gardé.")
    return _back(campaign_id)


def _begun(campaign: Campaign) -> str:
    left = _figures(campaign).accepted
    gone = f"le message est parti à {french.count(left, 'personne', 'personnes')}" if left else "l’envoi a commencé"
    return f"Le délai était passé : {gone}."


def _is_too_late(campaign: Campaign) -> bool:
    """Say so, where the button of the hold was pressed and the whole sending has left meanwhile."""
    if _WAS_HELD not in request.form or campaign.status is not CampaignStatus.SENT:
        return False
    flash(f"{_begun(campaign)} L’envoi est terminé : il n’y a plus rien à retenir.")
    return True


def _back(campaign_id: int) -> ResponseReturnValue:
    return redirect(url_for("campaigns.show", campaign_id=campaign_id), 303)


def _figures(campaign: Campaign) -> Figures:
    """Count the rows; before the launch there are none, and the audience is told instead."""
    return sendings.figures(session(), campaign) if campaign.launched_at is not None else Figures()


def _tray_asked() -> Tray:
    asked = request.args.get("etat", "")
    return Tray(asked) if asked in set(Tray) else Tray.ALL


def _found(campaign: Campaign, figures: Figures, tray: Tray, words: str) -> Slice[Delivery]:
    """Read a page of the recipients; how many there are is known from the figures, but for a search."""
    query = sendings.recipients(session(), campaign, tray, words=words)
    if words.strip():
        return pagination.cut(session(), query, size=_PER_PAGE)
    # Who leaves first is written first: what is left to send is at the end.
    is_left = tray is Tray.TO_SEND
    total = tray.rows(figures)
    return pagination.stretch(session(), query, Delivery.id, total=total, size=_PER_PAGE, last_first=is_left)


_LABELS = (
    (Tray.ALL, "en tout", "en tout"),
    (Tray.TO_SEND, "à envoyer", "à envoyer"),
    (Tray.SENT, "envoyé", "envoyés"),
    (Tray.IN_ERROR, "en erreur", "en erreur"),
    (Tray.BOUNCED, "revenu en erreur", "revenus en erreur"),
    (Tray.IN_DOUBT, "en doute", "en doute"),
    (Tray.NOT_SENT, "non envoyé", "non envoyés"),
)


def _tabs(figures: Figures, chosen: Tray) -> list[Tab]:
    tabs = [Tab(tray, one if tray.rows(figures) < 2 else several, tray.rows(figures)) for tray, one, several in _LABELS]
    return [tab for tab in tabs if tab.rows or tab.tray in (Tray.ALL, Tray.SENT, chosen)]


def _recipient(campaign: Campaign, row: Delivery, decision: Decision | None) -> Recipient:
    return Recipient(row, row.fields.get("to_name", ""), row.told, doubts.of_row(campaign, row, decision))


def _lacking(campaign: Campaign) -> list[audiences.Recipient]:
    """List for whom the text has a hole, as long as that keeps it from being launched."""
    secret = wiring().office.secret
    return readiness.lacking(session(), campaign, limit=_LACKING_SHOWN, secret=secret) if _is_refused(campaign) else []


def _is_mended(campaign: Campaign) -> bool:
    """Whether what refused the launch is gone, so that the sending may be resumed."""
    if not (_is_refused(campaign) and campaign.is_approved):
        return False
    return not readiness.obstacles(session(), campaign, secret=wiring().office.secret)


def _is_refused(campaign: Campaign) -> bool:
    return campaign.launched_at is None and campaign.status is CampaignStatus.PAUSED and bool(campaign.trouble)


def _is_held(campaign: Campaign, now: datetime) -> bool:
    """Whether the launch is done and the first mail still waits, so that it can be called back whole."""
    return (
        campaign.status is CampaignStatus.SCHEDULED
        and campaign.launched_at is not None
        and campaign.due_at is not None
        and campaign.due_at > now
    )


def _departure(campaign: Campaign, now: datetime) -> str:
    """Say how long it is until the first mail leaves: « 1 min 40 »."""
    if not _is_held(campaign, now) or campaign.due_at is None:
        return ""
    minutes, seconds = divmod(max(1, int((campaign.due_at - now).total_seconds())), 60)
    return f"{minutes}\u00a0min\u00a0{seconds:02}" if minutes else f"{seconds}\u00a0s"


def _trouble(campaign: Campaign, now: datetime) -> str:
    """Say why nothing leaves, and what to do; empty when all is well."""
    told = holdups.trouble_of(campaign, pauses.of(session(), campaign))
    if told is not None:
        return f"{told.state} {told.reason}"
    started = campaign.started_at or campaign.due_at
    if campaign.status not in (CampaignStatus.SCHEDULED, CampaignStatus.SENDING) or started is None or started > now:
        return ""
    awaited = pulse.WORKER if campaign.status is CampaignStatus.SENDING else pulse.CLOCK
    seen = pulse.last(session(), awaited)
    if now - max(started, seen or started) > _NO_WORKER_AFTER:
        call = whom_to_tell()
        return (
            "Rien ne part : le service d’envoi est arrêté. Aucun message n’est perdu, l’envoi attend. "
            f"{french.sentence(call)} : la commande « ./pli start » le relance."
        )
    return ""
