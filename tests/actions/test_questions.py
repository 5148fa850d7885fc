"""The queue of questions, on both databases: how one is found, and what the team decides of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from service.actions import journal, questions
from service.actions.questions import Hand, Overtaken
from service.core.refusals import Conflict, NotFound, Refusal
from service.core.vocabulary import ClosedAs, InboundKind, InboundState, MatchedBy, QuestionStatus
from service.models.inbound_message import InboundMessage
from service.models.journal import JournalEntry
from service.models.member import Contact
from service.models.question import Question
from service.models.staff import Staff
from tests.builders import World
from tests.parts import await_that

Act = Callable[[Session], object]


def asked(
    world: World, words: str = "Quelle place pour les sociétaires ?", *, same: bool = True, **details: str
) -> int:
    """Put a message of somebody and its question there; of the member whose address it is, where there is one."""
    told = {"from_address": "membre0@exemple0.example", "subject": "Des nouvelles", "message_id": "<1@x.example>"}
    told |= details
    with world.sessions.begin() as session:
        uid, at = session.query(InboundMessage).count() + 1, world.clock() - timedelta(hours=1)
        message = InboundMessage(
            account="vie", folder="INBOX", uidvalidity=1, uid=uid, received_at=at, stored_at=at, size=1, raw=b"x",
            sha256=str(uid), state=InboundState.TREATED, kind=InboundKind.QUESTION, reply=words, **told,
        )  # fmt: skip
        session.add(message)
        session.flush()
        who = session.scalar(Contact.at("membre0@exemple0.example" if not same else told["from_address"]))
        return questions.open_from_mail(
            session,
            message,
            text=words,
            matched_by=MatchedBy.SENDER if who else MatchedBy.NOTHING,
            contact_id=who.id if who else None,
            campaign_id=None,
            event_id=None,
            same_address=same,
            now=at,
        ).id


def found(world: World, words: str, status: QuestionStatus = QuestionStatus.TO_SORT) -> list[int]:
    with world.sessions() as session:
        return [one.id for one in session.scalars(questions.matching(status, words))]


@pytest.mark.parametrize(
    "words",
    ["STRATEGIE", "stratégie", "Strategie", "ÉTÉ", "ete", "l’été", "l'ete", "oeuvre", "ŒUVRE", "jean-paul", "%"],
)
def test_a_search_ignores_accents_and_case(world: World, words: str) -> None:
    number = asked(world, "Et l’Été ? La STRATÉGIE de l'œuvre, à 5 %…", from_address="Jean-Paul@ailleurs.example")
    asked(world, "Merci beaucoup")
    assert found(world, words) == [number]


def test_a_question_is_found_by_who_asked_as_the_register_or_his_mail_calls_him(world: World) -> None:
    world.take_in("Prénom;Nom;E-mail\nZoé;Lévêque;zoe@membre.example")
    member = asked(world, "Bonjour", from_address="zoe@membre.example")
    stranger = asked(world, "Bonjour", from_address="x@ailleurs.example", from_name="Inès Forêt")
    assert found(world, "leveque ZOE") == [member]
    assert found(world, "foret ines") == [stranger]
    assert found(world, "bonjour LEVEQUE") == [member]
    assert found(world, "bonjour absent") == []


def test_words_of_another_alphabet_are_found_as_they_stand(world: World) -> None:
    number = asked(world, "Здравствуйте")
    asked(world, "Bonjour")
    assert found(world, "Здравствуйте") == [number]


def test_the_signs_of_a_pattern_are_letters_like_others(world: World) -> None:
    asked(world, "aXb")
    number = asked(world, "a_b")
    assert found(world, "a_b") == [number]


def test_the_words_as_asked_are_kept_beside(world: World) -> None:
    number = asked(world, "Et l’Été ?")
    with world.sessions() as session:
        assert session.scalars(select(Question)).one().id == number
        assert session.get_one(Question, number).askings[0].text == "Et l’Été ?"


def stands(world: World, number: int) -> Question:
    with world.sessions() as session:
        return session.get_one(Question, number)


def hand(world: World, by: Staff, version: int = 1) -> Hand:
    return Hand(by, version, world.clock())


def acts(world: World) -> list[tuple[str, int | None]]:
    with world.sessions() as session:
        assert journal.broken_at(session) is None
        entries = session.scalars(select(JournalEntry).order_by(JournalEntry.id)).all()
        return [(one.act, one.staff_id) for one in entries if one.subject == "question"]


def test_a_question_is_accepted_once_whatever_the_clicks(world: World, author: Staff) -> None:
    number = asked(world)
    for _ in range(2):
        with world.sessions.begin() as session:
            questions.accept(session, number, hand(world, author))
    now = stands(world, number)
    assert (now.status, now.version, now.changed_by) == (QuestionStatus.TO_ANSWER, 2, author.id)
    assert now.changed_at == world.clock()
    assert acts(world) == [("question.accept", author.id)]


@pytest.mark.parametrize("label", list(ClosedAs))
def test_what_is_no_question_is_closed_under_what_it_was_and_opened_again(
    world: World, author: Staff, label: ClosedAs
) -> None:
    number = asked(world)
    with world.sessions.begin() as session:
        questions.close(session, number, label, hand(world, author))
    assert (stands(world, number).status, stands(world, number).closed_as) == (QuestionStatus.CLOSED, label.value)
    with world.sessions.begin() as session:
        questions.reopen(session, number, hand(world, author, 2))
    assert (stands(world, number).status, stands(world, number).closed_as) == (QuestionStatus.TO_SORT, "")
    assert [act for act, _ in acts(world)] == ["question.close", "question.reopen"]


def test_who_acts_on_what_another_changed_is_told_who_and_when_and_changes_nothing(
    world: World, author: Staff, boss: Staff
) -> None:
    number = asked(world)
    with world.sessions.begin() as session:
        questions.close(session, number, ClosedAs.THANKS, hand(world, author))
    before, changed = stands(world, number), world.clock()
    world.clock.forward(minutes=5)
    acts_of_boss: list[Act] = [
        lambda session: questions.accept(session, number, hand(world, boss)),
        lambda session: questions.close(session, number, ClosedAs.PROXY, hand(world, boss)),
        lambda session: questions.reopen(session, number, hand(world, boss)),
        lambda session: questions.take_as_data_request(session, number, hand(world, boss)),
        lambda session: questions.assign(session, number, boss, hand(world, boss)),
        lambda session: questions.keep_private(session, number, True, hand(world, boss)),
    ]
    for act in acts_of_boss:
        with pytest.raises(Overtaken) as told, world.sessions.begin() as session:
            act(session)
        assert (told.value.at, told.value.status) == (changed, 409)
        assert told.value.sentence.startswith("Jeanne a changé cette question")
    after = stands(world, number)
    assert (after.status, after.closed_as, after.version) == (before.status, before.closed_as, 2)
    assert len(acts(world)) == 1


def test_who_decides_while_another_has_not_finished_waits_and_is_told(world: World, author: Staff, boss: Staff) -> None:
    number = asked(world)

    def decide() -> None:
        with world.sessions.begin() as session:
            questions.close(session, number, ClosedAs.PROXY, hand(world, boss))

    with ThreadPoolExecutor(1) as aside:
        with world.sessions.begin() as session:
            questions.close(session, number, ClosedAs.THANKS, hand(world, author))
            second = aside.submit(decide)
            if world.engine.dialect.name == "postgresql":
                # On SQLite nobody begins to write before this transaction ends.
                waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
                await_that(lambda: session.scalar(waiting), "the second waits for the first")
        with pytest.raises(Overtaken):
            second.result()
    assert (stands(world, number).version, stands(world, number).closed_as) == (2, ClosedAs.THANKS)


def test_a_question_is_given_to_somebody_and_to_nobody(world: World, author: Staff, boss: Staff) -> None:
    number = asked(world)
    with world.sessions.begin() as session:
        questions.assign(session, number, boss, hand(world, author))
    assert stands(world, number).assigned_to == boss.id
    with world.sessions.begin() as session:
        questions.assign(session, number, None, hand(world, author, 2))
    assert stands(world, number).assigned_to is None
    with world.sessions.begin() as session:
        gone = session.get_one(Staff, boss.id)
        gone.disabled_at = world.clock()
        with pytest.raises(Refusal, match="n’a plus de compte"):
            questions.assign(session, number, gone, hand(world, author, 3))


def test_a_request_on_ones_data_is_due_in_a_month_and_never_published(world: World, author: Staff) -> None:
    world.clock.at = datetime(2027, 1, 31, 12, tzinfo=UTC)
    number = asked(world, "Quelles données gardez-vous sur moi ?")
    with world.sessions.begin() as session:
        questions.take_as_data_request(session, number, hand(world, author))
    now = stands(world, number)
    assert (now.status, now.is_private, now.due_on) == (QuestionStatus.TO_ANSWER, True, date(2027, 2, 28))


@pytest.mark.parametrize(
    ("day", "due"),
    [
        ("2027-01-31", "2027-02-28"),
        ("2028-01-31", "2028-02-29"),
        ("2026-12-05", "2027-01-05"),
        ("2026-03-31", "2026-04-30"),
    ],
)
def test_a_month_ends_on_the_same_day_or_on_the_last(day: str, due: str) -> None:
    assert questions.a_month_after(date.fromisoformat(day)) == date.fromisoformat(due)


def test_an_answer_in_private_is_never_published_until_somebody_says_otherwise(world: World, author: Staff) -> None:
    number = asked(world)
    with world.sessions.begin() as session:
        questions.accept(session, number, hand(world, author), privately=True)
    assert stands(world, number).is_private
    with world.sessions.begin() as session:
        questions.keep_private(session, number, False, hand(world, author, 2))
    assert not stands(world, number).is_private


def test_a_note_is_kept_once_and_takes_nobody_s_turn(world: World, author: Staff, boss: Staff) -> None:
    number = asked(world)
    for words in ("Vu avec le conseil\r\n", "Vu avec le conseil"):
        with world.sessions.begin() as session:
            questions.write_note(session, number, words, by=session.merge(author), now=world.clock())
    with world.sessions.begin() as session:
        questions.write_note(session, number, "D'accord", by=session.merge(boss), now=world.clock())
        assert [(one.staff.name, one.text) for one in session.get_one(Question, number).notes] == [
            ("Jeanne", "Vu avec le conseil"),
            ("Paul", "D'accord"),
        ]
    assert stands(world, number).version == 1
    for words in ("", "   \n", "x" * 10_001):
        with pytest.raises(Refusal), world.sessions.begin() as session:
            questions.write_note(session, number, words, by=author, now=world.clock())


def test_the_journal_holds_no_word_of_a_note_or_a_question(world: World, author: Staff) -> None:
    number = asked(world, "Un secret")
    with world.sessions.begin() as session:
        questions.write_note(session, number, "Un autre secret", by=author, now=world.clock())
        questions.close(session, number, ClosedAs.THANKS, hand(world, author))
    with world.sessions() as session:
        told = str([one.detail for one in session.scalars(select(JournalEntry))])
    assert "secret" not in told
    assert "membre0" not in told


def test_what_was_published_is_neither_closed_nor_kept_private(world: World, author: Staff) -> None:
    number = asked(world)
    with world.sessions.begin() as session:
        session.get_one(Question, number).status = QuestionStatus.PUBLISHED
    refused: list[Act] = [
        lambda session: questions.close(session, number, ClosedAs.OTHER, hand(world, author)),
        lambda session: questions.keep_private(session, number, True, hand(world, author)),
        lambda session: questions.reopen(session, number, hand(world, author)),
        lambda session: questions.accept(session, number, hand(world, author)),
    ]
    for act in refused:
        with pytest.raises(Conflict), world.sessions.begin() as session:
            act(session)
    with pytest.raises(NotFound), world.sessions.begin() as session:
        questions.accept(session, 987, hand(world, author))
