"""Merging: several questions that ask the same become one, with all who asked it; no word is lost, and it is undone in one press.

The question that goes keeps its row as it was, and only those who asked it move: to take it apart is to give them back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service.actions import questions
from service.actions.questions import Hand
from service.core.refusals import Conflict, Refusal
from service.core.vocabulary import QuestionStatus
from service.models.answer import Answer, AnswerLetter
from service.models.question import Asking, Question

_MERGEABLE = (QuestionStatus.TO_SORT, QuestionStatus.TO_ANSWER)


class Apart(Conflict):
    """Of several questions fewer than two can be merged; `refused` says of each why, and the sentence why of the first."""

    def __init__(self, refused: dict[int, Refusal]) -> None:
        super().__init__(next(iter(refused.values())).sentence)
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of several questions: the one that holds them all, those that went into it, those that did not and why."""

    keeper: Question
    gone: list[int] = field(default_factory=list)
    refused: dict[int, Refusal] = field(default_factory=dict)


def merge(session: Session, hands: Mapping[int, Hand]) -> Merged:
    """Make one question of several, the most advanced and then the oldest of them; a second press finds it done.

    One that somebody changed meanwhile stays apart, and is told; so is one that cannot be merged. Refuses where fewer than
    two are left.
    """
    rows = questions.all_locked(session, hands)
    if len(rows) < 2:
        raise Refusal("Cochez au moins deux questions à fusionner.", field="cochees")
    if (done := _done_already(session, rows)) is not None:
        return done
    fit, refused = [], {}
    for question in rows:
        try:
            _require_mergeable(session, question, hands[question.id])
        except Refusal as refusal:
            refused[question.id] = refusal
        else:
            fit.append(question)
    if len(fit) < 2:
        raise Apart(refused)
    _require_alike(fit)
    keeper = _keeper(session, fit)
    gone = [one for one in fit if one is not keeper]
    for question in gone:
        _move(session, _tree(session, question.id), to=keeper.id)
        question.merged_into = keeper.id
        questions.record(session, question, hands[question.id], "question.merge", into=keeper.id)
    questions.record(session, keeper, hands[keeper.id], "question.merge_keep", merged=len(gone))
    session.expire(keeper, ["askings"])
    return Merged(keeper, [one.id for one in gone], refused)


def take_apart(session: Session, question_id: int, hand: Hand) -> Question:
    """Undo the merge of one question: it stands again where it was, with all who asked it then; twice is the same as once.

    `hand` holds the version of the question that it was merged into. Refuses once who asked it has got the answer there.
    """
    found = questions.all_locked(session, _pair(session, question_id))
    question = next(one for one in found if one.id == question_id)
    keeper = next((one for one in found if one.id == question.merged_into), None)
    if keeper is None:
        return question
    if keeper.merged_into is not None:
        raise Conflict(
            "La question qui la contient a été réunie à une autre à son tour : défaites d’abord cette fusion-là."
        )
    questions.require_unchanged(keeper, *_not_published(), hand=hand, session=session)
    tree = _tree(session, question_id)
    answered = select(AnswerLetter.id).join(Asking, Asking.id == AnswerLetter.asking_id)
    if session.scalar(answered.where(Asking.question_id == keeper.id, Asking.first_question_id.in_(tree)).limit(1)):
        raise Conflict("Qui l’a posée a déjà reçu la réponse : ces questions restent réunies.")
    _move(session, tree, to=question_id, out_of=keeper.id)
    question.merged_into = None
    questions.record(session, question, hand, "question.take_apart", out_of=keeper.id)
    questions.record(session, keeper, hand, "question.let_go", gone=question_id)
    for one in (question, keeper):
        session.expire(one, ["askings"])
    return question


def merged_into(session: Session, question_id: int) -> list[Question]:
    """List the questions that were merged into this one, the oldest first; what had been merged into them is theirs."""
    query = select(Question).where(Question.merged_into == question_id)
    return list(session.scalars(query.order_by(Question.id)))


def first_words(session: Session, question: Question) -> Asking | None:
    """Give who asked a question first, wherever it stands now."""
    query = select(Asking).where(Asking.first_question_id == question.id)
    return session.scalar(query.order_by(Asking.id).limit(1))


def whole(session: Session, question_id: int) -> list[Question]:
    """List all questions that a question holds, itself first: what the team wrote about each is still there."""
    query = select(Question).where(Question.id.in_(_tree(session, question_id)))
    found = list(session.scalars(query.order_by(Question.id)))
    return sorted(found, key=lambda one: one.id != question_id)


def _done_already(session: Session, rows: list[Question]) -> Merged | None:
    """Tell a second press: all of them are one question by now."""
    gone = [one.id for one in rows if one.merged_into is not None]
    ends = {questions.standing(session, one.id).id for one in rows}
    if not gone or len(ends) != 1:
        return None
    return Merged(questions.get(session, ends.pop()), gone)


def _require_mergeable(session: Session, question: Question, hand: Hand) -> None:
    questions.require_unchanged(question, *_MERGEABLE, hand=hand, session=session)
    if question.due_on is not None:
        raise Conflict("Une demande sur ses données reçoit sa propre réponse : elle ne peut être réunie à une autre.")
    if session.scalar(Answer.to(question.id).where(Answer.sent_at.is_not(None))):
        raise Conflict("Cette question a déjà reçu sa réponse : elle ne peut plus être réunie à une autre.")


def _require_alike(rows: list[Question]) -> None:
    if len({one.is_private for one in rows}) > 1:
        raise Conflict(
            "L’une de ces questions ne doit jamais être publiée, l’autre peut l’être. Décidez d’abord pour chacune, "
            "puis recommencez."
        )


def _keeper(session: Session, rows: list[Question]) -> Question:
    """Choose which question stays: what was decided and written already is in sight there."""
    begun = set(session.scalars(select(Answer.question_id).where(Answer.question_id.in_([one.id for one in rows]))))
    return min(rows, key=lambda one: (one.status is not QuestionStatus.TO_ANSWER, one.id not in begun, one.id))


def _tree(session: Session, question_id: int) -> list[int]:
    """Give the numbers of a question and of all that were merged into it, one after the other."""
    found, news = [question_id], [question_id]
    while news:
        news = list(session.scalars(select(Question.id).where(Question.merged_into.in_(news)).order_by(Question.id)))
        found += news
    return found


def _move(session: Session, first: Iterable[int], *, to: int, out_of: int | None = None) -> None:
    moved = update(Asking).where(Asking.first_question_id.in_(first))
    if out_of is not None:
        moved = moved.where(Asking.question_id == out_of)
    session.execute(moved.values(question_id=to).execution_options(synchronize_session=False))


def _pair(session: Session, question_id: int) -> list[int]:
    into = questions.find(session, question_id).merged_into
    return [question_id] if into is None else [question_id, into]


def _not_published() -> tuple[QuestionStatus, ...]:
    return tuple(one for one in QuestionStatus if one is not QuestionStatus.PUBLISHED)
