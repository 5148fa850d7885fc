"""A stranger's mail that somebody of the team takes in: fetched anew, asked once, put away; or gone meanwhile (I5)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from service.actions import inbox, mailbox
from service.core.refusals import NotFound
from service.core.vocabulary import InboundKind, MailFolder, MatchedBy
from service.models.inbound_message import InboundMessage
from service.models.question import Asking
from service.models.staff import Staff
from tests.actions.test_filing import DONE, STRANGER, lying, put_away, read_all
from tests.actions.test_mailbox import nothing_is_broken
from tests.builders import World
from tests.parts.dovecot import DovecotServer, Postbox


@pytest.fixture
def left(world: World, dovecot: Postbox, author: Staff) -> int:
    """The number of a stranger's mail that lies in the mailbox."""
    dovecot.deliver(STRANGER)
    read_all(world, dovecot)
    with world.sessions() as session:
        return session.scalars(InboundMessage.other_mail()).one().id


def take_in(world: World, number: int, by: Staff) -> None:
    with world.sessions.begin() as session:
        mailbox.take_in(session, number, by=by, now=world.clock())


def test_what_is_taken_in_is_a_question_of_nobody_we_know_and_is_put_away(
    world: World, dovecot: Postbox, left: int, author: Staff
) -> None:
    assert put_away(world, dovecot) == 0
    world.clock.forward(days=3)
    take_in(world, left, author)
    assert nothing_is_broken(world)
    assert read_all(world, dovecot) == 1
    with world.sessions() as session:
        (asking,) = session.scalars(select(Asking))
        assert (asking.matched_by, asking.contact_id, asking.text.strip()) == (MatchedBy.STAFF, None, "pub ?")
        row = session.get_one(InboundMessage, left)
        assert (row.kind, row.subject) == (InboundKind.QUESTION, "pub")
    assert put_away(world, dovecot) == 1
    assert lying(dovecot) == {DONE: ["pub"]}
    with world.sessions() as session:
        assert session.get_one(InboundMessage, left).filed_in is MailFolder.DONE
        assert inbox.left_in_place(session) == 0
    with pytest.raises(NotFound):
        take_in(world, left, author)
    assert nothing_is_broken(world)


def test_r9_what_is_gone_when_it_is_fetched_is_listed_no_more(
    world: World, dovecot: Postbox, left: int, author: Staff
) -> None:
    take_in(world, left, author)
    dovecot.expunge(1)
    assert read_all(world, dovecot) == 0
    with world.sessions() as session:
        assert session.scalars(select(InboundMessage)).all() == []
    assert nothing_is_broken(world)


def test_r8_in_a_mailbox_that_was_made_anew_it_is_listed_once(
    world: World, dovecot: Postbox, left: int, dovecot_of_the_run: DovecotServer
) -> None:
    dovecot_of_the_run.renumber(dovecot)
    assert read_all(world, dovecot) == 1
    with world.sessions() as session:
        assert [row.subject for row in session.scalars(InboundMessage.other_mail())] == ["pub"]
        assert inbox.left_in_place(session) == 1


def test_p8_it_is_forgotten_after_a_month_and_stays_in_the_mailbox(world: World, dovecot: Postbox, left: int) -> None:
    world.clock.forward(days=30)
    assert forget(world) == 0
    world.clock.forward(seconds=1)
    assert (forget(world), forget(world)) == (1, 0)
    with world.sessions() as session:
        assert session.get(InboundMessage, left) is None
    assert lying(dovecot) == {"INBOX": ["pub"]}
    assert read_all(world, dovecot) == 0, "it is not read again"
    assert nothing_is_broken(world)


def test_p8_what_is_taken_in_or_is_ours_is_not_forgotten(
    world: World, dovecot: Postbox, left: int, author: Staff
) -> None:
    take_in(world, left, author)
    world.clock.forward(days=31)
    assert forget(world) == 0
    read_all(world, dovecot)
    world.clock.forward(days=31)
    assert forget(world) == 0
    with world.sessions() as session:
        assert session.scalars(select(Asking)).one().inbound_message_id == left


def forget(world: World) -> int:
    with world.sessions.begin() as session:
        return mailbox.forget_other_mail(session, now=world.clock())
