"""Themes: the short list that the team keeps, and which of them a question has."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from service.actions import journal, questions
from service.actions.questions import Hand
from service.core.names import fold
from service.core.refusals import Conflict, NotFound, Refusal
from service.models.question import Question
from service.models.staff import Staff
from service.models.theme import Theme

LENGTH, MOST = 80, 30


def everything(session: Session) -> list[Theme]:
    """List the themes in alphabetical order."""
    return list(session.scalars(Theme.by_name()))


def used(session: Session) -> dict[int, int]:
    """Count the questions of each theme that has any; one that was merged into another counts there alone."""
    query = select(Question.theme_id, func.count()).where(Question.theme_id.is_not(None), Question.stands())
    query = query.group_by(Question.theme_id)
    return {number: rows for number, rows in session.execute(query) if number is not None}


def add(session: Session, name: str, *, by: Staff, now: datetime) -> Theme:
    """Add a theme. Refuses an empty or endless name, one that is there in another spelling, and a long list."""
    told = _named(session, name, None)
    _require_short(session)
    theme = Theme(name=told, folded=_folded(told), created_at=now)
    session.add(theme)
    session.flush()
    journal.note(session, "theme.add", now=now, by=by.id, subject="theme", subject_id=theme.id)
    return theme


def rename(session: Session, theme_id: int, name: str, *, by: Staff, now: datetime) -> Theme:
    """Call a theme otherwise, for all its questions. Refuses as `add` does."""
    theme = get(session, theme_id)
    told = _named(session, name, theme_id)
    if told != theme.name:
        theme.name, theme.folded = told, _folded(told)
        journal.note(session, "theme.rename", now=now, by=by.id, subject="theme", subject_id=theme.id)
    return theme


def remove(session: Session, theme_id: int, *, by: Staff, now: datetime) -> None:
    """Take a theme off the list. Refuses while questions have it."""
    theme = get(session, theme_id)
    if used(session).get(theme_id):
        raise Conflict(f"Des questions ont le thème « {theme.name} » : donnez-leur en un autre, ou renommez-le.")
    # One that was merged into another is in no tray: taken apart again, it has no theme rather than one that is gone.
    session.execute(update(Question).where(Question.theme_id == theme_id).values(theme_id=None))
    session.delete(theme)
    journal.note(session, "theme.remove", now=now, by=by.id, subject="theme", subject_id=theme_id)


def give(session: Session, question_id: int, theme_id: int | None, hand: Hand) -> Question:
    """Say what a question is about, or that it is about none of them."""
    question = questions.locked(session, question_id)
    if question.theme_id == theme_id:
        return question
    if theme_id is not None:
        get(session, theme_id)
    questions.require_unchanged(question, hand=hand, session=session)
    question.theme_id = theme_id
    questions.record(session, question, hand, "question.theme", theme=theme_id or 0)
    session.expire(question, ["theme"])
    return question


def get(session: Session, theme_id: int) -> Theme:
    """Return the theme of this number. Refuses an unknown one."""
    theme = session.get(Theme, theme_id)
    if theme is None:
        raise NotFound("Ce thème n’existe plus : choisissez-en un autre.", field="theme")
    return theme


def _named(session: Session, name: str, theme_id: int | None) -> str:
    told = " ".join(name.replace("\0", "").split())
    if not any(one.isalnum() for one in told):
        raise Refusal("Donnez un nom au thème.", field="nom")
    if len(told) > LENGTH:
        raise Refusal(f"Ce nom est trop long : gardez-en {LENGTH} caractères au plus.", field="nom")
    other = session.scalar(select(Theme).where(Theme.folded == _folded(told)))
    if other is not None and other.id != theme_id:
        raise Conflict(f"Le thème « {other.name} » existe déjà.", field="nom")
    return told


def _folded(name: str) -> str:
    # Of a name in another alphabet nothing is left when it is folded.
    return (fold(name) or name.casefold())[:160]


def _require_short(session: Session) -> None:
    if (session.scalar(select(func.count()).select_from(Theme)) or 0) >= MOST:
        raise Refusal(
            f"La liste a déjà {MOST} thèmes : au-delà, personne ne la relit. Retirez-en un d’abord.", field="nom"
        )
