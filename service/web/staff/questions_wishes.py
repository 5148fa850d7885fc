"""What a mail asks for beside an answer, done in one press: no more communiqués, a new address, a departure."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from service.actions import wishes
from service.actions.questions import Hand
from service.core import french
from service.core.refusals import Refusal
from service.core.vocabulary import LeavingReason
from service.models.granted_wish import GrantedWish
from service.web.http import session, wiring
from service.web.staff.questions_page import acted, detail_of

pages = Blueprint("wishes", __name__)

# The labels whose act needs what only the mail says.
ASKING_MORE = ("adresse", "depart")


@pages.post("/reponses/<int:question_id>/demande")
def grant(question_id: int) -> ResponseReturnValue:
    """Do what is asked, tell the member at the address on file, and put the mail away."""
    acts = {"ne-plus-recevoir": stop_mail, "adresse": _change_address, "depart": _note_departure}
    act = acts.get(request.form.get("acte", ""))

    def do(hand: Hand) -> str:
        if act is None:
            raise Refusal("Choisissez ce qui est à faire.")
        return act(question_id, hand)

    return acted(question_id, do)


@pages.post("/reponses/<int:question_id>/demande/annuler")
def resume_mail(question_id: int) -> ResponseReturnValue:
    """Undo the stop that a mail seemed to ask for."""

    def act(hand: Hand) -> str:
        resumed = wishes.resume_mail(session(), question_id, hand)
        if not resumed.back:
            return "C’était déjà annulé."
        names, receipts = ", ".join(one.name for one in resumed.back), wishes.receipts_of(session(), resumed.done)
        told = (
            f"La confirmation de l’arrêt est déjà partie à {receipts[0].address}, et rien d’autre ne part : "
            f"{_what_remains(resumed.done)}."
            if receipts
            else "La confirmation de l’arrêt n’était pas partie : elle ne partira pas."
        )
        return f"C’est annulé : {_who(resumed.done)} reçoit de nouveau {names}. {told}"

    return acted(question_id, act)


def stop_mail(question_id: int, hand: Hand) -> str:
    """Stop what one can leave, and say so."""
    done = wishes.stop_mail(session(), question_id, wiring().office, hand)
    return f"C’est fait : {_who(done)} ne reçoit plus {detail_of(done)}. {_told(done)}"


def _change_address(question_id: int, hand: Hand) -> str:
    typed = request.form.get("adresse", "")
    done = wishes.change_address(session(), question_id, typed, wiring().office, hand)
    where = done.contact.email if done.contact else ""
    return f"C’est fait : les prochains messages {french.de(_who(done))} iront à {where}. {_told(done)}"


def _note_departure(question_id: int, hand: Hand) -> str:
    on, reason = request.form.get("le", ""), request.form.get("motif", "")
    try:
        day = date.fromisoformat(on)
    except ValueError as error:
        raise Refusal("Donnez le jour du départ.", field="le") from error
    if reason not in set(LeavingReason):
        raise Refusal("Choisissez le motif du départ.", field="motif")
    try:
        done = wishes.note_departure(
            session(), question_id, on=day, reason=LeavingReason(reason), office=wiring().office, hand=hand
        )
    except Refusal as refusal:
        refusal.field = "le" if refusal.field == "on" else refusal.field
        raise
    return f"C’est fait : le départ {french.de(_who(done))} est noté, pour le {done.detail}. {_told(done)}"


def _who(done: GrantedWish) -> str:
    return done.contact.name if done.contact else "ce sociétaire"


def _what_remains(done: GrantedWish) -> str:
    """Say how to tell whose mail was stopped: where somebody else wrote, an answer would reach that one."""
    is_theirs = done.contact_id is not None and done.asking.contact_id == done.contact_id
    return "répondez à ce message pour le lui dire" if is_theirs else f"prévenez {_who(done)}"


def _told(done: GrantedWish) -> str:
    receipts = wishes.receipts_of(session(), done)
    if any(one.created_at < done.at for one in receipts):
        return "La confirmation d’un premier arrêt était déjà partie : rien d’autre ne part."
    told = " et à ".join(one.address for one in receipts)
    return f"La confirmation part à {told}." if told else "Aucune confirmation ne part."
