"""The answer to a question, on both databases and as the mail that leaves: to whom, in which thread, how often."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import func, select

from service.actions import answers, bells, questions, sending
from service.actions.bells import Bell
from service.actions.questions import Hand, Overtaken
from service.core.refusals import Conflict, Refusal
from service.core.vocabulary import DeliveryState, MailClass, MailKind, QuestionStatus
from service.core.writing.heading import answered_id
from service.models.answer import Answer
from service.models.delivery import Delivery
from service.models.member import Contact
from service.models.question import Question
from service.models.staff import Staff
from tests.actions.test_questions import acts, asked, found, hand, stands
from tests.builders import Tray, World

ASKED = "Quelle place pour les sociétaires ?"
SAID = "Une vraie place.\n\nVoir {prénom} et *ceci* :\nhttps://www.passerelles.example/plan"


@pytest.fixture
def camille(world: World) -> Staff:
    """Who answers, beside a member named Camille."""
    world.take_in("Prénom;Nom;E-mail\nCamille;Roy;camille@membre.example")
    return world.staff("Jeanne")


def accepted(world: World, by: Staff, *, privately: bool = False, same: bool = True, **details: str) -> int:
    told = {"from_address": "camille@membre.example", "message_id": "<abc.1@membre.example>", **details}
    number = asked(world, ASKED, same=same, **told)
    if not same:
        with world.sessions.begin() as session:
            contact = session.scalars(Contact.at("camille@membre.example")).one()
            session.get_one(Question, number).askings[0].contact_id = contact.id
    with world.sessions.begin() as session:
        questions.accept(session, number, hand(world, by), privately=privately)
    return number


def answered(world: World, number: int, by: Staff, text: str = SAID, version: int = 2) -> int:
    """Write, look and send; give the number of the mail."""
    with world.sessions.begin() as session:
        answer = answers.write(session, number, text, hand(world, by, version))
        question = session.get_one(Question, number)
        seen = answers.sheet(question, answer, world.office, by_name=by.name).seen
    with world.sessions.begin() as session:
        return answers.send(session, number, world.office, hand(world, by, version + 1), seen=seen).id


def mail_of(world: World, delivery_id: int) -> EmailMessage:
    tray = Tray()
    sending.send_single(world.wire(tray, go_on=lambda: not tray.envelopes), delivery_id)
    (envelope,) = tray.envelopes
    made = email.message_from_bytes(bytes(envelope.message), policy=email.policy.default)
    assert isinstance(made, EmailMessage)
    assert envelope.recipient == made["To"].addresses[0].addr_spec
    return made


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n").replace("\u00a0", " ").replace("\u202f", " ")


def test_an_answer_leaves_in_the_thread_of_the_question_as_it_was_typed(world: World, camille: Staff) -> None:
    number = accepted(world, camille, subject="RE : Re: Où en sommes-nous ?")
    mail = mail_of(world, answered(world, number, camille))
    assert (mail["To"], mail["Subject"]) == (
        "Camille Roy <camille@membre.example>",
        "Re: Où en sommes-nous\u00a0?",
    )
    assert mail["In-Reply-To"] == mail["References"] == "<abc.1@membre.example>"
    assert mail["Auto-Submitted"] is None, "a person wrote it"
    assert mail["List-Unsubscribe"] is None
    assert "vie+" in mail["Reply-To"], "what is answered to it finds its way back"
    said = text_of(mail)
    assert "Bonjour Camille,\n\nVous demandiez :\n\n> Quelle place pour les sociétaires ?" in said
    assert "Une vraie place.\n\nVoir {prénom} et *ceci* :\nhttps://www.passerelles.example/plan\n" in said
    assert "Jeanne, Les Passerelles" in said


def test_the_mail_that_leaves_is_the_one_that_was_seen(world: World, camille: Staff) -> None:
    number = accepted(world, camille)
    with world.sessions.begin() as session:
        answer = answers.write(session, number, SAID, hand(world, camille, 2))
        shown = answers.sheet(session.get_one(Question, number), answer, world.office, by_name="Jeanne")
    with world.sessions.begin() as session:
        sent = answers.send(session, number, world.office, hand(world, camille, 3), seen=shown.seen).id
        assert bells.taken(session) == [Bell("post", (sent,))]
    mail = mail_of(world, sent)
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") == shown.mould.text({})  # type: ignore[union-attr]
    assert mail["Subject"] == shown.mould.subject({})


def test_it_leaves_once_whatever_the_clicks(world: World, camille: Staff, boss: Staff) -> None:
    number = accepted(world, camille)
    first = answered(world, number, camille)
    for by, version in ((camille, 3), (boss, 99)):
        with world.sessions.begin() as session:
            assert answers.send(session, number, world.office, hand(world, by, version), seen="").id == first
    with world.sessions() as session:
        assert session.scalar(select(func.count()).where(Delivery.kind == MailKind.ANSWER)) == 1
        row = session.get_one(Delivery, first)
        assert (row.mail_class, row.state) == (MailClass.TRANSACTIONAL, DeliveryState.PENDING)
        assert row.contact_id is not None
        assert row.member_id is not None
    assert stands(world, number).status is QuestionStatus.TO_PUBLISH
    assert [act for act, _ in acts(world)] == ["question.accept", "question.answer_write", "question.answer"]
    mail_of(world, first)
    tray = Tray()
    sending.send_single(world.wire(tray), first)
    assert tray.envelopes == []


def test_s3_who_writes_from_elsewhere_is_answered_at_the_address_on_file_and_nothing_of_his_is_repeated(
    world: World, camille: Staff
) -> None:
    number = accepted(world, camille, same=False, from_address="mechant@ailleurs.example", subject="Payez vite")
    mail = mail_of(world, answered(world, number, camille))
    assert mail["To"].addresses[0].addr_spec == "camille@membre.example"
    assert mail["In-Reply-To"] is None
    assert mail["Subject"] == "Réponse à votre question"
    assert "mechant@" not in mail.as_string()
    assert ASKED[:20] not in text_of(mail)
    assert "depuis une autre adresse" in " ".join(text_of(mail).split())


def test_s3_the_address_on_file_of_this_instant_counts(world: World, camille: Staff) -> None:
    number = accepted(world, camille)
    with world.sessions.begin() as session:
        answer = answers.write(session, number, SAID, hand(world, camille, 2))
        seen = answers.sheet(session.get_one(Question, number), answer, world.office, by_name="Jeanne").seen
        session.scalars(Contact.at("camille@membre.example")).one().email = "neuve@membre.example"
    with pytest.raises(Conflict, match="n’est plus celui que vous avez lu"), world.sessions.begin() as session:
        answers.send(session, number, world.office, hand(world, camille, 3), seen=seen)
    with world.sessions.begin() as session:
        session.scalars(select(Contact).where(Contact.email == "neuve@membre.example")).one().email = None
    with pytest.raises(Refusal, match="pas d’adresse pour Camille Roy"), world.sessions.begin() as session:
        answers.send(session, number, world.office, hand(world, camille, 3), seen=seen)
    with world.sessions() as session:
        assert session.scalar(select(func.count()).where(Delivery.kind == MailKind.ANSWER)) == 0


def test_nobody_unknown_who_only_claims_is_answered(world: World, camille: Staff) -> None:
    number = accepted(world, camille, same=False, from_address="x@ailleurs.example")
    with world.sessions.begin() as session:
        asking = session.get_one(Question, number).askings[0]
        asking.contact_id = None
        session.flush()
        session.expire(asking)
        with pytest.raises(Refusal, match="Nous ne savons pas qui a écrit"):
            answers.recipient(asking)


@pytest.mark.parametrize("address", ["", "pas une adresse", "a@b\r\nBcc: c@d.example", '"<script>"@x.example'])
def test_a_message_without_a_usable_address_is_not_answered(world: World, camille: Staff, address: str) -> None:
    number = accepted(world, camille, from_address=address)
    with world.sessions() as session, pytest.raises(Refusal, match="pas d’adresse"):
        answers.recipient(session.get_one(Question, number).askings[0])


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Question\r\nBcc: x@ailleurs.example", "Re: Question Bcc\u00a0: x@ailleurs.example"),
        ("Question\u2028Bcc: x\u0007\u202e", "Re: Question Bcc\u00a0: x"),
        ("{prénom} {{x}} {% raw %}", "Re: {prénom} {{x}} {% raw %}"),
        ("AW: Re[2]: RE : Rép: Oui", "Re: Oui"),
        ("Re:", "Réponse à votre question"),
        ("   ", "Réponse à votre question"),
        ("x" * 900, "Re: " + "x" * 200),
    ],
)
def test_s9_a_hostile_subject_is_one_line_of_words(world: World, camille: Staff, subject: str, expected: str) -> None:
    number = accepted(world, camille, subject=subject)
    mail = mail_of(world, answered(world, number, camille))
    assert mail["Subject"] == expected
    assert mail["Bcc"] is None
    assert [len(mail.get_all(name, [])) for name in ("Subject", "To")] == [1, 1]


@pytest.mark.parametrize(
    "message_id", ["", "<a@b>\r\nBcc: x@y.example", "<a b@c>", "<é@x.example>", "<" + "a" * 950 + "@x.example>", "rien"]
)
def test_a_message_id_that_no_header_carries_begins_a_new_thread(world: World, camille: Staff, message_id: str) -> None:
    mail = mail_of(world, answered(world, accepted(world, camille, message_id=message_id), camille))
    assert mail["In-Reply-To"] is None
    assert mail["Bcc"] is None


@given(some.text(max_size=60))
def test_what_in_reply_to_carries_is_one_id_or_nothing(typed: str) -> None:
    carried = answered_id(typed)
    assert carried == "" or (carried.isprintable() and carried.isascii() and carried.count("@") == 1)


def test_who_sends_what_another_changed_is_told_and_nothing_leaves(world: World, camille: Staff, boss: Staff) -> None:
    number = accepted(world, camille)
    with world.sessions.begin() as session:
        answer = answers.write(session, number, SAID, hand(world, camille, 2))
        seen = answers.sheet(session.get_one(Question, number), answer, world.office, by_name="Jeanne").seen
    with world.sessions.begin() as session:
        answers.write(session, number, "Tout autre chose", hand(world, boss, 3))
    for act in (
        lambda session: answers.send(session, number, world.office, Hand(camille, 3, world.clock()), seen=seen),
        lambda session: answers.write(session, number, "Autre", Hand(camille, 3, world.clock())),
    ):
        with pytest.raises(Overtaken, match="Paul a changé"), world.sessions.begin() as session:
            act(session)
    with pytest.raises(Conflict, match="n’est plus celui"), world.sessions.begin() as session:
        answers.send(session, number, world.office, Hand(camille, 4, world.clock()), seen=seen)
    with world.sessions() as session:
        assert session.scalars(select(Answer)).one().text == "Tout autre chose"
        assert session.scalar(select(func.count()).where(Delivery.kind == MailKind.ANSWER)) == 0


def test_what_has_left_never_changes_and_is_not_answered_again(world: World, camille: Staff) -> None:
    number = accepted(world, camille)
    first = answered(world, number, camille)
    with pytest.raises(Refusal), world.sessions.begin() as session:
        answers.write(session, number, "Autre chose", hand(world, camille, 4))
    with world.sessions.begin() as session:
        session.get_one(Question, number).status = QuestionStatus.TO_SORT
    with world.sessions.begin() as session:
        questions.accept(session, number, hand(world, camille, 4))
    assert stands(world, number).status is QuestionStatus.TO_PUBLISH
    assert "Une vraie place." in text_of(mail_of(world, first))


def test_an_answer_in_private_is_never_to_publish(world: World, camille: Staff) -> None:
    number = accepted(world, camille, privately=True)
    answered(world, number, camille)
    assert (stands(world, number).status, stands(world, number).closed_as) == (QuestionStatus.CLOSED, "answered")


def test_a_question_is_found_by_its_answer_whatever_the_accents(world: World, camille: Staff) -> None:
    number = accepted(world, camille)
    answered(world, number, camille, "Les ATELIERS d’été")
    assert found(world, "ateliers ETE", QuestionStatus.TO_PUBLISH) == [number]
    assert found(world, "ateliers hiver", QuestionStatus.TO_PUBLISH) == []


@pytest.mark.parametrize("text", ["", " \n", "x" * 50_001])
def test_an_answer_that_is_empty_or_endless_is_refused(world: World, camille: Staff, text: str) -> None:
    number = accepted(world, camille)
    with pytest.raises(Refusal) as told, world.sessions.begin() as session:
        answers.write(session, number, text, hand(world, camille, 2))
    assert told.value.field == "reponse"
