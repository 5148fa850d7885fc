"""A mailbox full of hostile mail, and every page of the staff that shows anything of it (S1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from flask import Flask
from sqlalchemy import select, update

from service.core.vocabulary import CampaignStatus, ClosedAs, DeliveryState, InboundState, QuestionStatus, Role
from service.models.answer import Answer
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.inbound_message import InboundMessage
from service.models.question import Asking, Question
from service.web.staff.questions_page import TRAYS
from tests.web.world import SENDER, WRITER, World

MEMBER = "camille.roy@membre.example"
# Whose mail came back, each at a server of his own but the last, whose server denies them all: it is left in peace.
RETURNED, DENIED = 13, 6
TOGETHER = 10

Look = tuple[str, str]


@dataclass(frozen=True)
class Read:
    """A cooperative whose mailbox was filled with hostile mail, served to a browser."""

    site: str
    app: Flask
    world: World
    names: dict[int, str]

    def askings(self) -> list[Asking]:
        """What became questions, each once, as it was when it came."""
        with self.world.begin() as session:
            return list(session.scalars(select(Asking).order_by(Asking.id)))

    def put(self, status: QuestionStatus, closed_as: str = "", *, due: bool = False) -> None:
        """Put each question into one tray."""
        with self.world.begin() as session, session.begin():
            on = date(2026, 12, 24) if due else None
            session.execute(update(Question).values(status=status, closed_as=closed_as, due_on=on))

    def treated(self) -> list[int]:
        """The messages whose bytes are kept."""
        with self.world.begin() as session:
            is_treated = InboundMessage.state == InboundState.TREATED
            return list(session.scalars(select(InboundMessage.id).where(is_treated).order_by(InboundMessage.id)))

    def name(self, asking: Asking) -> str:
        """The name of the mail that asked."""
        return self.names[asking.inbound_message_id or 0]


def sent_to_all(world: World) -> list[Delivery]:
    """One message that has reached Camille and everybody whose server will say otherwise."""
    world.staff(WRITER, "Jeanne", Role.REDACTEUR)
    world.staff(SENDER, "Paul", Role.VALIDEUR)
    world.mailing_list()
    world.member(email=MEMBER, to="nouvelles")
    for n in range(RETURNED):
        world.member("Zoé", f"Faure {n}", email=f"zoe@domaine{n}.example", to="nouvelles")
    for n in range(DENIED):
        world.member("Noé", f"Blin {n}", email=f"noe{n}@perdu.example", to="nouvelles")
    campaign = world.launched().id
    with world.begin() as session, session.begin():
        session.execute(update(Delivery).values(state=DeliveryState.ACCEPTED, settled_at=world.wiring.now()))
        sent = session.get_one(Campaign, campaign)
        sent.status, sent.finished_at = CampaignStatus.SENT, world.wiring.now()
    return world.deliveries(campaign)


def trays(read: Read) -> Iterator[Look]:
    """Each tray with every question in it, what a search finds, and all automatic mail below."""
    for status, word, _ in TRAYS:
        read.put(status)
        for number in range(1, len(read.askings()) // 20 + 2):
            yield f"/reponses?bac={word}&page={number}", ""
    read.put(QuestionStatus.TO_SORT)
    yield "/reponses?bac=a-trier&cherche=alert", ""


def questions_of_ten(read: Read) -> Iterator[Look]:
    """The words as asked, signatures, quotes, subjects, names, files; ten mails a page, as if ten had asked the same."""
    askings = read.askings()
    tens = [askings[place : place + TOGETHER] for place in range(0, len(askings), TOGETHER)]
    for ten in tens:
        _give(read, {one.id: ten[0].first_question_id for one in ten})
    for status, closed_as in (
        (QuestionStatus.TO_SORT, ""),
        (QuestionStatus.TO_ANSWER, ""),
        (QuestionStatus.CLOSED, ClosedAs.ADDRESS.value),
    ):
        read.put(status, closed_as)
        for ten in tens:
            yield f"/reponses/{ten[0].first_question_id}", ", ".join(map(read.name, ten))
    _give(read, {one.id: one.first_question_id for one in askings})
    read.put(QuestionStatus.TO_SORT)
    for one in askings:
        # The address that a mail came from is proposed as the new one.
        if not one.same_address:
            yield f"/reponses/{one.question_id}?demande=adresse", read.name(one)


def splittings(read: Read) -> Iterator[Look]:
    """The lines that a mail may be split at."""
    read.put(QuestionStatus.TO_SORT)
    for one in read.askings():
        if "\n" in one.text:
            yield f"/reponses/{one.question_id}/separer", read.name(one)


def answers_to(read: Read) -> Iterator[Look]:
    """The mail that answers, which repeats what was asked: its subject, its text, and how it looks in its frame."""
    read.put(QuestionStatus.TO_ANSWER)
    with read.world.begin() as session, session.begin():
        for one in session.scalars(select(Asking)).all():
            if session.scalar(Answer.to(one.question_id)) is None:
                answer = Answer(question_id=one.question_id, written_by=1, written_at=read.world.wiring.now())
                answer.say("Oui.")
                session.add(answer)
    for one in read.askings():
        yield f"/reponses/{one.question_id}/reponse", read.name(one)


def letters(read: Read) -> Iterator[Look]:
    """Each message as it came, with its original in its frame."""
    for number in read.treated():
        yield f"/reponses/courrier/{number}", read.names[number]


def cut_otherwise(read: Read) -> list[int]:
    """Have messages hold the words of ten others, as if older rules had cut them so; give their numbers."""
    with read.world.begin() as session, session.begin():
        rows = session.scalars(select(InboundMessage).where(InboundMessage.id.in_(read.treated()))).all()
        told = [f"{row.reply}\n{row.signature}\n{row.quoted}\n{row.subject}" for row in rows]
        chosen = rows[::TOGETHER]
        for place, row in enumerate(chosen):
            words = "\n".join(told[place * TOGETHER : (place + 1) * TOGETHER])
            row.reply = row.signature = row.quoted = words
        return [row.id for row in chosen]


def members_who_wrote(read: Read) -> Iterator[Look]:
    """What each has written, as many as a page shows; then whose mail came back, with the words of his server."""
    askings = read.askings()
    for place in range(0, len(askings), 20):
        with read.world.begin() as session, session.begin():
            theirs = [one.id for one in askings[place : place + 20]]
            session.execute(update(Asking).values(contact_id=None))
            session.execute(update(Asking).where(Asking.id.in_(theirs)).values(contact_id=1))
        yield "/societaires/1", ", ".join(map(read.name, askings[place : place + 20]))
    with read.world.begin() as session, session.begin():
        session.execute(update(Asking).values(contact_id=1))
    for number in range(2, 2 + RETURNED + DENIED):
        yield f"/societaires/{number}", ""


def home(read: Read) -> Iterator[Look]:
    """What waits, requests on one's own data by who wrote them, and a server that is left in peace with its words."""
    read.put(QuestionStatus.TO_ANSWER, due=True)
    yield "/", ""
    with read.world.begin() as session, session.begin():
        # Fifty are shown; the strangest writers last in the mailbox.
        session.execute(update(Question).where(Question.id <= len(read.askings()) - 40).values(due_on=None))
        session.execute(update(Asking).values(contact_id=None))
    yield "/", "without a member"
    with read.world.begin() as session, session.begin():
        session.execute(update(Asking).values(contact_id=1))
    read.put(QuestionStatus.TO_SORT)


