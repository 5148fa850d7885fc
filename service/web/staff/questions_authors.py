"""Who wrote a message that only its From ties to a member: this person, or not."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from service.actions import authorships
from service.actions.questions import Hand
from service.core import french
from service.core.refusals import Refusal
from service.web.http import session
from service.web.staff.questions_page import acted, is_number

pages = Blueprint("authors", __name__)


@pages.post("/reponses/<int:question_id>/auteur")
def say(question_id: int) -> ResponseReturnValue:
    """Say whether the member who is proposed wrote the message, or take that back."""
    typed, word = request.form.get("message", ""), request.form.get("auteur", "")

    def act(hand: Hand) -> str:
        if not is_number(typed) or word not in ("oui", "non", "annuler"):
            raise Refusal("Dites si c’est bien cette personne qui a écrit.")
        if word == "annuler":
            authorships.take_back(session(), question_id, int(typed), hand)
            return "C’est annulé : ce sociétaire est de nouveau proposé, rien de plus."
        said = authorships.say(session(), question_id, int(typed), word == "oui", hand)
        who = french.de(said.contact.name) if said.contact else "de cette personne"
        if said.is_theirs:
            return f"C’est noté : ce message est bien {who}."
        return f"C’est noté : ce message n’est pas {who}. Il n’est plus sur sa fiche."

    return acted(question_id, act)
