"""Reading again: a message that was read under older rules is read under those of today, and what changes is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.actions import complaints, inbox, journal, matches
from service.actions.matches import Match, Trace
from service.core.reading.content import Content
from service.core.refusals import Conflict
from service.core.vocabulary import InboundKind, InboundState, QuestionStatus
from service.models.inbound_message import InboundMessage
from service.models.question import Asking
from service.models.staff import Staff

_UNSORTED = (QuestionStatus.TO_SORT, QuestionStatus.TO_ANSWER)


@dataclass(frozen=True, slots=True)
class Words:
    """A part of a message that reads otherwise today."""

    part: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What a second reading changed; `would_be` is the automatic kind of what stays a question, since people decide of those."""

    words: tuple[Words, ...]
    kind: InboundKind | None = None
    would_be: InboundKind | None = None

    @property
    def are_none(self) -> bool:
        """Whether all is as it was."""
        return not self.words and self.kind is None and self.would_be is None


def apply(
    session: Session,
    message_id: int,
    content: Content,
    *,
    secret: bytes,
    traced: Trace | None = None,
    authserv_id: str = "",
    by: Staff,
    now: datetime,
) -> Changes:
    """Keep what a message says under the rules of today. No question is taken away, and none is changed once it is answered.

    What was taken for automatic mail and is somebody’s becomes a question to sort; a report found now is recorded. Refuses
    a message that is not kept, or not read yet. `traced` is what `matches.trace` found before, in a session that only reads.
    """
    query = select(InboundMessage).where(InboundMessage.id == message_id).with_for_update()
    row = session.scalar(query.execution_options(populate_existing=True))
    if row is None or row.state is not InboundState.TREATED or row.raw is None:
        raise Conflict("Ce message n’est plus gardé : il ne peut pas être relu.")
    askings = list(session.scalars(select(Asking).where(Asking.inbound_message_id == row.id).order_by(Asking.position)))
    words = _read_words(row, askings, content)
    match = matches.find(session, content, secret, traced=traced, authserv_id=authserv_id)
    changes = _place(session, row, askings, content, words, match, now=now)
    if not changes.are_none:
        journal.note(session, "inbox.reread", now=now, by=by.id, subject="inbound_message", subject_id=row.id)
    return changes


def _read_words(row: InboundMessage, askings: list[Asking], content: Content) -> tuple[Words, ...]:
    told = content.reply
    read = (
        Words("reply", row.reply, told.reply),
        Words("signature", row.signature, told.signature),
        Words("quoted", row.quoted, told.quoted),
    )
    for asking in askings:
        # What the team has split, or answered, stays as they had it before their eyes.
        if len(askings) == 1 and asking.text == row.reply and asking.question.status in _UNSORTED:
            asking.text = told.reply
            asking.refresh_search(name=row.from_name)
    row.reply, row.signature, row.quoted = told.reply, told.signature, told.quoted
    return tuple(one for one in read if one.before != one.after)


def _place(
    session: Session,
    row: InboundMessage,
    askings: list[Asking],
    content: Content,
    words: tuple[Words, ...],
    match: Match,
    *,
    now: datetime,
) -> Changes:
    kind = content.recognised.kind
    if kind is row.kind:
        row.reason = content.recognised.reason
        return Changes(words)
    if askings and kind not in inbox.FOR_PEOPLE:
        return Changes(words, would_be=kind)
    row.kind, row.reason = kind, content.recognised.reason
    if kind in inbox.FOR_PEOPLE and not askings and row.copy_of is None:
        inbox.open_question(session, row, match, now=now)
    elif kind is InboundKind.BOUNCE:
        inbox.record_bounces(session, row, content, match, now=now)
    elif kind is InboundKind.COMPLAINT and match.delivery is not None and match.is_sure:
        complaints.record(session, match.delivery, now=now)
    return Changes(words, kind=kind)
