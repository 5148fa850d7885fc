"""Answers: write one, see the very mail, send it once to who asked, in the thread of his own message."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.actions import bells, deliveries, questions
from service.actions.office import Office
from service.actions.questions import Hand
from service.core import addresses, french
from service.core.refusals import Conflict, Refusal
from service.core.vocabulary import ClosedAs, MailClass, MailKind, QuestionStatus
from service.core.writing import markdown, rendering
from service.core.writing.heading import answered_id
from service.core.writing.letter import House, Letter
from service.core.writing.mould import Mould
from service.core.writing.printable import one_line, printable
from service.models.answer import Answer, AnswerLetter
from service.models.delivery import Delivery
from service.models.question import Asking, Question

LENGTH = 50_000
_QUOTED = 2_000
_SUBJECT = 200
# What mail programs put before the subject of an answer: « Re: », « RE : », « Rép: », « AW: », « Re[2]: ».
_ANSWERING = re.compile(r"(?:(?:re|ré|rép|aw|sv)(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where an answer goes: to the address on file of the member, or, of no member, to the one that wrote."""

    address: str
    name: str
    is_on_file: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """The very mail that will leave, and the fingerprint by which its sending says that it was seen."""

    recipient: Recipient
    mould: Mould
    seen: str


def recipient(asking: Asking) -> Recipient:
    """Say to whom an answer goes. A From only claims: a member is answered at the address on file (S3).

    Refuses when there is no address that can be written to.
    """
    contact = asking.contact
    if contact is not None:
        if not contact.email:
            raise Refusal(
                f"Nous n’avons pas d’adresse pour {contact.name} : donnez-en une sur sa fiche, ou répondez autrement, puis "
                "classez la question."
            )
        return Recipient(contact.email, contact.name, is_on_file=True)
    if not asking.same_address:
        raise Refusal("Nous ne savons pas qui a écrit : répondez depuis votre boîte, puis classez la question.")
    try:
        return Recipient(addresses.normalise(asking.from_address), "", is_on_file=False)
    except Refusal as refusal:
        raise Refusal("Ce message n’a pas d’adresse à laquelle répondre.") from refusal


def write(session: Session, question_id: int, text: str, hand: Hand) -> Answer:
    """Keep the answer to a question as written so far. Refuses an empty one, and one to what is not to be answered."""
    question, words = questions.locked(session, question_id), printable(text).strip()
    answer = session.scalar(Answer.to(question_id))
    if answer is not None and answer.text == words and answer.sent_at is None:
        return answer
    questions.require_unchanged(question, QuestionStatus.TO_ANSWER, hand=hand, session=session)
    if answer is not None and answer.sent_at is not None:
        raise Conflict("La réponse est déjà partie : elle ne change plus.")
    if not words:
        raise Refusal("Écrivez la réponse.", field="reponse")
    if len(words) > LENGTH:
        raise Refusal("Cette réponse est trop longue : gardez-en 50 000 caractères au plus.", field="reponse")
    if answer is None:
        answer = Answer(question_id=question_id)
        session.add(answer)
    answer.say(words)
    answer.written_by, answer.written_at = hand.by.id, hand.now
    questions.record(session, question, hand, "question.answer_write")
    return answer


def sheet(question: Question, answer: Answer, office: Office, *, by_name: str) -> Sheet:
    """Show the mail that « Répondre » sends, signed by who presses it. Refuses as `recipient` does."""
    asking = question.askings[0]
    to = recipient(asking)
    mould = _mould(asking, answer.text, by_name, office)
    seen = hashlib.sha256(f"{mould.sha256} {to.address}".encode()).hexdigest()[:32]
    return Sheet(to, mould, seen)


def send(session: Session, question_id: int, office: Office, hand: Hand, *, seen: str) -> Delivery:
    """Send the answer to who asked, once whatever the clicks; the question is then to publish, or closed where private.

    Refuses when somebody changed the question, or when the mail is no longer the one that was seen.
    """
    question = questions.locked(session, question_id)
    answer = session.scalar(Answer.to(question_id))
    sent = letter_of(session, answer) if answer is not None and answer.sent_at is not None else None
    if sent is not None:
        return sent
    questions.require_unchanged(question, QuestionStatus.TO_ANSWER, hand=hand, session=session)
    if answer is None:
        raise Refusal("Écrivez la réponse.", field="reponse")
    shown = sheet(question, answer, office, by_name=hand.by.name)
    if shown.seen != seen:
        raise Conflict("Ce message n’est plus celui que vous avez lu : relisez-le, puis envoyez-le.")
    answer.sent_by, answer.sent_at = hand.by.id, hand.now
    letter = AnswerLetter(answer_id=answer.id, asking_id=question.askings[0].id)
    session.add(letter)
    session.flush()
    delivery = _order(session, letter, question.askings[0], shown.recipient, office, hand)
    question.status = QuestionStatus.CLOSED if question.is_private else QuestionStatus.TO_PUBLISH
    question.closed_as = ClosedAs.ANSWERED.value if question.is_private else ""
    questions.record(session, question, hand, "question.answer", delivery=delivery.id)
    return delivery


