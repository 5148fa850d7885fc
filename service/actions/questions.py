"""Questions: open one from what a member wrote, sort it, give it to somebody; the words as asked are kept as they came."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from service.actions import journal
from service.core.names import fold, sought
from service.core.refusals import Conflict, NotFound, Refusal
from service.core.vocabulary import AskedBy, ClosedAs, MatchedBy, QuestionStatus
from service.models.answer import Answer
from service.models.inbound_message import InboundMessage
from service.models.member import Contact, Member
from service.models.question import Asking, Question, QuestionNote
from service.models.staff import Staff

NOTE_LENGTH = 10_000
_MERGED = "Cette question a été réunie à une autre : c’est là que la suite se passe."
_OPEN = (QuestionStatus.TO_SORT, QuestionStatus.TO_ANSWER, QuestionStatus.TO_PUBLISH)


class Overtaken(Conflict):
    """Somebody changed the question since the page was opened; `who` begins the sentence (« Jeanne a »), `at` is when, where it is known."""

    def __init__(self, who: str, at: datetime | None) -> None:
        super().__init__(
            f"{who} changé cette question pendant que cette page était ouverte. Ce que vous venez de faire n’est pas "
            "enregistré : relisez, puis recommencez."
        )
        self.who, self.at = who, at


@dataclass(frozen=True, slots=True)
class Hand:
    """Who acts on a question, when, and which version of it he had before his eyes."""

    by: Staff
    version: int
    now: datetime


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
    """Open the question of an incoming message, to be sorted by the staff; the same message twice opens one.

    The second time says better which mail it answers, and who wrote: that is noted of what was asked in it.
    """
    known = session.scalars(select(Asking).where(Asking.inbound_message_id == message.id).order_by(Asking.id)).all()
    for asked in known:
        asked.matched_by, asked.contact_id, asked.campaign_id = matched_by, contact_id, campaign_id
        asked.event_id, asked.same_address = event_id, same_address
        asked.question.event_id = asked.question.event_id or event_id
    if known:
        return known[0].question
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


def open_by_hand(
    session: Session, text: str, *, channel: AskedBy, contact_id: int | None, by: Staff, now: datetime
) -> Question:
    """Write down what was asked otherwise than by mail; it is a question already. Refuses an empty or endless text."""
    said = text.replace("\r\n", "\n").replace("\0", "").strip()
    if not said:
        raise Refusal("Écrivez ce qui a été demandé.", field="question")
    if len(said) > NOTE_LENGTH:
        raise Refusal("Ce texte est trop long : gardez-en 10 000 caractères au plus.", field="question")
    question = Question(status=QuestionStatus.TO_ANSWER, created_at=now)
    session.add(question)
    session.flush()
    asking = Asking(
        question_id=question.id,
        first_question_id=question.id,
        contact_id=contact_id,
        matched_by=MatchedBy.NOTHING,
        channel=channel,
        text=said,
        asked_at=now,
    )
    asking.refresh_search()
    session.add(asking)
    session.flush()
    journal.note(
        session, "question.add", now=now, by=by.id, subject="question", subject_id=question.id, channel=channel.value
    )
    return question


def trays(session: Session) -> dict[QuestionStatus, int]:
    """Count the questions of each tray, empty ones included."""
    counted = dict(session.execute(Question.trays()).all())
    return {status: counted.get(status, 0) for status in QuestionStatus}


def waiting(session: Session) -> tuple[int, datetime | None]:
    """Count the questions to sort, and say since when the oldest waits."""
    query = select(func.count(), func.min(Question.created_at))
    questions, oldest = session.execute(query.where(Question.status == QuestionStatus.TO_SORT, Question.stands())).one()
    return questions, oldest


def data_requests(session: Session) -> list[Question]:
    """List the requests on one’s own data that wait for their answer, the most pressing first (RGPD 12.3)."""
    query = select(Question).where(Question.due_on.is_not(None), Question.status.in_(_OPEN), Question.stands())
    return list(session.scalars(query.order_by(Question.due_on, Question.id).limit(50)))


def matching(status: QuestionStatus, words: str = "", *, theme_id: int | None = None) -> Select[Question]:
    """Select the questions of a tray, the newest first, where each word of a search is in the text, the asker's name or the answer.

    Accents and case count for nothing, on both databases. Where a theme is given, of that one alone.
    """
    query = Question.in_tray(status)
    if theme_id is not None:
        query = query.where(Question.theme_id == theme_id)
    for word in sought(words):
        query = query.where(or_(_asked_with(word).exists(), _answered_with(word).exists()))
    return query.order_by(None).order_by(Question.created_at.desc(), Question.id.desc())


def get(session: Session, question_id: int) -> Question:
    """Return the question of this number. Refuses an unknown one, and one that was merged into another."""
    question = find(session, question_id)
    if question.merged_into is not None:
        raise NotFound(_MERGED)
    return question


def find(session: Session, question_id: int) -> Question:
    """Return the question of this number, merged or not. Refuses an unknown one."""
    question = session.get(Question, question_id)
    if question is None:
        raise NotFound(f"Il n’y a pas de question numéro {question_id}.")
    return question


def standing(session: Session, question_id: int) -> Question:
    """Return the question of this number, or the one that it was merged into in the end. Refuses an unknown one."""
    question = find(session, question_id)
    while question.merged_into is not None:
        question = find(session, question.merged_into)
    return question


def accept(session: Session, question_id: int, hand: Hand, *, privately: bool = False) -> Question:
    """Say that it is a question: it is to be answered, and where `privately` never published.

    Refuses one that is not to be sorted any more.
    """
    question = locked(session, question_id)
    if question.status is QuestionStatus.TO_ANSWER and question.is_private >= privately:
        return question
    require_unchanged(question, QuestionStatus.TO_SORT, hand=hand, session=session)
    is_answered = session.scalar(
        select(Answer.id).where(Answer.question_id == question_id, Answer.sent_at.is_not(None))
    )
    # What was answered and opened again has its answer: it leaves once.
    question.status = QuestionStatus.TO_PUBLISH if is_answered else QuestionStatus.TO_ANSWER
    question.is_private = question.is_private or privately
    return record(session, question, hand, "question.accept", private=int(question.is_private))


def close(session: Session, question_id: int, label: ClosedAs, hand: Hand) -> Question:
    """Put away what waits for no answer, under what it was. Refuses what was published."""
    question = locked(session, question_id)
    if question.status is QuestionStatus.CLOSED and question.closed_as == label:
        return question
    require_unchanged(question, *_OPEN, hand=hand, session=session)
    question.status, question.closed_as = QuestionStatus.CLOSED, label.value
    return record(session, question, hand, "question.close", closed_as=label.value)


def take_as_data_request(session: Session, question_id: int, hand: Hand) -> Question:
    """Keep a request on one's own data among what is to be answered, for a month and never published (RGPD 12.3)."""
    question = locked(session, question_id)
    if question.due_on is not None and question.status is QuestionStatus.TO_ANSWER:
        return question
    require_unchanged(question, *_OPEN, hand=hand, session=session)
    # The day in UTC: never a day late, whatever the zone of a cooperative in France.
    question.due_on = a_month_after(min(one.asked_at for one in question.askings).date())
    question.status, question.is_private = QuestionStatus.TO_ANSWER, True
    return record(session, question, hand, "question.data_request", due_on=question.due_on.isoformat())


