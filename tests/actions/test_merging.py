"""Several questions that ask the same become one with all who asked it, and each is itself again in one press, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from service.actions import answers, merging, questions, splitting
from service.actions.merging import Apart, Merged
from service.actions.questions import Overtaken
from service.core.refusals import Conflict, NotFound, Refusal
from service.core.vocabulary import ClosedAs, QuestionStatus
from service.models.answer import Answer, AnswerLetter
from service.models.question import Asking, Question
from service.models.staff import Staff
from tests.actions.test_questions import acts, asked, found, hand, stands
from tests.builders import World


@pytest.fixture
def jeanne(world: World) -> Staff:
    return world.staff("Jeanne")


def three(world: World) -> list[int]:
    return [asked(world, f"Où en est le budget ? ({one})", from_address=f"{one}@ailleurs.example") for one in "abc"]


def merge(world: World, by: Staff, numbers: Sequence[int], **versions: int) -> Merged:
    with world.sessions.begin() as session:
        return merging.merge(session, {one: hand(world, by, versions.get(f"v{one}", 1)) for one in numbers})


def apart(world: World, by: Staff, number: int, version: int) -> None:
    with world.sessions.begin() as session:
        merging.take_apart(session, number, hand(world, by, version))


def askers(world: World, number: int) -> list[str]:
    with world.sessions() as session:
        return [one.from_address[:1] for one in session.get_one(Question, number).askings]


def everything(world: World) -> list[tuple[object, ...]]:
    """All that a question is, but the count of its changes and who made the last."""
    with world.sessions() as session:
        return [
            (
                *(one.id, one.status, one.theme_id, one.assigned_to, one.is_private, one.merged_into, one.created_at),
                *((it.id, it.text, it.contact_id, it.inbound_message_id, it.asked_at) for it in one.askings),
            )
            for one in session.scalars(select(Question).order_by(Question.id))
        ]


def test_one_question_holds_all_who_asked_it_and_every_word(world: World, jeanne: Staff) -> None:
    first, second, third = three(world)
    merged = merge(world, jeanne, [third, first, second])
    assert (merged.keeper.id, merged.gone, merged.refused) == (first, [second, third], {})
    assert askers(world, first) == ["a", "b", "c"]
    with world.sessions() as session:
        assert session.get_one(Question, first).askers == 3
        assert session.scalar(select(func.count()).select_from(Asking)) == 3
        assert questions.trays(session)[QuestionStatus.TO_SORT] == 1
        assert questions.waiting(session)[0] == 1
    assert found(world, "(c)") == [first], "it is found by the words of each"
    assert found(world, "b@ailleurs") == [first]
    assert acts(world) == [(f"question.{act}", jeanne.id) for act in ("merge", "merge", "merge_keep")]


def test_each_is_itself_again_as_it_was(world: World, jeanne: Staff) -> None:
    first, second, third = three(world)
    with world.sessions.begin() as session:
        questions.assign(session, second, jeanne, hand(world, jeanne))
    before = everything(world)
    merge(world, jeanne, [first, second, third], v2=2)
    apart(world, jeanne, third, version=2)
    assert askers(world, first) == ["a", "b"]
    apart(world, jeanne, second, version=3)
    assert everything(world) == before
    assert [act for act, _ in acts(world)][-2:] == ["question.take_apart", "question.let_go"]


def test_a_second_press_merges_nothing_more_and_undoes_nothing_more(world: World, jeanne: Staff) -> None:
    first, second, _ = three(world)
    merge(world, jeanne, [first, second])
    again = merge(world, jeanne, [first, second])
    assert (again.keeper.id, again.gone) == (first, [second])
    assert stands(world, first).version == 2
    apart(world, jeanne, second, version=2)
    apart(world, jeanne, second, version=2)
    assert (stands(world, first).version, askers(world, second)) == (3, ["b"])


def test_what_was_merged_before_comes_along_and_stays_together_when_that_is_undone(world: World, jeanne: Staff) -> None:
    first, second, third = three(world)
    merge(world, jeanne, [second, third])
    merge(world, jeanne, [first, second], v2=2)
    assert askers(world, first) == ["a", "b", "c"]
    with pytest.raises(Conflict, match="à son tour"):
        apart(world, jeanne, third, version=3)
    apart(world, jeanne, second, version=2)
    assert (askers(world, first), askers(world, second), askers(world, third)) == (["a"], ["b", "c"], [])
    apart(world, jeanne, third, version=4)
    assert askers(world, third) == ["c"]


def test_the_one_that_was_accepted_stays_and_its_first_asker_comes_first(world: World, jeanne: Staff) -> None:
    first, second, third = three(world)
    with world.sessions.begin() as session:
        questions.accept(session, third, hand(world, jeanne))
    merged = merge(world, jeanne, [first, second, third], v3=2)
    assert (merged.keeper.id, merged.keeper.status) == (third, QuestionStatus.TO_ANSWER)
    assert askers(world, third) == ["c", "a", "b"]


def test_one_that_somebody_changed_meanwhile_stays_apart_and_the_others_are_merged(
    world: World, jeanne: Staff, boss: Staff
) -> None:
    first, second, third = three(world)
    with world.sessions.begin() as session:
        questions.assign(session, second, boss, hand(world, boss))
    merged = merge(world, jeanne, [first, second, third])
    assert merged.gone == [third]
    told = merged.refused[second]
    assert isinstance(told, Overtaken)
    assert told.who == "Paul a"
    assert askers(world, second) == ["b"]


def test_what_cannot_be_merged_is_refused_whole(world: World, jeanne: Staff) -> None:
    first, second, third = three(world)
    with world.sessions.begin() as session:
        questions.close(session, second, ClosedAs.THANKS, hand(world, jeanne))
        questions.take_as_data_request(session, third, hand(world, jeanne))
    before = everything(world)
    for numbers, versions, said in (
        ([first], {}, "au moins deux"),
        ([first, 987], {}, "au moins deux"),
        ([first, second], {"v2": 2}, "ne le permet pas"),
        ([first, third], {"v3": 2}, "ses données"),
        ([first, second], {}, "Vous avez changé"),
    ):
        with pytest.raises(Refusal, match=said):
            merge(world, jeanne, numbers, **versions)
    private = asked(world, "En privé", from_address="d@ailleurs.example")
    with world.sessions.begin() as session:
        questions.keep_private(session, private, True, hand(world, jeanne))
    with pytest.raises(Conflict, match="jamais être publiée"):
        merge(world, jeanne, [first, private], **{f"v{private}": 2})
    assert everything(world)[:3] == before


def test_where_fewer_than_two_are_left_each_of_the_others_is_told(world: World, jeanne: Staff, boss: Staff) -> None:
    first, second, third = three(world)
    with world.sessions.begin() as session:
        for one in (second, third):
            questions.assign(session, one, boss, hand(world, boss))
    with pytest.raises(Apart) as apart:
        merge(world, jeanne, [first, second, third])
    assert list(apart.value.refused) == [second, third]
    assert askers(world, first) == ["a"]


def test_two_mails_of_one_person_are_one_person(world: World, jeanne: Staff) -> None:
    first, second = (asked(world, f"Le budget ? {one}", from_address="a@ailleurs.example") for one in "ab")
    other = asked(world, "Le budget ?", from_address="b@ailleurs.example")
    assert merge(world, jeanne, [first, second]).keeper.id == first
    with world.sessions() as session:
        assert session.get_one(Question, first).askers == 1
    merge(world, jeanne, [first, other], **{f"v{first}": 2})
    with world.sessions() as session:
        assert session.get_one(Question, first).askers == 2


def test_what_was_merged_away_takes_no_act_and_its_number_leads_to_the_other(world: World, jeanne: Staff) -> None:
    first, second, _ = three(world)
    merge(world, jeanne, [first, second])
    with world.sessions.begin() as session:
        assert questions.standing(session, second).id == first
        with pytest.raises(NotFound):
            questions.get(session, second)
        for version in (1, 2):
            with pytest.raises(Conflict, match="réunie à une autre"):
                questions.accept(session, second, hand(world, jeanne, version))
        with pytest.raises(Conflict):
            questions.write_note(session, second, "Une note", by=jeanne, now=world.clock())


def test_notes_and_words_begun_are_all_still_there(world: World, jeanne: Staff) -> None:
    first, second, _ = three(world)
    with world.sessions.begin() as session:
        for number in (first, second):
            questions.accept(session, number, hand(world, jeanne))
            answers.write(session, number, f"Réponse {number}", hand(world, jeanne, 2))
            questions.write_note(session, number, f"Note {number}", by=session.merge(jeanne), now=world.clock())
    merge(world, jeanne, [first, second], v1=3, v2=3)
    with world.sessions() as session:
        held = merging.whole(session, first)
        assert [note.text for one in held for note in one.notes] == ["Note 1", "Note 2"]
        assert [session.scalars(Answer.to(one.id)).one().text for one in held] == ["Réponse 1", "Réponse 2"]


def test_who_has_got_the_answer_is_not_taken_out_of_it(world: World, jeanne: Staff) -> None:
    first, second, third = three(world)
    merge(world, jeanne, [first, second, third])
    with world.sessions.begin() as session:
        questions.accept(session, first, hand(world, jeanne, 2))
        answer = answers.write(session, first, "Oui.", hand(world, jeanne, 3))
        answer.sent_at, answer.sent_by = world.clock(), jeanne.id
        session.add(AnswerLetter(answer_id=answer.id, asking_id=session.get_one(Question, first).askings[1].id))
    with pytest.raises(Conflict, match="déjà reçu la réponse"):
        apart(world, jeanne, second, version=4)
    apart(world, jeanne, third, version=4)
    assert askers(world, third) == ["c"]


def test_a_part_of_a_mail_that_was_split_is_merged_by_itself(world: World, jeanne: Staff) -> None:
    number, other = (
        asked(world, "Le budget ?\nLes statuts ?"),
        asked(world, "Les statuts ?", from_address="b@x.example"),
    )
    with world.sessions.begin() as session:
        part = splitting.split(session, number, [1], hand(world, jeanne))[1].id
    merge(world, jeanne, [part, other])
    assert askers(world, other) == ["b", "m"]
    assert askers(world, number) == ["m"]


def test_two_who_merge_the_same_at_the_same_moment_merge_it_once(world: World, jeanne: Staff, boss: Staff) -> None:
    first, second, third = three(world)

    def press(by: Staff, numbers: list[int]) -> object:
        try:
            return merge(world, by, numbers).keeper.id
        except Refusal as refusal:
            return type(refusal)

    with ThreadPoolExecutor(2) as both:
        one, other = both.submit(press, jeanne, [first, second]), both.submit(press, boss, [third, second])
    assert sorted(str(told.result()) for told in (one, other)) in (
        ["1", "<class 'service.actions.merging.Apart'>"],
        ["2", "<class 'service.actions.merging.Apart'>"],
    )
    with world.sessions() as session:
        assert session.scalar(select(func.count()).where(Question.merged_into.is_not(None))) == 1
