"""The answers of the members: the question queue, and one question with the mail that it answers."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

from service.actions import questions
from service.web.http import session
from service.web.staff import (
    letters,
    questions_answering,
    questions_authors,
    questions_by_hand,
    questions_other_mail,
    questions_several,
    questions_sorting,
    questions_splitting,
    questions_themes,
    questions_wishes,
)
from service.web.staff.questions_page import shown
from service.web.staff.questions_queue import shown_queue

pages = Blueprint("questions", __name__)
for room in (
    letters.pages,
    questions_several.pages,
    questions_sorting.pages,
    questions_splitting.pages,
    questions_themes.pages,
    questions_wishes.pages,
    questions_authors.pages,
    questions_answering.pages,
    questions_by_hand.pages,
    questions_other_mail.pages,
):
    pages.register_blueprint(room)


@pages.get("/reponses")
def show_all() -> ResponseReturnValue:
    """Show one tray of the queue."""
    return shown_queue()


@pages.get("/reponses/<int:question_id>")
def show(question_id: int) -> ResponseReturnValue:
    """Show one question: the words as asked, and the thread that they belong to; one that was merged leads to the other."""
    standing = questions.standing(session(), question_id).id
    if standing != question_id:
        return redirect(url_for("questions.show", question_id=standing), 303)
    return shown(question_id)
