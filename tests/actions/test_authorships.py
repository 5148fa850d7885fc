"""A member whom only a From names is a proposal: one press says that he wrote, or that he did not, and takes it back (S3)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError

from service.actions import answers, authorships, merging, splitting
from service.actions.questions import Hand, Overtaken
from service.core.refusals import Conflict, Refusal
from service.core.vocabulary import MatchedBy, SenderCheck
from service.models.authorship import Authorship
from service.models.delivery import Delivery
from service.models.inbound_message import InboundMessage
from service.models.journal import JournalEntry
from service.models.member import Contact
from service.models.question import Asking, Question
from tests.actions.test_inbox import arrive, mail, token_address
from tests.actions.test_questions import asked
from tests.builders import World


@pytest.fixture
def house(world: World) -> World:
    world.mailing_list()
    world.members(2, "nouvelles")
    world.staff("Jeanne")
    world.staff("Paul")
    return world


def proposed(world: World, words: str = "Quelle place pour nous ?\nEt le budget ?") -> int:
    """A message that claims to be a member's, as read; gives its question."""
    number = asked(world, words)
    with world.sessions.begin() as session:
        (asking,) = session.get_one(Question, number).askings
        assert asking.inbound_message is not None
        asking.inbound_message.contact_id = asking.contact_id
        asking.inbound_message.matched_by = MatchedBy.SENDER
    return number


def say(world: World, number: int, theirs: bool | None, *, version: int = 1, by: int = 0) -> None:
    hand = Hand(world.colleagues()[by], version, world.clock())
    with world.sessions.begin() as session:
        message = session.get_one(Question, number).askings[0].inbound_message_id or 0
        if theirs is None:
            authorships.take_back(session, number, message, hand)
        else:
            authorships.say(session, number, message, theirs, hand)


def stands(world: World, number: int) -> tuple[int | None, int | None, bool]:
    """Who is taken for the author: of the message, of the asking, and whether as himself."""
    with world.sessions() as session:
        (asking,) = session.get_one(Question, number).askings
        assert asking.inbound_message is not None
        return asking.inbound_message.contact_id, asking.contact_id, asking.same_address


def who(world: World) -> int:
    with world.sessions() as session:
        return session.scalars(select(Contact.id).where(Contact.email == "membre0@exemple0.example")).one()


def acts(world: World) -> list[tuple[str, object]]:
    with world.sessions() as session:
        noted = session.scalars(select(JournalEntry).where(JournalEntry.act.like("question.author%")))
        return [(one.act, one.detail) for one in noted]


def test_he_is_confirmed_once_whatever_the_presses(house: World) -> None:
    number = proposed(house)
    for _ in range(2):
        say(house, number, True)
    assert stands(house, number) == (who(house), who(house), True)
    assert acts(house) == [("question.author", {"theirs": 1})]
    expected = (True, who(house), house.colleagues()[0].id)
    with house.sessions() as session:
        (said,) = session.scalars(select(Authorship))
        assert (said.is_theirs, said.contact_id, said.staff_id) == expected


def test_who_did_not_write_is_taken_for_the_author_no_more_and_his_address_is_not_answered(house: World) -> None:
    number = proposed(house)
    say(house, number, False)
    assert stands(house, number) == (None, None, False)
    with house.sessions() as session:
        assert not session.scalars(Asking.by_contacts([who(house)])).all()
        with pytest.raises(Refusal, match="Nous ne savons pas qui a écrit"):
            answers.recipient(session.get_one(Question, number).askings[0])


def test_it_is_taken_back_and_he_is_proposed_as_before(house: World) -> None:
    number = proposed(house)
    say(house, number, False)
    for _ in range(2):
        say(house, number, None, version=2)
    assert stands(house, number) == (who(house), who(house), True)
    say(house, number, True, version=3)
    say(house, number, None, version=4)
    assert stands(house, number) == (who(house), who(house), True)
    assert [act for act, _ in acts(house)] == ["question.author", "question.author_back"] * 2
    with house.sessions() as session:
        assert authorships.is_proposed(session.get_one(Question, number).askings[0])


def test_of_a_mail_that_was_split_it_is_said_once(house: World) -> None:
    number = proposed(house)
    hand = Hand(house.colleagues()[0], 1, house.clock())
    with house.sessions.begin() as session:
        first, other = splitting.split(session, number, [1], hand)
        numbers, version = (first.id, other.id), other.version
    say(house, numbers[1], False, version=version)
    assert stands(house, numbers[0]) == stands(house, numbers[1]) == (None, None, False)
    with house.sessions() as session:
        first_version = session.get_one(Question, numbers[0]).version
    say(house, numbers[0], None, version=first_version)
    assert stands(house, numbers[0]) == stands(house, numbers[1]) == (who(house), who(house), True)


