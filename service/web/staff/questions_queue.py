"""The question queue on its page: one tray, what may be done with several of its questions at once, and what moves in it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from flask import request
from sqlalchemy import func, select

from service.actions import inbox, questions, resemblances, themes
from service.actions import staff as team
from service.core.refusals import Refusal
from service.core.vocabulary import InboundKind, QuestionStatus
from service.models.inbound_message import InboundMessage
from service.models.question import Question
from service.web import pagination
from service.web.http import missed_messages, page, refused_login, session, unread_mailbox
from service.web.pagination import Slice
from service.web.staff.questions_page import LABELS, MERGEABLE, NO_THEME, NOBODY, TOGETHER, TRAYS, is_number

_PER_PAGE = 20
_AUTOMATIC_SHOWN = 50
# Where several may be ticked; what is published or closed is looked at one by one.
_TICKED_IN = (QuestionStatus.TO_SORT, QuestionStatus.TO_ANSWER, QuestionStatus.TO_PUBLISH)

KINDS = {
    InboundKind.BOUNCE: "Message revenu en erreur ou retardé",
    InboundKind.DELIVERY_NOTICE: "Message reçu par un serveur",
    InboundKind.COMPLAINT: "Signalé comme indésirable",
    InboundKind.READ_RECEIPT: "Accusé de lecture",
    InboundKind.CALENDAR_REPLY: "Réponse d’agenda",
    InboundKind.AUTO_REPLY: "Absence ou réponse automatique",
    InboundKind.OWN: "Notre propre courrier",
}


def shown_queue(refusal: Refusal | None = None, ticked: Sequence[str] = ()) -> tuple[str, int]:
    """Show one tray of the queue, with what must be refused of several ticked questions, if anything.

    To htmx, only what moves, and nothing (204) while nothing has changed.
    """
    status = next((status for status, word, _ in TRAYS if word == request.args.get("bac")), QuestionStatus.TO_SORT)
    words = request.args.get("cherche", "").strip()
    counts = questions.trays(session())
    theme = request.args.get("theme", "")
    theme_id = int(theme) if is_number(theme) else None
    found = pagination.cut(session(), questions.matching(status, words, theme_id=theme_id), size=_PER_PAGE)
    version = _version(counts, found)
    polled = "HX-Request" in request.headers
    if polled and request.headers.get("Pli-Seen") == version:
        return "", 204
    automatic = InboundMessage.automatic()
    everyone, all_themes = team.everyone(session()), themes.everything(session())
    told = page(
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
        themes=[("", "Tous les thèmes"), *((str(one.id), one.name) for one in all_themes)],
        found=found,
        elsewhere=_elsewhere(status, words, theme_id) if words and not found.total else [],
        alike=resemblances.among(session(), found.rows if status is QuestionStatus.TO_SORT else []),
        is_new=not any(counts.values()),
        automatic=session().scalars(automatic.limit(_AUTOMATIC_SHOWN)).all(),
        automatic_count=session().scalar(select(func.count()).select_from(automatic.order_by(None).subquery())) or 0,
        kinds=KINDS,
        left_in_place=inbox.left_in_place(session()),
        names={one.id: one.name for one in everyone},
        labels=LABELS,
        mergeable=MERGEABLE,
        may_tick=status in _TICKED_IN,
        may_merge=status in MERGEABLE,
        together=[("", "Choisissez"), *_decisions(status)],
        themes_to_give=[
            ("", "Choisissez"),
            *((str(one.id), one.name) for one in all_themes),
            (NO_THEME, "Aucun thème"),
        ],
        people=[
            ("", "Choisissez"),
            *((str(one.id), one.name) for one in everyone if one.disabled_at is None),
            (NOBODY, "Personne"),
        ],
        ticked=frozenset(ticked),
        typed=request.form,
        refusal=refusal,
    )
    return told, refusal.status if refusal else 200


def _elsewhere(status: QuestionStatus, words: str, theme_id: int | None) -> list[tuple[str, str, int]]:
    """Say in which other trays a search finds something, and how much: its word, its name, its count."""
    queries = [
        (word, label, questions.matching(one, words, theme_id=theme_id))
        for one, word, label in TRAYS
        if one is not status
    ]
    counted = [
        (word, label, session().scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0)
        for word, label, query in queries
    ]
    return [one for one in counted if one[2]]


def _decisions(status: QuestionStatus) -> list[tuple[str, str]]:
    """List what several may be put away as, and, of those to sort, that they are answered in private."""
    in_private = [("prive", "À répondre en privé, jamais publiées")] if status is QuestionStatus.TO_SORT else []
    return [*((word, label) for one, word, label in LABELS if one in TOGETHER), *in_private]


def _version(counts: dict[QuestionStatus, int], found: Slice[Question]) -> str:
    """Name what a reader of the queue sees, so that it is replaced under his eyes only when something came or went."""
    rows = [(question.id, question.version, len(question.askings)) for question in found.rows]
    return f"{zlib.crc32(repr((sorted(counts.items()), found.total, rows)).encode()):08x}"
