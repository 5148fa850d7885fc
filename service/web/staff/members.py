"""Who are the members, what does one of them receive and write, and what may change about him?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.actions import lists as mailing_lists
from service.actions import members as register
from service.actions import moves, scores, suppressions
from service.actions.suppressions import Barred
from service.core.refusals import NotFound, Refusal
from service.core.vocabulary import DeliveryState, LeavingReason, SkipReason
from service.models.bounce_score import BounceScore
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.mailing_list import MailingList
from service.models.member import Contact, Member
from service.models.question import Asking
from service.web import filters, http, pagination

pages = Blueprint("members", __name__)

REASONS = (
    (LeavingReason.RETRAIT, "Retrait : il ou elle quitte la coopérative"),
    (LeavingReason.CESSION, "Cession de toutes ses parts"),
    (LeavingReason.EXCLUSION, "Exclusion"),
    (LeavingReason.DECES, "Décès"),
)
STATES = {
    DeliveryState.PENDING: "attend son tour",
    DeliveryState.HANDING: "part en ce moment",
    DeliveryState.DEFERRED: "sera réessayé",
    DeliveryState.ACCEPTED: "envoyé",
    DeliveryState.REFUSED: "refusé par sa messagerie",
    DeliveryState.SKIPPED: "non envoyé",
    DeliveryState.IN_DOUBT: "peut-être reçu",
}
SKIPS = {
    SkipReason.OPTED_OUT: "ne reçoit plus cette liste",
    SkipReason.SUPPRESSED: "adresse écartée",
    SkipReason.UNKNOWN: "adresse écartée : inconnue de son serveur",
    SkipReason.RETURNED: "adresse écartée : trop de retours en erreur",
    SkipReason.OBJECTED: "la personne s’est opposée à nos messages",
    SkipReason.SHARED_ADDRESS: "adresse partagée : un seul exemplaire",
    SkipReason.NO_ADDRESS: "sans adresse",
    SkipReason.STOPPED: "envoi arrêté",
    SkipReason.LEFT: "n’était plus sociétaire",
}
_SHOWN = 20
_UNREACHABLE = "en-erreur"


@dataclass(frozen=True, slots=True)
class Reader:
    """A contact, what he receives now, whether his address still works, why we no longer write to it if we do not, and its points."""

    contact: Contact
    lists: list[MailingList]
    fails: bool
    barred: Barred | None
    score: BounceScore | None


@dataclass(frozen=True, slots=True)
class Received:
    """A mail to this member, and the campaign that it belongs to."""

    delivery: Delivery
    campaign: Campaign | None


@pages.get("/societaires")
def show_all() -> str:
    """Show the members that a search finds."""
    session, asked = http.session(), request.args
    words, college = asked.get("q", "").strip(), asked.get("college", "")
    unreachable = asked.get("adresses") == _UNREACHABLE
    query = register.matching(words, college=college, unreachable=unreachable)
    return http.page(
        "staff/members/index.html",
        members=pagination.cut(session, query),
        words=words,
        college=college,
        unreachable=unreachable,
        colleges=[("", "Tous"), *((name, name) for name in register.colleges(session))],
        today=_today(),
        register_size=session.scalar(select(func.count()).select_from(Member)) or 0,
    )


@pages.get("/societaires/<int:member_id>")
def show(member_id: int) -> str:
    """Show one member: what he receives, what he got, what he wrote."""
    session = http.session()
    member = register.get(session, member_id)
    failing, ids = register.failing(session, member), [contact.id for contact in member.contacts]
    secret = http.wiring().office.secret
    barred = suppressions.barred(session, member.contacts, secret=secret)
    scored = scores.of(session, member.contacts, secret=secret, today=http.wiring().now().date())
    return http.page(
        "staff/members/show.html",
        member=member,
        readers=[
            Reader(one, mailing_lists.read_by(session, one), one.id in failing, barred.get(one.id), scored.get(one.id))
            for one in member.contacts
        ],
        received=_received(session, ids),
        askings=list(session.scalars(Asking.by_contacts(ids).limit(_SHOWN))),
        states=STATES,
        skips=SKIPS,
        reasons={reason.value: words for reason, words in REASONS},
        today=_today(),
    )


@pages.get("/societaires/<int:member_id>/contacts/<int:contact_id>/adresse")
def ask_address(member_id: int, contact_id: int) -> str:
    """Show the form that changes where a contact is written to."""
    contact = _contact(member_id, contact_id)
    return _address_form(contact, contact.email or "", None)


@pages.post("/societaires/<int:member_id>/contacts/<int:contact_id>/adresse")
def change_address(member_id: int, contact_id: int) -> ResponseReturnValue:
    """Change where a contact is written to."""
    contact, email = _contact(member_id, contact_id), request.form.get("email", "")
    try:
        told = moves.change_address(
            http.session(), contact, email, http.wiring().office, by=http.me(), now=http.wiring().now()
        )
    except Refusal as refusal:
        # The form has one field: whatever is refused is about it.
        return _address_form(contact, email, Refusal(refusal.sentence, field="email")), refusal.status
    if not told:
        flash(f"L’adresse est déjà {contact.email} : rien n’a changé.")
    else:
        whom = " et à ".join(one.address for one in told)
        flash(
            f"Les prochains messages iront à {contact.email}. La confirmation part à {whom}. Un import ne changera plus "
            "cette adresse."
        )
    return redirect(f"/societaires/{member_id}", 303)


@pages.post("/societaires/<int:member_id>/contacts/<int:contact_id>/reecrire")
def write_again(member_id: int, contact_id: int) -> ResponseReturnValue:
    """Write again to an address that its server did not know, or that sent too much back."""
    contact, wiring = _contact(member_id, contact_id), http.wiring()
    suppressions.lift(http.session(), contact, by=http.me(), secret=wiring.office.secret, now=wiring.now())
    flash(f"Les prochains messages iront de nouveau à {contact.email}.")
    return redirect(f"/societaires/{member_id}", 303)


@pages.get("/societaires/<int:member_id>/depart")
def ask_departure(member_id: int) -> ResponseReturnValue:
    """Ask since when and why somebody is a member no more; with both, say what it will do before doing it."""
    member = register.get(http.session(), member_id)
    if "on" not in request.args:
        return _departure_form(member, None)
    try:
        on, reason = _departure(request.args.get("on", ""), request.args.get("reason", ""))
        register.require_leavable(member, on=on)
    except Refusal as refusal:
        return _departure_form(member, refusal), refusal.status
    words = dict(REASONS)[reason]
    return http.page(
        "staff/members/departure_check.html",
        member=member,
        on=on,
        reason=reason,
        words=words,
        is_to_come=on > _today(),
        remark=register.departure_remark(on=on, reason=reason, today=_today()),
    )


@pages.post("/societaires/<int:member_id>/depart")
def depart(member_id: int) -> ResponseReturnValue:
    """Record that somebody is a member no more."""
    session = http.session()
    member = register.get(session, member_id)
    on, reason = _departure(request.form.get("on", ""), request.form.get("reason", ""))
    register.leave(session, member, on=on, reason=reason, by=http.me().id, now=http.wiring().now())
    if on > _today():
        day = filters.day(on, http.wiring().settings.zone)
        flash(f"C’est noté : {member.name} quittera la coopérative le {day}, et reçoit ses messages jusqu’à la veille.")
    else:
        flash(f"C’est noté : {member.name} n’est plus sociétaire. Aucun message ne partira plus.")
    return redirect(f"/societaires/{member_id}", 303)


@pages.post("/societaires/<int:member_id>/depart/annuler")
def cancel_departure(member_id: int) -> ResponseReturnValue:
    """Take a departure back: recorded by mistake, or given up."""
    member = register.get(http.session(), member_id)
    register.cancel_departure(http.session(), member, by=http.me().id, now=http.wiring().now())
    flash(f"Le départ est annulé : {member.name} est sociétaire et reçoit ses messages comme avant.")
    return redirect(f"/societaires/{member_id}", 303)


def _contact(member_id: int, contact_id: int) -> Contact:
    member = register.get(http.session(), member_id)
    found = next((one for one in member.contacts if one.id == contact_id), None)
    if found is None:
        raise NotFound(f"{member.name} n’a pas ce contact. Rouvrez sa fiche.")
    return found


def _today() -> date:
    # The day that the database compares a departure with (Member.is_present).
    return http.wiring().now().date()


def _received(session: Session, contact_ids: list[int]) -> list[Received]:
    rows = list(session.scalars(Delivery.to_contacts(contact_ids).limit(_SHOWN)))
    return [Received(row, session.get(Campaign, row.campaign_id) if row.campaign_id else None) for row in rows]


def _departure(day: str, motive: str) -> tuple[date, LeavingReason]:
    try:
        on = date.fromisoformat(day)
    except ValueError as error:
        raise Refusal("Donnez le jour du départ.", field="on") from error
    if motive not in {reason.value for reason, _ in REASONS}:
        raise Refusal("Choisissez le motif du départ.", field="reason")
    return on, LeavingReason(motive)


def _address_form(contact: Contact, email: str, refusal: Refusal | None) -> str:
    return http.page("staff/members/address.html", contact=contact, email=email, refusal=refusal)


def _departure_form(member: Member, refusal: Refusal | None) -> str:
    return http.page(
        "staff/members/departure.html",
        member=member,
        reasons=[(*one, "") for one in REASONS],
        refusal=refusal,
        typed=request.args,
    )
