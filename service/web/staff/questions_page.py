"""What does the page of one question show, whatever was asked of it?"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from service.actions import (
    acknowledgements,
    answers,
    authorships,
    merging,
    questions,
    resemblances,
    splitting,
    themes,
    wishes,
)
from service.actions import staff as team
from service.actions.answers import Recipient
from service.actions.questions import Hand, Overtaken
from service.core import french
from service.core.reading import files
from service.core.reading.files import Attached
from service.core.refusals import Refusal
from service.core.vocabulary import ClosedAs, DeliveryState, Granted, LeavingReason, QuestionStatus
from service.core.writing import places
from service.core.writing.mould import Mould
from service.models.answer import Answer
from service.models.campaign import CampaignMould
from service.models.delivery import Delivery
from service.models.granted_wish import GrantedWish
from service.models.question import Asking, Question
from service.web.http import me, page, session, wiring
from service.web.staff.members import STATES

# Each tray, its word in the address and on the page.
TRAYS = (
    (QuestionStatus.TO_SORT, "a-trier", "À trier"),
    (QuestionStatus.TO_ANSWER, "a-repondre", "À répondre"),
    (QuestionStatus.TO_PUBLISH, "a-publier", "À publier"),
    (QuestionStatus.PUBLISHED, "publiees", "Publiées"),
    (QuestionStatus.CLOSED, "classees", "Classées"),
)

# What is no question, its word in a form and on the page.
LABELS = (
    (ClosedAs.THANKS, "merci", "Un merci, rien à répondre"),
    (ClosedAs.AUTOMATIC, "absence", "Une absence, une réponse automatique"),
    (ClosedAs.REGISTRATION, "inscription", "« Je viens » : une inscription"),
    (ClosedAs.PROXY, "pouvoir", "Un pouvoir"),
    (ClosedAs.ADDRESS, "adresse", "Une nouvelle adresse"),
    (ClosedAs.UNSUBSCRIBE, "ne-plus-recevoir", "« Ne plus recevoir vos messages »"),
    (ClosedAs.DEPARTURE, "depart", "Un départ, un décès"),
    (ClosedAs.OTHER, "autre", "Autre chose"),
)
# Who is put away so has asked for an act that this page does not do.
WISHES = frozenset({ClosedAs.REGISTRATION, ClosedAs.PROXY, ClosedAs.ADDRESS, ClosedAs.UNSUBSCRIBE, ClosedAs.DEPARTURE})
# What several may be put away as at once: the rest does something for one member, or needs what his mail alone says.
TOGETHER = frozenset({ClosedAs.THANKS, ClosedAs.AUTOMATIC, ClosedAs.REGISTRATION, ClosedAs.PROXY, ClosedAs.OTHER})
# From where questions may be merged.
MERGEABLE = (QuestionStatus.TO_SORT, QuestionStatus.TO_ANSWER)
# In a list of choices whose first, empty one is no choice.
NOBODY, NO_THEME = "personne", "aucun"

DONE = {
    Granted.UNSUBSCRIBED: "Ne reçoit plus",
    Granted.ADDRESS: "Adresse changée",
    Granted.DEPARTURE: "Départ noté, pour le",
    Granted.DATA_REQUEST: "Demande sur ses données notée, réponse promise avant le",
}
REASONS = (
    (LeavingReason.RETRAIT, "Retrait"),
    (LeavingReason.DECES, "Décès"),
    (LeavingReason.CESSION, "Cession de toutes ses parts"),
    (LeavingReason.EXCLUSION, "Exclusion"),
)
# An answer and a confirmation are feminine.
_STATES = {
    **STATES,
    DeliveryState.DEFERRED: "sera réessayée",
    DeliveryState.ACCEPTED: "envoyée",
    DeliveryState.REFUSED: "refusée par sa messagerie",
    DeliveryState.SKIPPED: "non envoyée",
    DeliveryState.IN_DOUBT: "peut-être reçue",
}
_BEGINS = 60
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")


@dataclass(frozen=True, slots=True)
class Letter:
    """The mail that was answered, as that person got it."""

    delivery: Delivery
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class MergedQuestion:
    """A question that was merged into the one shown: where it would stand again, and the answer begun there, if any."""

    question: Question
    name: str
    tray: str
    answer: str


def shown(question_id: int, refusal: Refusal | None = None, typed: Mapping[str, str] | None = None) -> str:
    """Show one question, or the one that it was merged into, with what must be refused and what was typed, if anything."""
    question = questions.standing(session(), question_id)
    question_id, whole = question.id, merging.whole(session(), question.id)
    everyone = team.everyone(session())
    answer = session().scalar(Answer.to(question_id))
    to, nobody = _recipient(question.askings[0])
    authors = authorships.said_of(session(), question.askings)
    granted = list(session().scalars(GrantedWish.to([one.id for one in question.askings])))
    stands = any(one.undone_at is None for one in granted)
    return page(
        "staff/questions/show.html",
        question=question,
        trays={status: label for status, _, label in TRAYS},
        tray=next((word, label) for status, word, label in TRAYS if status is question.status),
        askings=[(asking, _answered(asking)) for asking in question.askings],
        told={asking.id: _told(asking) for asking in question.askings},
        proposed={one.id for one in question.askings if authorships.is_proposed(one) and one.id not in authors},
        authors=authors,
        attached={asking.id: _attached(asking) for asking in question.askings},
        names={one.id: one.name for one in everyone},
        people=[(str(one.id), one.name) for one in everyone if one.disabled_at is None],
        labels=LABELS,
        closed_as=_closed_as(question.closed_as),
        answer=answer,
        sent=answers.letter_of(session(), answer) if answer else None,
        states=_STATES,
        detail_of=detail_of,
        recipient=to,
        nobody=nobody,
        is_wish=question.closed_as in WISHES and not stands,
        themes=[(str(one.id), one.name) for one in themes.everything(session())],
        alike=resemblances.among(session(), [question])[question.id],
        mergeable=MERGEABLE,
        parts=splitting.parts_of(session(), question_id),
        split_off=splitting.split_off(session(), question),
        merged=[_merged(one) for one in merging.merged_into(session(), question_id)],
        notes=sorted((note for one in whole for note in one.notes), key=lambda note: (note.written_at, note.id)),
        is_granted=stands,
        granted=[(one, wishes.receipts_of(session(), one)) for one in granted],
        done_words=DONE,
        wish=(typed or {}).get("acte") or (request.args.get("demande", "") if refusal is None else ""),
        reasons=REASONS,
        new_address=_new_address(question.askings[0]),
        today=wiring().now().date(),
        refusal=refusal,
        overtaken=refusal if isinstance(refusal, Overtaken) else None,
        typed=typed or {},
    )


def quoted(session: Session, question: Question) -> str:
    """Name a question to who must find it again: by who asked it first, and by how it begins."""
    asking = merging.first_words(session, question)
    if asking is None:
        return f"numéro {question.id}"
    who = asking.contact.name if asking.contact else asking.from_address or "une personne inconnue"
    begins = " ".join(asking.excerpt.split())
    begins = f"{begins[:_BEGINS].rstrip()}…" if len(begins) > _BEGINS else begins
    return f"{french.de(who)} (« {begins} »)" if begins else french.de(who)


def acted(question_id: int, act: Callable[[Hand], str]) -> ResponseReturnValue:
    """Do an act and go back to where it was asked; what is refused is the page again, with all that was typed."""
    try:
        said = act(hand())
    except Refusal as refusal:
        session().rollback()
        return shown(question_id, refusal, request.form), refusal.status
    flash(said)
    tray = request.form.get("bac", "")
    if tray in {word for _, word, _ in TRAYS}:
        return redirect(url_for("questions.show_all", bac=tray), 303)
    return redirect(url_for("questions.show", question_id=question_id), 303)


def detail_of(done: GrantedWish) -> str:
    """Say what was done in particular: which lists, each between quotation marks, which address, which day."""
    return french.neither(done.detail.split(", ")) if done.granted is Granted.UNSUBSCRIBED else done.detail


def hand() -> Hand:
    """Say who acts now, and which version of the question his page showed."""
    typed = request.form.get("version", "")
    return Hand(by=me(), version=int(typed) if is_number(typed) else 0, now=wiring().now())


def _merged(question: Question) -> MergedQuestion:
    answer = session().scalar(Answer.to(question.id))
    tray = next(label for status, _, label in TRAYS if status is question.status)
    return MergedQuestion(question, quoted(session(), question), tray, answer.text if answer else "")


def _told(asking: Asking) -> Delivery | None:
    """Find the mail that told who asked that his message came, or how to leave."""
    message = asking.inbound_message
    return acknowledgements.of(session(), message) if message is not None else None


def is_number(typed: str) -> bool:
    """Whether a form gave a number that a row may have."""
    return typed.isascii() and typed.isdigit() and len(typed) < 19


def _answered(asking: Asking) -> Letter | None:
    message = asking.inbound_message
    delivery = session().get(Delivery, message.delivery_id) if message and message.delivery_id else None
    if delivery is None or delivery.campaign_id is None:
        return None
    stored = session().get(CampaignMould, delivery.campaign_id)
    if stored is None:
        return None
    mould = Mould.from_bytes(stored.content)
    # The personal link is a key: staff see where it stood, not what it opens.
    values = {**delivery.fields, places.UNSUBSCRIBE_URL: f"{wiring().office.house.public_url}/d/..."}
    return Letter(delivery, mould.subject(values), mould.text(values))


def _new_address(asking: Asking) -> str:
    """Guess which address a mail gives as the new one, for somebody to check: one that it names, else the one it came from."""
    known = (asking.contact.email or "").lower() if asking.contact else ""
    named = [one for one in _ADDRESS.findall(asking.text[:10_000]) if one.lower() != known]
    return next(iter(named), "" if asking.same_address else asking.from_address)


def _attached(asking: Asking) -> tuple[Attached, ...]:
    message = asking.inbound_message
    return files.of(message.raw) if message is not None and message.raw is not None and not message.head_only else ()


def _recipient(asking: Asking) -> tuple[Recipient | None, Refusal | None]:
    try:
        return answers.recipient(asking), None
    except Refusal as refusal:
        return None, refusal


def _closed_as(word: str) -> str:
    if word == ClosedAs.ANSWERED:
        return "Répondue en privé"
    return next((label for one, _, label in LABELS if one == word), "")
