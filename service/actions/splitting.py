"""Splitting: one mail asks several things; each becomes a question of its own, and no word is lost or changed."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.actions import questions
from service.actions.questions import Hand
from service.core.refusals import Conflict, Refusal
from service.core.vocabulary import QuestionStatus
from service.models.question import Asking, Question

MOST = 20


def lines(text: str) -> list[str]:
    """Give the lines of a text, where a question may begin at any that says something."""
    return text.split("\n")


def parts(text: str, starts: Collection[int]) -> list[str]:
    """Share out a text at the lines of these numbers; all its words are in the parts, in their order, each once."""
    told = lines(text)
    bounds = [0, *sorted({one for one in starts if 0 < one < len(told)}), len(told)]
    shared = ["\n".join(told[start:end]).strip() for start, end in pairwise(bounds)]
    return [part for part in shared if part]


def split(session: Session, question_id: int, starts: Collection[int], hand: Hand) -> list[Question]:
    """Make a question of each part of what was asked; the first keeps its number, the mail keeps the whole.

    Refuses where no second question begins, and a question that several people ask.
    """
    question = questions.locked(session, question_id)
    questions.require_unchanged(question, QuestionStatus.TO_SORT, QuestionStatus.TO_ANSWER, hand=hand, session=session)
    if len(question.askings) != 1:
        raise Conflict("Plusieurs personnes ont posé cette question : elle ne peut plus être séparée.")
    asking = question.askings[0]
    shared = parts(asking.text, starts)
    if len(shared) < 2:
        raise Refusal("Cochez au moins une ligne où commence une autre question.", field="debut")
    if len(shared) > MOST:
        raise Refusal(f"Gardez {MOST} questions au plus par message.", field="debut")
    place = _last_place(session, asking)
    asking.text = shared[0]
    _refresh(asking)
    made = [_open(session, question, asking, part, place + number) for number, part in enumerate(shared[1:], start=1)]
    questions.record(session, question, hand, "question.split", into=len(shared))
    return [question, *made]


def _last_place(session: Session, asking: Asking) -> int:
    if asking.inbound_message_id is None:
        return asking.position
    query = select(func.max(Asking.position)).where(Asking.inbound_message_id == asking.inbound_message_id)
    return session.scalar(query) or 0


def _open(session: Session, first: Question, asking: Asking, text: str, position: int) -> Question:
    question = Question(
        status=first.status,
        event_id=first.event_id,
        created_at=first.created_at,
        is_private=first.is_private,
        due_on=first.due_on,
        assigned_to=first.assigned_to,
    )
    session.add(question)
    session.flush()
    other = Asking(
        question_id=question.id,
        first_question_id=question.id,
        contact_id=asking.contact_id,
        inbound_message_id=asking.inbound_message_id,
        campaign_id=asking.campaign_id,
        event_id=asking.event_id,
        from_address=asking.from_address,
        text=text,
        matched_by=asking.matched_by,
        channel=asking.channel,
        position=position,
        same_address=asking.same_address,
        asked_at=asking.asked_at,
    )
    session.add(other)
    session.flush()
    _refresh(other)
    return question


def _refresh(asking: Asking) -> None:
    message = asking.inbound_message
    asking.refresh_search(name=message.from_name if message else "")
