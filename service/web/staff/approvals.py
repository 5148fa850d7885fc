"""The way out of a draft: a test to oneself, a second reader, and the sentence that says what will leave, when, to how many."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from service.actions import advice, audiences, drafts, readiness, reviews, sending
from service.actions import campaigns as sendings
from service.core import french
from service.core.hours import instant_of
from service.core.refusals import Conflict, Refusal
from service.core.vocabulary import CampaignStatus, MailKind
from service.core.writing.advice import Advice
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.web.http import me, page, senders_only, session, wiring
from service.web.staff import drafting, holdups, previews

pages = Blueprint("approvals", __name__)


@pages.get("/messages/<int:campaign_id>/envoyer")
def show(campaign_id: int) -> ResponseReturnValue:
    """Show what will leave, what is still missing, and the button that sends it."""
    campaign = drafts.get(session(), campaign_id)
    return _page(campaign) if drafts.is_editable(campaign) else drafting.closed(campaign)


@pages.post("/messages/<int:campaign_id>/test")
def send_test(campaign_id: int) -> ResponseReturnValue:
    """Send the message to oneself, filled with the data of the person who was chosen."""
    campaign = _unsent(campaign_id)
    reader = previews.chosen_reader(session(), request.form)
    try:
        readiness.require(session(), campaign, secret=wiring().office.secret)
        if reader is None:
            raise Refusal("Choisissez la personne dont les données remplissent le test.", field="pour")
    except Refusal as refusal:
        return _page(campaign, refusal), refusal.status
    sending.order_test(session(), wiring().office, campaign, by=me(), fields=reader.fields, now=wiring().now())
    flash(f"Le test part à {me().email}. Son objet porte « [TEST] », ses champs sont ceux {french.de(reader.name)}.")
    return redirect(url_for("campaigns.approvals.show", campaign_id=campaign.id, pour=reader.contact_id), 303)


@pages.post("/messages/<int:campaign_id>/demander-relecture")
def submit(campaign_id: int) -> ResponseReturnValue:
    """Ask for a second reader."""
    campaign = _unsent(campaign_id)
    try:
        asked = reviews.ask(session(), wiring().office, campaign, by=me(), now=wiring().now())
    except Refusal as refusal:
        session().rollback()
        return _page(_unsent(campaign_id), refusal), refusal.status
    verb = "reçoivent" if len(asked) > 1 else "reçoit"
    told = f" {french.listed([one.name for one in asked])} en {verb} le lien par e-mail." if asked else ""
    flash(f"La relecture est demandée.{told}")
    return redirect(url_for("campaigns.approvals.show", campaign_id=campaign.id), 303)


@pages.get("/messages/<int:campaign_id>/relecture")
def reread(campaign_id: int) -> ResponseReturnValue:
    """Show the whole message to whoever reads it again."""
    campaign = drafts.get(session(), campaign_id)
    return _reading_page(campaign) if drafts.is_editable(campaign) else drafting.closed(campaign)


@pages.post("/messages/<int:campaign_id>/relecture")
@senders_only
def decide(campaign_id: int) -> ResponseReturnValue:
    """Approve the version that was shown, or ask for a correction, or look at it as somebody else will read it."""
    campaign, now = _unsent(campaign_id), wiring().now()
    if "voir" in request.form:
        return _reading_page(campaign)
    try:
        match request.form.get("avis"):
            case "accord":
                drafts.approve(
                    session(),
                    campaign,
                    by=me(),
                    secret=wiring().office.secret,
                    now=now,
                    seen_version=_seen_version(),
                )
                flash("L’envoi est approuvé. Toute modification du texte ou des listes annule cet accord.")
            case "correction":
                drafts.send_back(session(), campaign, by=me(), reason=request.form.get("reason", ""), now=now)
                flash("Le message est de nouveau un brouillon ; son auteur lira votre demande en l’ouvrant.")
            case _:
                raise Refusal("Dites si vous approuvez l’envoi ou si vous demandez une correction.", field="avis")
    except Refusal as refusal:
        session().rollback()
        return _reading_page(_unsent(campaign_id), refusal), refusal.status
    return redirect(url_for("campaigns.approvals.show", campaign_id=campaign.id), 303)


@pages.post("/messages/<int:campaign_id>/envoyer")
@senders_only
def send(campaign_id: int) -> ResponseReturnValue:
    """Send now, or at an hour, what was approved; or without a second reader, for a written reason."""
    try:
        at = _hour_asked()
        # Rendered before the transaction that writes begins: it must not wait for a rendering.
        with previews.reading() as apart:
            launching = sending.launching(wiring().office, drafts.get(apart, campaign_id)) if at is None else None
        campaign = drafts.get(session(), campaign_id)
        sendings.send(
            session(),
            campaign,
            launching,
            by=me(),
            at=at,
            hold=wiring().hold,
            secret=wiring().office.secret,
            now=wiring().now(),
            without_review=_reason(),
            seen_version=_seen_version() if "version" in request.form else None,
        )
        told = sending.tell_the_others(session(), wiring().office, campaign, by=me(), now=wiring().now())
    except Refusal as refusal:
        session().rollback()
        campaign = drafts.get(session(), campaign_id)
        if not drafts.is_editable(campaign):
            raise
        return _page(campaign, refusal), refusal.status
    if told:
        flash(
            f"Un e-mail prévient l’équipe ({french.count(told, 'personne', 'personnes')}) que ce message part sans relecture."
        )
    return redirect(url_for("campaigns.show", campaign_id=campaign_id), 303)


def _unsent(campaign_id: int) -> Campaign:
    campaign = drafts.get(session(), campaign_id)
    if not drafts.is_editable(campaign):
        raise Conflict("Ce message est déjà parti ou programmé. Sa page dit où il en est.")
    return campaign


def _page(campaign: Campaign, refusal: Refusal | None = None) -> str:
    approval = campaign.approval
    audience = drafting.audience_of(session(), campaign)
    return page(
        "staff/campaigns/send.html",
        campaign=campaign,
        audience=audience,
        lasting=holdups.lasting(audience.receiving),
        obstacles=readiness.obstacles(session(), campaign, secret=wiring().office.secret),
        advice=_advice(campaign),
        approval=approval,
        readers_again=_others(campaign),
        wrote=drafts.wrote(campaign, me()),
        correction=drafts.correction_asked(session(), campaign) if campaign.status is CampaignStatus.DRAFT else None,
        readers=audiences.some(session(), campaign),
        reader=request.values.get("pour", ""),
        last_test=_last_test(campaign),
        hold=_in_words(wiring().hold),
        place=wiring().settings.zone.key.rpartition("/")[2].replace("_", " "),
        typed=request.form,
        refusal=refusal,
    )


def _reading_page(campaign: Campaign, refusal: Refusal | None = None) -> str:
    reader = previews.chosen_reader(session(), request.values) or next(
        iter(audiences.some(session(), campaign, limit=1)), None
    )
    return page(
        "staff/campaigns/reread.html",
        campaign=campaign,
        audience=drafting.audience_of(session(), campaign),
        preview=previews.see(session(), campaign, reader),
        advice=_advice(campaign),
        readers=audiences.some(session(), campaign),
        reader=str(reader.contact_id) if reader else "",
        wrote=drafts.wrote(campaign, me()),
        readers_again=_others(campaign),
        typed=request.form,
        refusal=refusal,
    )


def _advice(campaign: Campaign) -> list[Advice]:
    return advice.on(session(), campaign, zone=wiring().settings.zone, now=wiring().now())


def _others(campaign: Campaign) -> list[str]:
    """Name who else may read the message again and agree to it."""
    return [one.name for one in reviews.readers(session(), campaign)]


def _last_test(campaign: Campaign) -> Delivery | None:
    versions = [version.id for version in campaign.versions]
    return session().scalar(
        select(Delivery)
        .where(
            Delivery.kind == MailKind.TEST,
            Delivery.staff_id == me().id,
            Delivery.subject == "campaign_version",
            Delivery.subject_id.in_(versions),
        )
        .order_by(Delivery.id.desc())
        .limit(1)
    )


def _seen_version() -> int:
    number = request.form.get("version", "")
    return int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0


def _hour_asked() -> datetime | None:
    """Read when the message leaves; None is now."""
    day, hour = request.form.get("date", "").strip(), request.form.get("heure", "").strip()
    if request.form.get("quand") != "heure":
        if day or hour:
            # Who typed a date did not mean now: nothing leaves on a guess.
            raise Refusal(
                "Vous avez écrit une date, mais « Maintenant » est coché. Choisissez l’un ou l’autre.", field="at"
            )
        return None
    if not day or not hour:
        raise Refusal("Choisissez le jour et l’heure de l’envoi.", field="at")
    return instant_of(f"{day}T{hour}", wiring().settings.zone, option="at")


def _reason() -> str:
    """Read why the message leaves without a second reader; blanks are no reason, and are refused as too short."""
    return request.form.get("reason", "") or " " if "sans-relecture" in request.form else ""


def _in_words(hold: timedelta) -> str:
    seconds = int(hold.total_seconds())
    if seconds >= 60:
        return french.count(seconds // 60, "minute", "minutes")
    return french.count(seconds, "seconde", "secondes") if seconds else ""
