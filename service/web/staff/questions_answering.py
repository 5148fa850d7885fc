"""The answer to one question: written, seen as the mail that it will be, and sent once."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from service.actions import answers, questions
from service.actions.answers import Sheet
from service.core.refusals import NotFound, Refusal
from service.models.answer import Answer
from service.models.question import Question
from service.web.http import me, page, session, shows_mail, wiring
from service.web.staff.questions_page import hand, shown

pages = Blueprint("answering", __name__)


@pages.post("/reponses/<int:question_id>/reponse")
def write(question_id: int) -> ResponseReturnValue:
    """Keep the answer as typed, and go and look at its mail."""
    try:
        answers.write(session(), question_id, request.form.get("reponse", ""), hand())
    except Refusal as refusal:
        session().rollback()
        return shown(question_id, refusal, request.form), refusal.status
    return redirect(url_for("questions.answering.show", question_id=question_id), 303)


@pages.get("/reponses/<int:question_id>/reponse")
def show(question_id: int) -> ResponseReturnValue:
    """Show the very mail that « Répondre » sends; what has left is on the page of the question."""
    question, answer = _written(question_id)
    if answer.sent_at is not None:
        return redirect(url_for("questions.show", question_id=question_id), 303)
    return _shown(question, answer)


@pages.get("/reponses/<int:question_id>/reponse/apercu")
@shows_mail
def preview(question_id: int) -> str:
    """Show the mail by itself, for the frame of the page before."""
    question, answer = _written(question_id)
    sheet = _sheet(question, answer)
    return sheet.mould.html({"to_name": sheet.recipient.name})


@pages.post("/reponses/<int:question_id>/reponse/envoyer")
def send(question_id: int) -> ResponseReturnValue:
    """Send the answer that was seen, once whatever the clicks."""
    try:
        answers.send(session(), question_id, wiring().office, hand(), seen=request.form.get("vu", ""))
    except Refusal as refusal:
        session().rollback()
        return shown(question_id, refusal), refusal.status
    flash("La réponse part. Cette page dit quand elle est envoyée.")
    return redirect(url_for("questions.show", question_id=question_id), 303)


def _shown(question: Question, answer: Answer) -> str:
    sheet = _sheet(question, answer)
    values = {"to_name": sheet.recipient.name}
    return page(
        "staff/questions/answer.html",
        question=question,
        asking=question.askings[0],
        answer=answer,
        sheet=sheet,
        sender=str(wiring().office.transactional.sender),
        subject=sheet.mould.subject(values),
        text=sheet.mould.text(values),
    )


def _sheet(question: Question, answer: Answer) -> Sheet:
    return answers.sheet(question, answer, wiring().office, by_name=me().name)


def _written(question_id: int) -> tuple[Question, Answer]:
    question = questions.get(session(), question_id)
    answer = session().scalar(Answer.to(question_id))
    if answer is None:
        raise NotFound("La réponse à cette question n’est pas encore écrite.")
    return question, answer
