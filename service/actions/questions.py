"""Questions: open one from what a member wrote; the words as asked are kept as they came."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from service.core.names import fold, sought
from service.core.refusals import NotFound
from service.core.vocabulary import MatchedBy, QuestionStatus
from service.models.inbound_message import InboundMessage
from service.models.member import Contact, Member
from service.models.question import Asking, Question


def open_from_mail(
    session: Session,
    message: InboundMessage,
    *,
    text: str,
    matched_by: MatchedBy,
    contact_id: int | None,
    campaign_id: int | None,
    event_id: int | None,
    same_address: bool,
    now: datetime,
) -> Question:
    """Open the question of an incoming message, to be sorted by the staff; the same message twice opens one."""
    known = session.scalar(select(Asking).where(Asking.inbound_message_id == message.id))
    if known is not None:
        return known.question
    question = Question(status=QuestionStatus.TO_SORT, event_id=event_id, created_at=now)
    session.add(question)
    session.flush()
    asking = Asking(
        question_id=question.id,
        first_question_id=question.id,
        contact_id=contact_id,
        inbound_message_id=message.id,
        campaign_id=campaign_id,
        event_id=event_id,
        from_address=message.from_address,
        text=text,
        matched_by=matched_by,
        same_address=same_address,
        asked_at=message.received_at,
    )
    asking.refresh_search(name=message.from_name)
    session.add(asking)
    session.flush()
    return question


def trays(session: Session) -> dict[QuestionStatus, int]:
    """Count the questions of each tray, empty ones included."""
    counted = dict(session.execute(Question.trays()).all())
    return {status: counted.get(status, 0) for status in QuestionStatus}


def waiting(session: Session) -> tuple[int, datetime | None]:
    """Count the questions to sort, and say since when the oldest waits."""
    query = select(func.count(), func.min(Question.created_at)).where(Question.status == QuestionStatus.TO_SORT)
    questions, oldest = session.execute(query).one()
    return questions, oldest


def matching(status: QuestionStatus, words: str = "") -> Select[Question]:
    """Select the questions of a tray, the newest first, where each word of a search is in the text or the asker's name.

    Accents and case count for nothing, on both databases.
    """
    query = Question.in_tray(status)
    for word in sought(words):
        query = query.where(_asked_with(word).exists())
    return query.order_by(None).order_by(Question.created_at.desc(), Question.id.desc())


def get(session: Session, question_id: int) -> Question:
    """Return the question of this number. Refuses an unknown one."""
    question = session.get(Question, question_id)
    if question is None:
        raise NotFound(f"Il n’y a pas de question numéro {question_id}.")
    return question


def _asked_with(word: str) -> Select[int]:
    """Select the askings of a question that hold a word, or whose member is called so."""
    plain = fold(word)
    # Of a word of another alphabet nothing is left when it is folded.
    is_in_words = (
        Asking.folded.contains(plain, autoescape=True) if plain else Asking.text.icontains(word, autoescape=True)
    )
    return (
        select(Asking.id)
        .outerjoin(Contact, Contact.id == Asking.contact_id)
        .outerjoin(Member, Member.id == Contact.member_id)
        .where(
            Asking.question_id == Question.id,
            or_(is_in_words, Member.search.contains(plain or word, autoescape=True)),
        )
    )
