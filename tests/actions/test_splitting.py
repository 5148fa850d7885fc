"""One mail with several questions, and several mails with one: what the team is helped with, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.actions import merging, questions, resemblances, splitting
from service.actions.questions import Overtaken
from service.core.refusals import Conflict, Refusal
from service.core.vocabulary import AskedBy, ClosedAs, MatchedBy, QuestionStatus
from service.models.inbound_message import InboundMessage
from service.models.question import Asking, Question
from service.models.staff import Staff
from tests.actions.test_questions import acts, asked, found, hand
from tests.builders import World

SAID = "Bonjour,\n\n1. Où en est le budget ?\n2. Quand vient l’assemblée ?\n\n3. Et les statuts ?"


@pytest.fixture
def jeanne(world: World) -> Staff:
    return world.staff("Jeanne")


def split(world: World, number: int, starts: list[int], by: Staff, version: int = 1) -> list[int]:
    with world.sessions.begin() as session:
        return [one.id for one in splitting.split(session, number, starts, hand(world, by, version))]


def askings(world: World) -> list[Asking]:
    with world.sessions() as session:
        return list(session.scalars(select(Asking).order_by(Asking.position, Asking.id)))


def test_each_part_is_a_question_of_its_own_and_no_word_is_lost(world: World, jeanne: Staff) -> None:
    number = asked(world, SAID)
    assert split(world, number, [3, 5], jeanne) == [number, number + 1, number + 2]
    made = askings(world)
    assert [one.text for one in made] == [
        "Bonjour,\n\n1. Où en est le budget ?",
        "2. Quand vient l’assemblée ?",
        "3. Et les statuts ?",
    ]
    assert [one.position for one in made] == [0, 1, 2]
    assert len({(one.inbound_message_id, one.contact_id, one.asked_at, one.matched_by) for one in made}) == 1
    with world.sessions() as session:
        assert session.scalars(select(InboundMessage.reply)).one() == SAID, "the mail keeps the whole"
        assert {one.status for one in session.scalars(select(Question))} == {QuestionStatus.TO_SORT}
    assert found(world, "statuts") == [number + 2], "each is found by its own words"
    assert found(world, "budget") == [number]


def test_a_part_can_be_split_again_and_the_mail_read_again_opens_nothing(world: World, jeanne: Staff) -> None:
    number = asked(world, SAID)
    split(world, number, [5], jeanne)
    split(world, number, [3], jeanne, version=2)
    assert [one.position for one in askings(world)] == [0, 1, 2]
    with world.sessions.begin() as session:
        message = session.scalars(select(InboundMessage)).one()
        again = questions.open_from_mail(
            session, message, text=SAID, matched_by=MatchedBy.SENDER, contact_id=None, campaign_id=None, event_id=None,
            same_address=True, now=world.clock(),
        )  # fmt: skip
        assert again.askings[0].inbound_message_id == message.id
    assert len(askings(world)) == 3


def test_what_was_said_on_the_telephone_can_be_split_too(world: World, jeanne: Staff) -> None:
    with world.sessions.begin() as session:
        number = questions.open_by_hand(
            session,
            "Le budget ?\nLes statuts ?",
            channel=AskedBy.TELEPHONE,
            contact_id=None,
            by=jeanne,
            now=world.clock(),
        ).id
    made = split(world, number, [1], jeanne)
    with world.sessions() as session:
        assert {session.get_one(Question, one).status for one in made} == {QuestionStatus.TO_ANSWER}
    assert [one.text for one in askings(world)] == ["Le budget ?", "Les statuts ?"]
    assert {one.channel for one in askings(world)} == {AskedBy.TELEPHONE}


def test_what_cannot_be_split_is_refused_whole(world: World, jeanne: Staff) -> None:
    number = asked(world, SAID)
    for starts in ([], [0], [99], [-1]):
        with pytest.raises(Refusal) as refused:
            split(world, number, starts, jeanne)
        assert refused.value.field == "debut"
    with pytest.raises(Overtaken):
        split(world, number, [3], jeanne, version=7)
    other = asked(world, "Une autre", from_address="x@ailleurs.example")
    with world.sessions.begin() as session:
        session.get_one(Question, other).askings[0].question_id = number
    with pytest.raises(Conflict, match="Plusieurs personnes"):
        split(world, number, [3], jeanne)
    with world.sessions.begin() as session:
        session.get_one(Question, number).status = QuestionStatus.PUBLISHED
    with pytest.raises(Conflict):
        split(world, number, [3], jeanne)
    assert len(askings(world)) == 2


def rejoin(world: World, number: int, by: Staff, version: int) -> None:
    with world.sessions.begin() as session:
        splitting.rejoin(session, number, hand(world, by, version))


def everything(world: World) -> list[tuple[object, ...]]:
    """All questions and who asked them, but the count of their changes."""
    with world.sessions() as session:
        return [
            (one.id, one.status, *((it.id, it.text, it.folded, it.position, it.asked_at) for it in one.askings))
            for one in session.scalars(select(Question).order_by(Question.id))
        ]


def test_a_split_is_undone_to_the_letter_and_once(world: World, jeanne: Staff) -> None:
    number = asked(world, f"\n{SAID}\n\n")
    before = everything(world)
    split(world, number, [3, 5], jeanne)
    for _ in range(2):
        rejoin(world, number, jeanne, version=2)
    assert everything(world) == before
    assert acts(world) == [("question.split", jeanne.id), ("question.rejoin", jeanne.id)]
    split(world, number, [3], jeanne, version=3)
    assert len(askings(world)) == 2, "it can be split anew"


def test_the_last_split_is_undone_first(world: World, jeanne: Staff) -> None:
    number = asked(world, SAID)
    before = everything(world)
    split(world, number, [5], jeanne)
    between = everything(world)
    split(world, number, [3], jeanne, version=2)
    rejoin(world, number, jeanne, version=3)
    assert everything(world) == between
    rejoin(world, number, jeanne, version=4)
    assert everything(world) == before


def test_what_the_team_did_with_a_part_is_not_lost_by_undoing_the_split(world: World, jeanne: Staff) -> None:
    other = asked(world, "Les statuts ?", from_address="b@ailleurs.example")

    def note(session: Session, part: int) -> None:
        questions.write_note(session, part, "Vu", by=session.merge(jeanne), now=world.clock())

    deeds: list[Callable[[Session, int], object]] = [
        note,
        lambda session, part: questions.accept(session, part, hand(world, jeanne)),
        lambda session, part: questions.assign(session, part, jeanne, hand(world, jeanne)),
        lambda session, part: merging.merge(session, {part: hand(world, jeanne), other: hand(world, jeanne)}),
        lambda session, part: splitting.split(session, part, [1], hand(world, jeanne)),
    ]
    for deed in deeds:
        number = asked(world, "Le budget ?\nLes comptes,\net les statuts ?")
        part = split(world, number, [1], jeanne)[1]
        with world.sessions.begin() as session:
            deed(session, part)
        before = everything(world)
        with pytest.raises(Conflict, match="déjà occupée"):
            rejoin(world, number, jeanne, version=2)
        assert everything(world) == before


def test_a_split_is_undone_by_who_has_seen_the_last_change_and_before_others_are_merged(
    world: World, jeanne: Staff
) -> None:
    number, other = asked(world, SAID), asked(world, "Le budget ?", from_address="b@ailleurs.example")
    split(world, number, [3], jeanne)
    with pytest.raises(Overtaken):
        rejoin(world, number, jeanne, version=1)
    with world.sessions.begin() as session:
        merging.merge(session, {number: hand(world, jeanne, 2), other: hand(world, jeanne)})
    with pytest.raises(Conflict, match="réunies à celle-ci"):
        rejoin(world, number, jeanne, version=3)
    with world.sessions.begin() as session:
        assert [one.askings[0].text for one in splitting.parts_of(session, number)] == [
            "2. Quand vient l’assemblée ?\n\n3. Et les statuts ?"
        ]


def test_of_two_who_undo_a_split_at_once_one_does_it(world: World, jeanne: Staff, boss: Staff) -> None:
    number = asked(world, SAID)
    before = everything(world)
    split(world, number, [3], jeanne)
    with ThreadPoolExecutor(2) as both:
        for done in [both.submit(rejoin, world, number, by, 2) for by in (jeanne, boss)]:
            done.result()
    assert everything(world) == before
    assert [act for act, _ in acts(world)] == ["question.split", "question.rejoin"]


@given(some.text("ab \n?éœ", max_size=60), some.sets(some.integers(-2, 20)))
def test_the_parts_hold_every_word_once_and_in_order(text: str, starts: set[int]) -> None:
    shared = splitting.parts(text, starts)
    assert " ".join(shared).split() == text.split()
    assert all(part.strip() == part != "" for part in shared)


def test_what_was_likely_asked_before_is_suggested(world: World, jeanne: Staff) -> None:
    first = asked(world, "Quelle place pour les sociétaires dans la nouvelle stratégie ?")
    asked(world, "Comment racheter mes parts sociales ?", from_address="x@ailleurs.example")
    put_away = asked(world, "La nouvelle stratégie, place aux sociétaires, merci !", from_address="y@ailleurs.example")
    again = asked(
        world, "La NOUVELLE strategie laisse-t-elle une place au sociétariat ?", from_address="z@ailleurs.example"
    )
    with world.sessions.begin() as session:
        questions.close(session, put_away, ClosedAs.THANKS, hand(world, jeanne))
    with world.sessions() as session:
        rows = list(session.scalars(select(Question).order_by(Question.id)))
        suggested = resemblances.among(session, rows)
        told = {number: [one.id for one in alike] for number, alike in suggested.items()}
    assert told[again] == [first]
    assert told[first] == [again]
    assert told[put_away + 0] != []
    assert sum(map(bool, told.values())) == 3, "the one on shares is like none"
