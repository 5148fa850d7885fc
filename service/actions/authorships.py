"""Authorships: a message that only its From ties to a member proposes him; somebody of the team says whether he wrote it.

Anybody can write a From (S3), so nothing but a person turns the proposal into more, or takes it off the member's page.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.actions import questions
from service.actions.questions import Hand
from service.core.refusals import Conflict
from service.core.vocabulary import MatchedBy, SenderCheck
from service.models.authorship import Authorship
from service.models.inbound_message import InboundMessage
from service.models.question import Asking, Question


def is_proposed(asking: Asking) -> bool:
    """Whether the member of what was asked is no more than a proposal, drawn from a From that nobody vouches for."""
    message = asking.inbound_message
    return (
        asking.contact_id is not None
        and asking.matched_by is MatchedBy.SENDER
        and message is not None
        and message.sender_check is not SenderCheck.PASSED
    )


def said_of(session: Session, askings: list[Asking]) -> dict[int, Authorship]:
    """Give what the team said of who wrote these, by the number of the asking; of what a surer way tells, nothing."""
    # Two askings may be of one message: it was split, and its parts were merged.
    messages = {
        one.id: one.inbound_message_id
        for one in askings
        if one.matched_by is MatchedBy.SENDER and one.inbound_message_id is not None
    }
    found = session.scalars(Authorship.of(sorted(set(messages.values()))))
    said = {one.inbound_message_id: one for one in found}
    return {asking: said[message] for asking, message in messages.items() if message in said}


def say(session: Session, question_id: int, message_id: int, is_theirs: bool, hand: Hand) -> Authorship:
    """Say whether the member who is proposed wrote a message; if not, nobody is taken for its author any more.

    It then leaves his page, and is not answered from here: its From is his address, or one that he shares. Refuses where
    nobody is proposed, and an act on what somebody else has changed.
    """
    message, askings = _locked(session, question_id, message_id)
    said = session.scalar(Authorship.of([message_id]))
    if said is not None and said.is_theirs == is_theirs:
        return said
    questions.require_unchanged(_question(askings, question_id), hand=hand, session=session)
    proposed = next((one.contact_id for one in askings if is_proposed(one)), None)
    if said is not None or proposed is None:
        raise Conflict("Personne n’est proposé pour ce message, ou c’est déjà décidé : relisez-le.")
    said = Authorship(
        inbound_message_id=message_id,
        contact_id=proposed,
        is_theirs=is_theirs,
        staff_id=hand.by.id,
        at=hand.now,
    )
    session.add(said)
    if not is_theirs:
        _tie(message, askings, None)
    _record(session, askings, hand, "question.author", theirs=int(is_theirs))
    return said


def take_back(session: Session, question_id: int, message_id: int, hand: Hand) -> None:
    """Take back what was said of who wrote a message: the member is proposed as before. Once more changes nothing.

    Refuses an act on what somebody else has changed, and where the message is known by a surer way since.
    """
    message, askings = _locked(session, question_id, message_id)
    said = session.scalar(Authorship.of([message_id]))
    if said is None:
        return
    questions.require_unchanged(_question(askings, question_id), hand=hand, session=session)
    if message.matched_by is not MatchedBy.SENDER:
        raise Conflict("Un autre exemplaire de ce message dit maintenant qui l’a écrit : il n’y a plus rien à annuler.")
    _tie(message, askings, said.contact_id)
    session.delete(said)
    _record(session, askings, hand, "question.author_back")


def _locked(session: Session, question_id: int, message_id: int) -> tuple[InboundMessage, list[Asking]]:
    """Read a message and all that was asked in it, split or not; the message first, as who reads its copies takes them."""
    query = select(InboundMessage).where(InboundMessage.id == message_id).with_for_update()
    message = session.scalar(query.execution_options(populate_existing=True))
    asked = select(Asking).where(Asking.inbound_message_id == message_id).order_by(Asking.question_id, Asking.id)
    askings = list(session.scalars(asked))
    if message is None or question_id not in {one.question_id for one in askings}:
        raise Conflict("Ce message n’est plus dans cette question : relisez-la.")
    for number in sorted({one.question_id for one in askings}):
        questions.locked(session, number)
    return message, askings


def _question(askings: list[Asking], question_id: int) -> Question:
    return next(one.question for one in askings if one.question_id == question_id)


def _tie(message: InboundMessage, askings: list[Asking], contact_id: int | None) -> None:
    message.contact_id = contact_id
    for one in askings:
        one.contact_id, one.same_address = contact_id, contact_id is not None


def _record(session: Session, askings: list[Asking], hand: Hand, act: str, **detail: int) -> None:
    """Note it of each question that the message is in: whoever has one open is told that it has changed."""
    for question in {one.question_id: one.question for one in askings}.values():
        questions.record(session, question, hand, act, **detail)