def reopen(session: Session, question_id: int, hand: Hand) -> Question:
    """Put a question back among those to sort. Refuses one that was neither sorted nor closed."""
    question = locked(session, question_id)
    if question.status is QuestionStatus.TO_SORT:
        return question
    require_unchanged(question, QuestionStatus.CLOSED, QuestionStatus.TO_ANSWER, hand=hand, session=session)
    question.status, question.closed_as = QuestionStatus.TO_SORT, ""
    return record(session, question, hand, "question.reopen")


def assign(session: Session, question_id: int, to: Staff | None, hand: Hand) -> Question:
    """Give a question to somebody of the team, or to nobody. Refuses whose account is closed."""
    question, number = locked(session, question_id), to.id if to else None
    if question.assigned_to == number:
        return question
    if to is not None and to.disabled_at is not None:
        raise Refusal(f"{to.name} n’a plus de compte : choisissez une autre personne.", field="personne")
    require_unchanged(question, hand=hand, session=session)
    question.assigned_to = number
    return record(session, question, hand, "question.assign", to=number or 0)


def keep_private(session: Session, question_id: int, is_private: bool, hand: Hand) -> Question:
    """Say whether a question may be proposed for publication. Refuses one that is published."""
    question = locked(session, question_id)
    if question.is_private == is_private:
        return question
    require_unchanged(question, *_OPEN, QuestionStatus.CLOSED, hand=hand, session=session)
    question.is_private = is_private
    return record(session, question, hand, "question.private", private=int(is_private))


