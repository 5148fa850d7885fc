"""One mail with several questions: its lines, and where each other question begins."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from service.actions import questions, splitting
from service.actions.questions import Hand
from service.core.refusals import Conflict, NotFound, Refusal
from service.core.vocabulary import QuestionStatus
from service.web.http import page, session
from service.web.staff.questions_page import acted, hand, is_number, shown

pages = Blueprint("splitting", __name__)


@pages.get("/reponses/<int:question_id>/separer")
def show(question_id: int) -> str:
    """Show the lines of what was asked, each with a box."""
    return _form(question_id, None)


@pages.post("/reponses/<int:question_id>/separer")
def split(question_id: int) -> ResponseReturnValue:
    """Make a question of each part."""
    starts = [int(one) for one in request.form.getlist("debut") if is_number(one)]
    try:
        made = splitting.split(session(), question_id, starts, hand())
    except Refusal as refusal:
        session().rollback()
        if isinstance(refusal, (Conflict, NotFound)):
            return shown(question_id, refusal), refusal.status
        return _form(question_id, refusal), refusal.status
    flash(f"Ce message est séparé en {len(made)} questions. Chacune est triée et reçoit sa réponse à part.")
    tray = "a-repondre" if made[0].status is QuestionStatus.TO_ANSWER else "a-trier"
    return redirect(url_for("questions.show_all", bac=tray), 303)


@pages.post("/reponses/<int:question_id>/reunir")
def rejoin(question_id: int) -> ResponseReturnValue:
    """Undo the last split of a question."""

    def act(by: Hand) -> str:
        splitting.rejoin(session(), question_id, by)
        return "Ce message est de nouveau une seule question, avec tous ses mots."

    return acted(question_id, act)


def _form(question_id: int, refusal: Refusal | None) -> str:
    question = questions.get(session(), question_id)
    told = splitting.lines(question.askings[0].text)
    first = next((number for number, line in enumerate(told) if line.strip()), 0)
    return page(
        "staff/questions/split.html",
        question=question,
        asking=question.askings[0],
        lines=[(number, line) for number, line in enumerate(told) if line.strip()],
        first=first,
        chosen=request.form.getlist("debut"),
        refusal=refusal,
    )
