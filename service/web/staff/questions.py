"""The answers of the members: the question queue, and one question with the mail that it answers."""

from __future__ import annotations

import zlib

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from service.actions import inbox, questions, resemblances, themes
from service.actions import staff as team
from service.core.vocabulary import InboundKind, QuestionStatus
from service.models.inbound_message import InboundMessage
from service.models.question import Question
from service.web import pagination
from service.web.http import missed_messages, page, refused_login, session, unread_mailbox
from service.web.pagination import Slice
from service.web.staff import (
    letters,
    questions_answering,
    questions_by_hand,
    questions_other_mail,
    questions_sorting,
    questions_splitting,
    questions_themes,
    questions_wishes,
)
from service.web.staff.questions_page import LABELS, TRAYS, is_number, shown

pages = Blueprint("questions", __name__)
for room in (
    letters.pages,
    questions_sorting.pages,
    questions_splitting.pages,
    questions_themes.pages,
    questions_wishes.pages,
    questions_answering.pages,
    questions_by_hand.pages,
    questions_other_mail.pages,
):
    pages.register_blueprint(room)

_PER_PAGE = 20
_AUTOMATIC_SHOWN = 50

KINDS = {
    InboundKind.BOUNCE: "Message revenu en erreur ou retardé",
    InboundKind.DELIVERY_NOTICE: "Message reçu par un serveur",
    InboundKind.COMPLAINT: "Signalé comme indésirable",
    InboundKind.READ_RECEIPT: "Accusé de lecture",
    InboundKind.CALENDAR_REPLY: "Réponse d’agenda",
    InboundKind.AUTO_REPLY: "Absence ou réponse automatique",
    InboundKind.OWN: "Notre propre courrier",
}


@pages.get("/reponses")
def show_all() -> ResponseReturnValue:
    """Show one tray of the queue; to htmx, only what moves, and nothing (204) while nothing has changed."""
    status = next((status for status, word, _ in TRAYS if word == request.args.get("bac")), QuestionStatus.TO_SORT)
    words = request.args.get("cherche", "").strip()
    counts = questions.trays(session())
    theme = request.args.get("theme", "")
    query = questions.matching(status, words, theme_id=int(theme) if is_number(theme) else None)
    found = pagination.cut(session(), query, size=_PER_PAGE)
    version = _version(counts, found)
    polled = "HX-Request" in request.headers
    if polled and request.headers.get("Pli-Seen") == version:
        return "", 204
    automatic = InboundMessage.automatic()
    return page(
        f"staff/questions/{'_queue' if polled else 'index'}.html",
        polled=polled,
        version=version,
        unread_mailbox=unread_mailbox(),
        missed_messages=missed_messages(),
        refused_login=refused_login(),
        trays=[(word, label, counts[one], one is status) for one, word, label in TRAYS],
        status=status,
        tray_word=next(word for one, word, _ in TRAYS if one is status),
        words=words,
        theme=theme,
        themes=[("", "Tous les thèmes"), *((str(one.id), one.name) for one in themes.everything(session()))],
        found=found,
        alike=resemblances.among(session(), found.rows if status is QuestionStatus.TO_SORT else []),
        is_new=not any(counts.values()),
        automatic=session().scalars(automatic.limit(_AUTOMATIC_SHOWN)).all(),
        automatic_count=session().scalar(select(func.count()).select_from(automatic.order_by(None).subquery())) or 0,
        kinds=KINDS,
        left_in_place=inbox.left_in_place(session()),
        names={one.id: one.name for one in team.everyone(session())},
        labels=LABELS,
    )


@pages.get("/reponses/<int:question_id>")
def show(question_id: int) -> str:
    """Show one question: the words as asked, and the thread that they belong to."""
    return shown(question_id)


def _version(counts: dict[QuestionStatus, int], found: Slice[Question]) -> str:
    """Name what a reader of the queue sees, so that it is replaced under his eyes only when something came or went."""
    rows = [(question.id, question.version, len(question.askings)) for question in found.rows]
    return f"{zlib.crc32(repr((sorted(counts.items()), found.total, rows)).encode()):08x}"
