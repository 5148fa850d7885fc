"""What holds a sending up for a while: the pace, quiet hours, a relay that cannot be used, a destination left in peace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from service.actions import campaigns, destinations, relays
from service.actions.pauses import Pause
from service.core import explanations, french
from service.core.explanations import Explanation
from service.core.vocabulary import CampaignStatus, Wait
from service.models.campaign import Campaign
from service.web.filters import hour_or_moment
from service.web.http import me, senders_only, session, wiring
from service.web.staff.administrators import whom_to_tell

pages = Blueprint("holdups", __name__)

_WAITS = {
    Wait.PACE: "Le rythme d’envoi que permet votre serveur est atteint. L’envoi reprend {hour}, il n’y a rien à faire.",
    Wait.QUIET: "C’est l’heure calme : l’envoi reprend {hour}, il n’y a rien à faire.",
    Wait.RELAY: "Prochain essai {hour}. Pour essayer tout de suite, mettez l’envoi en pause puis reprenez-le.",
}


_WITHIN = {
    timedelta(minutes=1): "par minute",
    timedelta(hours=1): "par heure",
    timedelta(days=1): "par jour",
}


@dataclass(frozen=True, slots=True)
class PausedDestination:
    """A destination that nothing leaves for, why, and how many people of a sending wait there.

    `denies` where it is paused because its server says of everybody that there is no such address.
    """

    domain: str
    since: datetime
    reply: str
    waiting: int
    denies: bool


@pages.post("/destinations/reprendre")
@senders_only
def resume() -> ResponseReturnValue:
    """Let mail leave for a destination again."""
    domain, number = request.form.get("domaine", "").strip().lower()[:253], request.form.get("message", "")
    destinations.resume(session(), domain, by=me(), now=wiring().now())
    flash(f"Les envois vers {domain} reprennent.")
    if number.isascii() and number.isdigit() and len(number) < 10:
        return redirect(url_for("campaigns.show", campaign_id=int(number)), 303)
    return redirect(url_for("home.show"), 303)


def trouble_of(campaign: Campaign, pause: Pause | None) -> Explanation | None:
    """Say what holds a sending back against our will; None when nothing does, and when one of us paused it."""
    if not campaign.trouble:
        return None
    launched = campaign.launched_at is not None
    match campaign.status:
        case CampaignStatus.SENDING if launched:
            return explanations.of_trouble(campaign.trouble, launched=True, tell=whom_to_tell(of_reply=True))
        case CampaignStatus.PAUSED if not launched or (pause is not None and pause.is_refused):
            return explanations.of_trouble(
                campaign.trouble, launched=launched, is_refused=launched, tell=whom_to_tell(of_reply=True)
            )
        case _:
            return None


def wait_of(campaign: Campaign, now: datetime) -> str:
    """Say what a sending waits for, and when it goes on by itself; empty when it waits for nothing."""
    at, waits_for = campaign.resumes_at, campaign.waits_for
    if campaign.status is not CampaignStatus.SENDING or at is None or at <= now or waits_for is None:
        return ""
    return _WAITS[waits_for].format(hour=hour_or_moment(at, now, wiring().settings.zone))


def lasting(mails: int) -> str:
    """Say how long a sending to so many people takes at the pace that the relay allows; empty when that is a moment."""
    pace = wiring().rules.pace
    minutes = round(pace.lasts(mails).total_seconds() / 60)
    if minutes < 2:
        return ""
    first, *others = (f"{french.number(cap.count)} {{}}{_WITHIN[cap.within]}" for cap in pace.caps)
    caps = " et ".join([first.format("messages "), *(one.format("") for one in others)])
    hours = round(minutes / 60)
    time = french.count(minutes, "minute", "minutes") if minutes < 120 else french.count(hours, "heure", "heures")
    return f"Votre serveur laisse partir au plus {caps} : le dernier message part environ {time} après le premier."


def slow_relay() -> datetime | None:
    """Return since when the relay is given one command at a time, since it loses count of more; None while it is not."""
    return relays.distrusted_since(session(), wiring().relay_address)


def paused(campaign: Campaign | None = None) -> list[PausedDestination]:
    """List the destinations that are left in peace; of a sending, those that somebody of it waits at."""
    found = [
        PausedDestination(
            one.domain,
            one.paused_at,
            one.reply,
            campaigns.waiting_at(session(), one.domain, campaign),
            one.denies_everybody,
        )
        for one in destinations.paused(session())
        if one.paused_at is not None
    ]
    return [one for one in found if campaign is None or (one.waiting and campaign.status is CampaignStatus.SENDING)]