def write_note(session: Session, question_id: int, text: str, *, by: Staff, now: datetime) -> QuestionNote:
    """Add a note of the team; the same words twice in a row by the same person are one.

    A note is added and changes nothing that another wrote: it asks for no version. Refuses an empty one.
    """
    question, words = locked(session, question_id), text.replace("\r\n", "\n").replace("\0", "").strip()
    if not words:
        raise Refusal("Écrivez la note.", field="note")
    if len(words) > NOTE_LENGTH:
        raise Refusal("Cette note est trop longue : gardez-en 10 000 caractères au plus.", field="note")
    last = question.notes[-1] if question.notes else None
    if last is not None and (last.staff_id, last.text) == (by.id, words):
        return last
    note = QuestionNote(question_id=question.id, staff_id=by.id, text=words, written_at=now)
    session.add(note)
    session.flush()
    journal.note(session, "question.note", now=now, by=by.id, subject="question", subject_id=question.id, note=note.id)
    return note


def a_month_after(day: date) -> date:
    """Give the same day of the next month, or the last one where there is none (Règlement 1182/71, article 3.2 c)."""
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def locked(session: Session, question_id: int) -> Question:
    """Read a question as it is now, and keep others from changing it until this transaction ends.

    Refuses an unknown one, and one that was merged into another.
    """
    found = all_locked(session, [question_id])
    if not found:
        raise NotFound(f"Il n’y a pas de question numéro {question_id}.")
    if found[0].merged_into is not None:
        raise Conflict(_MERGED)
    return found[0]


def all_locked(session: Session, question_ids: Iterable[int]) -> list[Question]:
    """Read questions as they are now, merged or not, in the order in which everybody locks them; unknown numbers are passed by.

    Who changes several takes them all before the first one: behind the turn in the journal nobody may wait for a question.
    """
    query = select(Question).where(Question.id.in_(list(question_ids))).order_by(Question.id).with_for_update()
    return list(session.scalars(query.execution_options(populate_existing=True)))


def require_unchanged(question: Question, *statuses: QuestionStatus, hand: Hand, session: Session) -> None:
    """Refuse who acts on what he has not seen, and an act that the tray of the question does not allow."""
    if question.version != hand.version:
        who = session.get(Staff, question.changed_by) if question.changed_by is not None else None
        raise Overtaken(
            "Vous avez" if question.changed_by == hand.by.id else f"{who.name if who else 'Quelqu’un'} a",
            question.changed_at,
        )
    if statuses and question.status not in statuses:
        raise Conflict("Là où elle est, cette question ne le permet pas. Relisez-la, puis choisissez de nouveau.")


def record(session: Session, question: Question, hand: Hand, act: str, **detail: str | int) -> Question:
    """Note a change of a question: its version, who and when, and the entry of the journal."""
    question.version += 1
    question.changed_by, question.changed_at = hand.by.id, hand.now
    session.flush()
    journal.note(session, act, now=hand.now, by=hand.by.id, subject="question", subject_id=question.id, **detail)
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


def _answered_with(word: str) -> Select[int]:
    """Select the answer of a question that holds a word."""
    plain = fold(word)
    is_in_words = (
        Answer.folded.contains(plain, autoescape=True) if plain else Answer.text.icontains(word, autoescape=True)
    )
    return select(Answer.id).where(Answer.question_id == Question.id, is_in_words)
