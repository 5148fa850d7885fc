"""The themes of the questions: the short list of the team, and the theme of one question."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from service.actions import themes
from service.actions.questions import Hand
from service.core.refusals import Refusal
from service.web.http import me, page, session, wiring
from service.web.staff.questions_page import acted, is_number

pages = Blueprint("themes", __name__)


@pages.get("/reponses/themes")
def show() -> str:
    """Show the list, with how many questions each has."""
    return _list(None)


@pages.post("/reponses/themes")
def add() -> ResponseReturnValue:
    """Add a theme."""
    try:
        theme = themes.add(session(), request.form.get("nom", ""), by=me(), now=wiring().now())
    except Refusal as refusal:
        session().rollback()
        return _list(refusal), refusal.status
    flash(f"Le thème « {theme.name} » est ajouté.")
    return redirect(url_for("questions.themes.show"), 303)


@pages.post("/reponses/themes/<int:theme_id>")
def change(theme_id: int) -> ResponseReturnValue:
    """Call a theme otherwise, or take it off the list."""
    try:
        if request.form.get("acte") == "retirer":
            themes.remove(session(), theme_id, by=me(), now=wiring().now())
            flash("Le thème est retiré de la liste.")
        else:
            theme = themes.rename(session(), theme_id, request.form.get("nom", ""), by=me(), now=wiring().now())
            flash(f"Le thème s’appelle maintenant « {theme.name} ».")
    except Refusal as refusal:
        session().rollback()
        # Its field stands once a theme: the sentence above says it.
        return _list(Refusal(refusal.sentence)), refusal.status
    return redirect(url_for("questions.themes.show"), 303)


@pages.post("/reponses/<int:question_id>/theme")
def give(question_id: int) -> ResponseReturnValue:
    """Say what one question is about."""
    typed = request.form.get("theme", "")

    def act(hand: Hand) -> str:
        question = themes.give(session(), question_id, int(typed) if is_number(typed) else None, hand)
        return f"Thème : {question.theme.name}." if question.theme else "Cette question n’a plus de thème."

    return acted(question_id, act)


def _list(refusal: Refusal | None) -> str:
    return page(
        "staff/questions/themes.html",
        themes=themes.everything(session()),
        used=themes.used(session()),
        typed=request.form,
        refusal=refusal,
    )