def letter_of(session: Session, answer: Answer) -> Delivery | None:
    """Find the mail that took an answer to who asked first; None before it was sent."""
    letter = session.scalar(select(AnswerLetter).where(AnswerLetter.answer_id == answer.id).order_by(AnswerLetter.id))
    return session.scalar(select(Delivery).where(Delivery.key == letter.key)) if letter is not None else None


def mould_of(letter: AnswerLetter, office: Office) -> Mould:
    """Render an answer that was sent: the words and the signature are those of that moment."""
    sender = letter.answer.sender
    return _mould(letter.asking, letter.answer.text, sender.name if sender else "", office)


def quotation(asking: Asking) -> str:
    """Give the words of a mail as ours repeats them, in Markdown; nothing of one that only claims to be the member's (S3)."""
    asked = asking.text if len(asking.text) <= _QUOTED else f"{asking.text[:_QUOTED]}…"
    if not asking.same_address or not asked.strip():
        return ""
    return "\n".join(f"> {line}" for line in _as_typed(asked).split("\n"))


def _order(
    session: Session, letter: AnswerLetter, asking: Asking, to: Recipient, office: Office, hand: Hand
) -> Delivery:
    message = asking.inbound_message
    delivery = deliveries.order(
        session,
        key=letter.key,
        kind=MailKind.ANSWER,
        address=to.address,
        fields={"to_name": to.name},
        subject="answer_letter",
        subject_id=letter.id,
        domain=office.transactional.sender.domain,
        secret=office.secret,
        now=hand.now,
        contact=asking.contact,
        in_reply_to=answered_id(message.message_id) if message is not None and asking.same_address else "",
    )
    bells.ring(session, "post", delivery.id)
    return delivery


def _mould(asking: Asking, text: str, by_name: str, office: Office) -> Mould:
    opening = f"Réponse {french.de(by_name)}, {office.house.name}, à votre question."
    body = _body(asking, text, by_name, office.house)
    letter = Letter(
        MailKind.ANSWER, MailClass.TRANSACTIONAL, _without_fields(_subject(asking)), _without_fields(opening), body
    )
    sender = str(office.transactional.sender)
    return rendering.compose(letter, office.house, None, templates=office.templates, sender=sender)


def _without_fields(words: str) -> str:
    return words.replace("{", "{{").replace("}", "}}")


def _subject(asking: Asking) -> str:
    """Take the subject of the message that is answered, on one line (S9); not from whom only claims to be the member."""
    message = asking.inbound_message
    said = one_line(message.subject) if message is not None and asking.same_address else ""
    said = _ANSWERING.sub("", said, count=1) if _ANSWERING.match(said) else said
    return f"Re: {said[:_SUBJECT]}" if said.strip() else "Réponse à votre question"


def _body(asking: Asking, text: str, by_name: str, house: House) -> str:
    given = asking.contact.given_name if asking.contact else ""
    parts = [f"Bonjour {markdown.as_typed(given)}," if given.strip() else "Bonjour,"]
    if asking.same_address:
        parts += ["Vous demandiez :", said] if (said := quotation(asking)) else []
    else:
        # What somebody else may have written is not repeated in our name.
        message = asking.inbound_message
        how = (
            "dont nous n’avons pas pu vérifier l’expéditeur"
            if message is not None and message.sender_check.is_doubtful
            else "écrit depuis une autre adresse"
        )
        parts.append(
            f"Nous avons reçu un message en votre nom, {how}. Nous vous répondons à celle que nous connaissons."
        )
    signature = f"{markdown.as_typed(by_name)}, {markdown.as_typed(house.name)}"
    parts += ["Voici notre réponse :", _as_typed(text), "Est-ce clair ? Sinon répondez à ce message.", signature]
    return "\n\n".join(parts)


def _as_typed(words: str) -> str:
    """Write plain words, lines and paragraphs, so that none of them means anything in Markdown."""
    paragraphs = re.split(r"\n\s*\n", printable(words).strip())
    return "\n\n".join(
        "  \n".join(markdown.as_typed(line) for line in paragraph.split("\n") if line.strip())
        for paragraph in paragraphs
    )
