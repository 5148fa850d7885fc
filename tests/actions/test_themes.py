"""The themes of the questions, on both databases: a short list without doubles, one theme a question."""

from __future__ import annotations

import pytest

from service.actions import merging, questions, themes
from service.actions.questions import Overtaken
from service.core.refusals import Conflict, NotFound, Refusal
from service.core.vocabulary import QuestionStatus
from service.models.question import Question
from service.models.staff import Staff
from tests.actions.test_questions import asked, hand
from tests.builders import World


@pytest.fixture
def jeanne(world: World) -> Staff:
    return world.staff("Jeanne")


def added(world: World, name: str, by: Staff) -> int:
    with world.sessions.begin() as session:
        return themes.add(session, name, by=by, now=world.clock()).id


def named(world: World) -> list[str]:
    with world.sessions() as session:
        return [one.name for one in themes.everything(session)]


def given(world: World, question: int, theme: int | None, by: Staff, version: int = 1) -> None:
    with world.sessions.begin() as session:
        themes.give(session, question, theme, hand(world, by, version))


def test_the_list_is_alphabetical_and_holds_no_theme_twice(world: World, jeanne: Staff) -> None:
    for name in (" Stratégie ", "Écologie", "finances"):
        added(world, name, jeanne)
    assert named(world) == ["Écologie", "finances", "Stratégie"]
    added(world, "Финансы", jeanne)
    for again in ("STRATEGIE", "stratégie", "écologie\n", "финансы"):
        with pytest.raises(Conflict, match="existe déjà"):
            added(world, again, jeanne)
    for wrong in ("", " ", "…", "x" * 81):
        with pytest.raises(Refusal) as refused:
            added(world, wrong, jeanne)
        assert refused.value.field == "nom"


def test_the_list_stays_short(world: World, jeanne: Staff) -> None:
    for number in range(themes.MOST):
        added(world, f"Thème {number}", jeanne)
    with pytest.raises(Refusal, match="déjà 30 thèmes"):
        added(world, "Un de trop", jeanne)


def test_a_theme_is_renamed_for_all_and_removed_only_where_no_question_has_it(world: World, jeanne: Staff) -> None:
    finances, other = added(world, "Finances", jeanne), added(world, "Autre", jeanne)
    question = asked(world)
    given(world, question, finances, jeanne)
    with world.sessions.begin() as session:
        themes.rename(session, finances, "finances", by=jeanne, now=world.clock())
        assert session.get_one(Question, question).theme is not None
        with pytest.raises(Conflict, match="Des questions ont le thème"):
            themes.remove(session, finances, by=jeanne, now=world.clock())
        with pytest.raises(Conflict):
            themes.rename(session, finances, "autre", by=jeanne, now=world.clock())
        themes.remove(session, other, by=jeanne, now=world.clock())
    assert named(world) == ["finances"]


def test_a_question_has_one_theme_or_none_and_the_queue_is_narrowed_to_it(world: World, jeanne: Staff) -> None:
    finances = added(world, "Finances", jeanne)
    question, other = asked(world, "Le budget ?"), asked(world, "Le budget aussi ?", from_address="x@ailleurs.example")
    given(world, question, finances, jeanne)
    given(world, question, finances, jeanne)  # twice is once
    with world.sessions() as session:
        narrowed = questions.matching(QuestionStatus.TO_SORT, "budget", theme_id=finances)
        assert [one.id for one in session.scalars(narrowed)] == [question]
        assert session.get_one(Question, question).version == 2
        assert themes.used(session) == {finances: 1}
    given(world, question, None, jeanne, version=2)
    with world.sessions() as session:
        assert session.get_one(Question, question).theme is None
    with pytest.raises(NotFound):
        given(world, other, 99, jeanne)
    with pytest.raises(Overtaken):
        given(world, other, finances, jeanne, version=9)


def test_what_was_merged_into_another_counts_there_alone_and_keeps_no_theme_on_the_list(
    world: World, jeanne: Staff
) -> None:
    finances, other = added(world, "Finances", jeanne), added(world, "Autre", jeanne)
    numbers = [asked(world, from_address=f"{one}@ailleurs.example") for one in range(3)]
    for number, theme in zip(numbers, (finances, finances, other), strict=True):
        given(world, number, theme, jeanne)
    with world.sessions.begin() as session:
        merging.merge(session, {one: hand(world, jeanne, 2) for one in numbers})
    with world.sessions.begin() as session:
        assert themes.used(session) == {finances: 1}
        themes.remove(session, other, by=jeanne, now=world.clock())
    assert named(world) == ["Finances"]
    with world.sessions.begin() as session:
        version = session.get_one(Question, numbers[0]).version
        apart = merging.take_apart(session, numbers[2], hand(world, jeanne, version))
        assert (apart.theme_id, apart.theme) == (None, None)