# What shows anything of a mail, and how each is opened.
WALKS: dict[str, Callable[[Read], Iterator[Look]]] = {
    "/": home,
    "/messages": lambda _: iter([("/messages", "")]),
    "/messages/<int:campaign_id>": lambda _: iter([("/messages/1", ""), ("/messages/1?etat=revenus", "")]),
    "/reponses": trays,
    "/reponses/<int:question_id>": questions_of_ten,
    "/reponses/<int:question_id>/separer": splittings,
    "/reponses/<int:question_id>/reponse": answers_to,
    "/reponses/courrier/<int:message_id>": letters,
    "/reponses/autre-courrier": lambda _: iter([("/reponses/autre-courrier", "")]),
    "/reponses/themes": lambda _: iter([("/reponses/themes", "")]),
    "/reponses/ajouter": lambda _: iter([("/reponses/ajouter", "")]),
    "/societaires": lambda _: iter([("/societaires", ""), ("/societaires?adresses=en-erreur", "")]),
    "/societaires/<int:member_id>": members_who_wrote,
}
# What stands in a frame of these pages: opened in it, and then out of it.
FRAMED = {
    "/reponses/<int:question_id>/reponse/apercu": answers_to,
    "/reponses/courrier/<int:message_id>/original": letters,
}
# Given to keep, never opened.
FILE = "/reponses/courrier/<int:message_id>/pieces/<int:position>"
# Where nothing of a mail stands: what the team writes, the register, the file of the members, the mail that leaves.
WITHOUT_MAIL = {
    "/connexion",
    "/static/<path:filename>",
    "/health",
    "/equipe",
    "/listes",
    "/listes/nouvelle",
    "/listes/<slug>",
    "/messages/nouveau",
    "/messages/<int:campaign_id>/ecrire",
    "/messages/<int:campaign_id>/apercu",
    "/messages/<int:campaign_id>/envoyer",
    "/messages/<int:campaign_id>/relecture",
    "/messages/<int:campaign_id>/arreter",
    "/societaires/<int:member_id>/contacts/<int:contact_id>/adresse",
    "/societaires/<int:member_id>/depart",
    "/societaires/import",
    "/societaires/import/<key>",
    "/societaires/import/<key>/apercu",
    "/societaires/import/<key>/a-corriger.csv",
    "/d/<token>",
    # The words of a server stand in them: tests/core/proof, tests/gateways/test_pdf.
    "/messages/<int:campaign_id>/preuve.pdf",
    "/messages/<int:campaign_id>/preuve.csv",
}


def _give(read: Read, questions: dict[int, int]) -> None:
    with read.world.begin() as session, session.begin():
        for asking, question in questions.items():
            session.get_one(Asking, asking).question_id = question
