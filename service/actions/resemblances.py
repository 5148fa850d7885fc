"""Resemblances: which questions were likely asked before? Suggested to the team, who alone knows."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from service.core import likeness
from service.core.likeness import Words
from service.core.vocabulary import ClosedAs, QuestionStatus
from service.models.question import Asking, Question

# The newest questions are looked at: beyond, the reading takes longer than the page.
_LOOKED_AT = 500


def among(session: Session, rows: Sequence[Question]) -> dict[int, list[Question]]:
    """Suggest for each of these questions which others may ask the same, the most alike first; none where none does."""
    if not rows:
        return {}
    known = _known(session)
    found = {}
    for question in rows:
        # Who asked twice may mean it twice: each question is compared by the words of the first who asked it.
        words = Words.of(question.id, question.askings[0].text) if question.askings else Words(question.id, frozenset())
        found[question.id] = likeness.nearest(words, known)
    numbers = {number for alike in found.values() for number in alike}
    questions = {one.id: one for one in session.scalars(select(Question).where(Question.id.in_(numbers)))}
    return {number: [questions[one] for one in alike] for number, alike in found.items()}


def _known(session: Session) -> list[Words]:
    """Read the words of what was asked last; what was put away as no question is none."""
    is_question = or_(
        Question.status != QuestionStatus.CLOSED,
        and_(Question.status == QuestionStatus.CLOSED, Question.closed_as == ClosedAs.ANSWERED),
    )
    query = (
        select(Asking.question_id, Asking.text)
        .join(Question, Question.id == Asking.question_id)
        .where(is_question)
        .order_by(Asking.id.desc())
        .limit(_LOOKED_AT)
    )
    words: dict[int, Words] = {}
    for number, text in session.execute(query):
        # The last one read is the first who asked.
        words[number] = Words.of(number, text)
    return list(words.values())
