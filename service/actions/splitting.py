"""Splitting: one mail asks several things; each becomes a question of its own, and no word is lost or changed."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from service.actions import questions
from service.actions.questions import Hand
from service.core.refusals import Conflict, Refusal
from service.core.vocabulary import QuestionStatus
from service.models.inbound_message import InboundMessage
from service.models.question import Asking, Question, QuestionSplit

MOST = 20
_BEGINS = 60


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
    _lock_messages(session, question_id)
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
    kept = QuestionSplit(question_id=question.id, asking_id=asking.id, whole=asking.text)
    session.add(kept)
    session.flush()
    asking.text = shared[0]
    _refresh(asking)
    made = [
        _open(session, question, asking, part, place + number, kept.id)
        for number, part in enumerate(shared[1:], start=1)
    ]
    questions.record(session, question, hand, "question.split", into=len(shared))
    return [question, *made]


def rejoin(session: Session, question_id: int, hand: Hand) -> Question:
    """Undo the last split of a question: its words are whole again as they stood, and what the split made is gone.

    A second press changes nothing. Refuses where something was done with a part since, or others were merged into the
    question: none of that may be lost.
    """
    split = session.scalar(QuestionSplit.last_of(question_id))
    numbers = _made_by(session, split.id) if split is not None else []
    rows = {one.id: one for one in questions.all_locked(session, [question_id, *numbers])}
    question = questions.locked(session, question_id)
    # Whoever pressed first had the lock until it was undone.
    split = session.scalar(QuestionSplit.last_of(question_id).execution_options(populate_existing=True))
    if split is None:
        return question
    questions.require_unchanged(question, QuestionStatus.TO_SORT, QuestionStatus.TO_ANSWER, hand=hand, session=session)
    asking = question.askings[0]
    if len(question.askings) != 1 or asking.id != split.asking_id:
        raise Conflict("D’autres questions ont été réunies à celle-ci : reprenez-les d’abord à part.")
    parts = [rows[one] for one in _made_by(session, split.id)]
    for part in parts:
        _require_untouched(part)
    asking.text = split.whole
    _refresh(asking)
    gone = [one.id for one in parts]
    session.execute(delete(Asking).where(Asking.question_id.in_(gone)))
    session.execute(delete(Question).where(Question.id.in_(gone)))
    session.delete(split)
    return questions.record(session, question, hand, "question.rejoin", parts=len(gone))


def parts_of(session: Session, question_id: int) -> list[Question]:
    """List what the last split of a question made, for who may want to undo it; nothing where there is no split to undo."""
    split = session.scalar(QuestionSplit.last_of(question_id))
    numbers = _made_by(session, split.id) if split is not None else []
    return list(session.scalars(select(Question).where(Question.id.in_(numbers)).order_by(Question.id)))


def split_off(session: Session, question: Question) -> Question | None:
    """Give the question that this one was a part of; None where it never was."""
    split = session.get(QuestionSplit, question.split_id) if question.split_id is not None else None
    return questions.standing(session, split.question_id) if split is not None else None


def _lock_messages(session: Session, question_id: int) -> None:
    """Take the messages of a question before the question, as everybody does: another asking of one locks it (its key)."""
    asked = select(Asking.inbound_message_id).where(Asking.question_id == question_id)
    messages = select(InboundMessage.id).where(InboundMessage.id.in_(asked)).order_by(InboundMessage.id)
    session.execute(messages.with_for_update()).all()


def _made_by(session: Session, split_id: int) -> list[int]:
    return list(session.scalars(select(Question.id).where(Question.split_id == split_id).order_by(Question.id)))


def _require_untouched(part: Question) -> None:
    """Refuse what anybody has done something with: each act but a note counts a version."""
    if part.version == 1 and not part.notes:
        return
    begins = " ".join(part.askings[0].text.split())[:_BEGINS] if part.askings else ""
    raise Conflict(
        f"L’équipe s’est déjà occupée d’une des questions séparées{f' (« {begins}… »)' if begins else ''} : rien n’est "
        "réuni, pour que rien n’en soit perdu."
    )


def _last_place(session: Session, asking: Asking) -> int:
    if asking.inbound_message_id is None:
        return asking.position
    query = select(func.max(Asking.position)).where(Asking.inbound_message_id == asking.inbound_message_id)
    return session.scalar(query) or 0


def _open(session: Session, first: Question, asking: Asking, text: str, position: int, split_id: int) -> Question:
    question = Question(
        status=first.status,
        event_id=first.event_id,
        created_at=first.created_at,
        is_private=first.is_private,
        due_on=first.due_on,
        assigned_to=first.assigned_to,
        split_id=split_id,
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