def test_who_acts_on_what_another_has_said_is_told_so(house: World) -> None:
    number = proposed(house)
    say(house, number, True)
    with pytest.raises(Overtaken, match=r"Jeanne a changé|Vous avez changé"):
        say(house, number, False, by=1)
    with pytest.raises(Conflict, match="c’est déjà décidé"):
        say(house, number, False, version=2)
    assert stands(house, number)[0] == who(house)


@pytest.mark.parametrize("check", [SenderCheck.PASSED, SenderCheck.FAILED])
def test_nobody_is_proposed_where_a_domain_vouches_or_nobody_is_named(house: World, check: SenderCheck) -> None:
    number = proposed(house)
    with house.sessions.begin() as session:
        (asking,) = session.get_one(Question, number).askings
        assert asking.inbound_message is not None
        asking.inbound_message.sender_check = check
        if check is SenderCheck.FAILED:
            asking.contact_id, asking.same_address = None, False
    with pytest.raises(Conflict, match="Personne n’est proposé"):
        say(house, number, True)


def test_a_message_of_another_question_is_refused(house: World) -> None:
    mine, other = proposed(house), proposed(house)
    hand = Hand(house.colleagues()[0], 1, house.clock())
    with house.sessions.begin() as session:
        message = session.get_one(Question, other).askings[0].inbound_message_id or 0
        with pytest.raises(Conflict, match="n’est plus dans cette question"):
            authorships.say(session, mine, message, True, hand)


def test_a_copy_by_a_surer_way_says_more_than_the_team(world: World, sent: Delivery) -> None:
    """The copy that came by the address with the token is read later: whom that mail went to is the member again."""
    letter = mail(Message_ID="<twice@exemple1.example>")
    arrive(world, letter)
    with world.sessions() as session:
        number = session.scalars(select(Asking.question_id)).one()
    say(world, number, False)
    assert stands(world, number)[0] is None
    again = mail(Message_ID="<twice@exemple1.example>", To=token_address(world, sent))
    arrive(world, letter, again)
    contact, of_asking, same = stands(world, number)
    assert contact == of_asking is not None
    assert same
    with world.sessions() as session:
        assert not authorships.said_of(session, session.get_one(Question, number).askings)
    with pytest.raises(Conflict, match="plus rien à annuler"):
        say(world, number, None, version=2)


def test_of_two_who_press_at_once_one_is_heard(house: World) -> None:
    number = proposed(house)

    def press(by: int) -> str:
        try:
            say(house, number, by == 0, by=by)
        except Conflict as refusal:
            return type(refusal).__name__
        return "done"

    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(press, (0, 1))) == ["Overtaken", "done"]


def test_who_is_erased_is_proposed_no_more(house: World) -> None:
    number = proposed(house)
    say(house, number, False)
    with house.sessions.begin() as session:
        session.scalars(select(Authorship)).one().contact_id = None
    say(house, number, None, version=2)
    assert stands(house, number) == (None, None, False)


def test_of_a_mail_whose_parts_were_merged_again_it_is_said_of_each(house: World) -> None:
    number = proposed(house)
    hand = Hand(house.colleagues()[0], 1, house.clock())
    with house.sessions.begin() as session:
        first, other = splitting.split(session, number, [1], hand)
        merging.merge(session, {one.id: Hand(hand.by, one.version, hand.now) for one in (first, other)})
        version = first.version
    say(house, number, True, version=version)
    with house.sessions() as session:
        askings = session.get_one(Question, number).askings
        assert len(askings) == 2
        assert sorted(authorships.said_of(session, askings)) == sorted(one.id for one in askings)


def test_who_says_so_while_another_splits_the_mail_is_heard_first_or_told(house: World) -> None:
    number = proposed(house)

    def press(act: int) -> str:
        hand = Hand(house.colleagues()[act], 1, house.clock())
        try:
            if act:
                say(house, number, False)
            else:
                with house.sessions.begin() as session:
                    splitting.split(session, number, [1], hand)
        except Conflict as refusal:
            return type(refusal).__name__
        return "done"

    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(press, (0, 1))) == ["Overtaken", "done"]


@pytest.mark.parametrize("world", ["postgresql"], indirect=True)
def test_who_splits_a_question_takes_its_message_first(house: World) -> None:
    """The message and then the question, as whoever says who wrote: the other way round each waits for the other."""
    number = proposed(house)
    hand = Hand(house.colleagues()[0], 1, house.clock())
    held = []

    def look(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        """See, right before the question is locked, whether another can still have the message."""
        if "FROM question \n" not in statement or "FOR UPDATE" not in statement:
            return
        with house.sessions() as other:
            try:
                other.execute(select(InboundMessage.id).with_for_update(nowait=True))
            except OperationalError:
                held.append(True)
            else:
                held.append(False)

    event.listen(house.engine, "before_cursor_execute", look)
    try:
        with house.sessions.begin() as session:
            splitting.split(session, number, [1], hand)
    finally:
        event.remove(house.engine, "before_cursor_execute", look)
    assert held == [True]
