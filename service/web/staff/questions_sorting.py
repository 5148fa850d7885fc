"""What the team decides of a question: is it one, who takes care of it, may it be published, what is to be remembered?"""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from service.actions import questions, wishes
from service.actions.questions import Hand
from service.core import french
from service.core.refusals import Refusal
from service.core.vocabulary import ClosedAs
from service.models.question import Question
from service.models.staff import Staff
from service.web.http import me, session, wiring
from service.web.staff import questions_wishes
from service.web.staff.questions_page import LABELS, WISHES, acted, is_number

pages = Blueprint("sorting", __name__)

_LABELS = {word: label for label, word, _ in LABELS}


@pages.post("/reponses/<int:question_id>/trier")
def sort(question_id: int) -> ResponseReturnValue:
    """Say what it is: a question, to answer in private or not, a request on one's data, or something else."""
    word = request.form.get("decision", "")
    if word in questions_wishes.ASKING_MORE and "seul" not in request.form and _is_known(question_id):
        # One press on the page that this leads to: a new address and a day are to be read in the mail.
        return redirect(url_for("questions.show", question_id=question_id, demande=word, _anchor="demande"), 303)
    return acted(question_id, lambda hand: _decide(question_id, word, hand))


@pages.post("/reponses/<int:question_id>/confier")
def assign(question_id: int) -> ResponseReturnValue:
    """Give the question to somebody of the team, to oneself, or to nobody."""
    typed = request.form.get("personne", "")

    def act(hand: Hand) -> str:
        to = me() if typed == "moi" else _person(typed)
        questions.assign(session(), question_id, to, hand)
        if to is None:
            return "Cette question n’est plus confiée à personne."
        return "Cette question vous est confiée." if to.id == me().id else f"Cette question est confiée à {to.name}."

    return acted(question_id, act)


@pages.post("/reponses/<int:question_id>/publication")
def keep_private(question_id: int) -> ResponseReturnValue:
    """Say whether it may be proposed for publication."""
    is_private = request.form.get("prive", "") == "oui"

    def act(hand: Hand) -> str:
        questions.keep_private(session(), question_id, is_private, hand)
        return "Cette question ne sera jamais publiée." if is_private else "Cette question peut être publiée."

    return acted(question_id, act)


@pages.post("/reponses/<int:question_id>/note")
def write_note(question_id: int) -> ResponseReturnValue:
    """Add a note that only the team reads."""
    text = request.form.get("note", "")

    def act(hand: Hand) -> str:
        questions.write_note(session(), question_id, text, by=hand.by, now=hand.now)
        return "La note est enregistrée. Seule l’équipe la lit."

    return acted(question_id, act)


def _decide(question_id: int, word: str, hand: Hand) -> str:
    if word in ("question", "prive"):
        question = questions.accept(session(), question_id, hand, privately=word == "prive")
        return f"C’est noté : la question {_of(question)} est dans « À répondre »."
    if word == "donnees":
        question = wishes.take_data_request(session(), question_id, wiring().office, hand)
        due = french.date_in_words(question.due_on) if question.due_on else ""
        return (
            f"C’est noté : la demande {_of(question)} est dans « À répondre ». La loi veut une réponse avant le {due}."
        )
    if word == "rouvrir":
        return f"La réponse {_of(questions.reopen(session(), question_id, hand))} est de nouveau dans « À trier »."
    if word not in _LABELS:
        raise Refusal("Choisissez ce que c’est.", field="decision")
    if _LABELS[word] is ClosedAs.UNSUBSCRIBE and "seul" not in request.form and _is_known(question_id):
        return questions_wishes.stop_mail(question_id, hand)
    question = questions.close(session(), question_id, _LABELS[word], hand)
    if _LABELS[word] in WISHES:
        return f"La réponse {_of(question)} est classée. Rien n’a changé dans sa fiche : faites-y ce qui est demandé."
    return f"La réponse {_of(question)} est classée."


def _is_known(question_id: int) -> bool:
    """Whether a member is known to have written, and what he asks for is not done yet."""
    question = questions.standing(session(), question_id)
    return bool(question.askings) and question.askings[0].contact is not None


def _of(question: Question) -> str:
    asking = question.askings[0]
    return french.de(asking.contact.name if asking.contact else asking.from_address or "une adresse inconnue")


def _person(typed: str) -> Staff | None:
    """Read who was chosen; nobody where nothing was. Refuses who is not of the team."""
    if not typed:
        return None
    found = session().get(Staff, int(typed)) if is_number(typed) else None
    if found is None:
        raise Refusal("Choisissez une personne de l’équipe.", field="personne")
    return found
