"""A question that did not come by mail: the telephone, the chat, a meeting."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from service.actions import questions
from service.core.names import fold, sought
from service.core.refusals import Refusal
from service.core.vocabulary import AskedBy
from service.models.member import Contact, Member
from service.web.http import me, page, session, wiring

pages = Blueprint("by_hand", __name__)

CHANNELS = (
    (AskedBy.TELEPHONE, "telephone", "Au téléphone"),
    (AskedBy.CHAT, "tchat", "Par le tchat"),
    (AskedBy.MEETING, "seance", "En séance"),
)
_MOST = 6


@pages.get("/reponses/ajouter")
def show() -> str:
    """Ask who asked what, and how."""
    return _form(None)


@pages.post("/reponses/ajouter")
def add() -> ResponseReturnValue:
    """Write the question down among those to answer."""
    try:
        channel = next((one for one, word, _ in CHANNELS if word == request.form.get("canal")), None)
        if channel is None:
            raise Refusal("Choisissez comment la question est arrivée.", field="canal")
        who = _contact(request.form.get("qui", ""))
        question = questions.open_by_hand(
            session(),
            request.form.get("question", ""),
            channel=channel,
            contact_id=who.id if who else None,
            by=me(),
            now=wiring().now(),
        )
    except Refusal as refusal:
        session().rollback()
        return _form(refusal), refusal.status
    flash("La question est ajoutée dans « À répondre ».")
    return redirect(url_for("questions.show", question_id=question.id), 303)


def _form(refusal: Refusal | None) -> str:
    options = [(word, label, "") for _, word, label in CHANNELS]
    return page("staff/questions/add.html", options=options, refusal=refusal, typed=request.form)


def _contact(typed: str) -> Contact | None:
    """Find the one member who is called so, by name, number or address; nobody where nothing was typed."""
    words = sought(typed)
    if not words:
        return None
    query = select(Member).order_by(Member.id).limit(_MOST)
    for word in words:
        query = query.where(Member.search.contains(fold(word) or word, autoescape=True))
    found = list(session().scalars(query))
    if not found:
        raise Refusal("Aucun sociétaire ne correspond : vérifiez le nom, ou laissez ce champ vide.", field="qui")
    if len(found) > 1:
        names = ", ".join(f"{one.name} ({one.number})" if one.number else one.name for one in found[: _MOST - 1])
        raise Refusal(f"Plusieurs sociétaires correspondent : {names}. Ajoutez le prénom ou le numéro.", field="qui")
    return found[0].main_contact
