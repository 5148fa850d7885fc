"""One act on several questions: each done or refused by itself, what was changed meanwhile is left and told, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from service.actions import batches, questions, themes
from service.actions.batches import Batch
from service.actions.questions import Hand, Overtaken
from service.core.refusals import Conflict, NotFound, Refusal
from service.core.vocabulary import ClosedAs, QuestionStatus
from service.models.staff import Staff
from tests.actions.test_merging import merge, three
from tests.actions.test_questions import acts, asked, hand, stands
from tests.builders import World


@pytest.fixture
def jeanne(world: World) -> Staff:
    return world.staff("Jeanne")


def thank(world: World, by: Staff, numbers: list[int]) -> Batch:
    with world.sessions.begin() as session:
        several = batches.hands(dict.fromkeys(numbers, 1), by=by, now=world.clock())
        return batches.each(session, several, lambda n, h: questions.close(session, n, ClosedAs.THANKS, h))


def test_each_is_done_and_has_its_line_in_the_journal(world: World, jeanne: Staff) -> None:
    numbers = three(world)
    assert thank(world, jeanne, numbers) == Batch(numbers)
    assert {stands(world, one).status for one in numbers} == {QuestionStatus.CLOSED}
    assert acts(world) == [("question.close", jeanne.id)] * 3


def test_what_was_changed_meanwhile_is_left_and_told_and_the_others_are_done(
    world: World, jeanne: Staff, boss: Staff
) -> None:
    first, second, third = three(world)
    with world.sessions.begin() as session:
        questions.assign(session, second, boss, hand(world, boss))
    batch = thank(world, jeanne, [first, second, third, 987])
    assert batch.done == [first, third]
    told = batch.refused[second]
    assert isinstance(told, Overtaken)
    assert told.who == "Paul a"
    assert isinstance(batch.refused[987], NotFound)
    assert (stands(world, second).status, stands(world, second).assigned_to) == (QuestionStatus.TO_SORT, boss.id)


def test_what_an_act_had_begun_before_it_refused_is_undone(world: World, jeanne: Staff) -> None:
    first, second, _ = three(world)

    def halfway(number: int, by: Hand) -> None:
        with_theme = themes.give(session, number, None, by)
        with_theme.closed_as = "other"
        session.flush()
        if number == first:
            raise Conflict("Non.")

    with world.sessions.begin() as session:
        several = batches.hands({first: 1, second: 1}, by=jeanne, now=world.clock())
        assert batches.each(session, several, halfway).done == [second]
    assert (stands(world, first).closed_as, stands(world, second).closed_as) == ("", "other")


def test_what_was_merged_away_meanwhile_is_told(world: World, jeanne: Staff) -> None:
    first, second, third = three(world)
    merge(world, jeanne, [first, second])
    batch = thank(world, jeanne, [second, third])
    assert batch.done == [third]
    assert "réunie à une autre" in batch.refused[second].sentence


def test_none_and_too_many_are_refused(world: World, jeanne: Staff) -> None:
    for numbers in ([], list(range(1, batches.MOST + 2))):
        with pytest.raises(Refusal) as refused:
            thank(world, jeanne, numbers)
        assert refused.value.field == "cochees"


def test_two_who_tick_the_same_at_once_wait_for_one_another_and_lose_nothing(
    world: World, jeanne: Staff, boss: Staff
) -> None:
    numbers = [asked(world, str(one), from_address=f"x{one}@ailleurs.example") for one in range(8)]
    with ThreadPoolExecutor(2) as both:
        one, other = both.submit(thank, world, jeanne, numbers), both.submit(thank, world, boss, numbers[::-1])
    # Whoever came second finds each of them put away already, as he wanted.
    assert (one.result().done, other.result().done) == (numbers, numbers)
    assert len(acts(world)) == 8
    assert len({who for _, who in acts(world)}) == 1, "one after the other, never one inside the other"
