"""From a folder of a real server into the database: what cannot be fetched is not lost, and keeps back nothing (I5)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from service import db
from service.actions import inbox, invariants, mailbox
from service.core import pacing
from service.core.vocabulary import InboundKind, InboundState
from service.gateways.imap import Account, ImapMailbox
from service.models.inbound_message import InboundMessage, MailboxCursor
from service.models.question import Asking
from service.ports import FetchedMessage
from tests.builders import World
from tests.parts import await_that
from tests.parts.dovecot import DovecotServer, Postbox
from tests.parts.reading import reader_of

READER = reader_of("vie@imap")


def mail(word: str) -> bytes:
    return f"From: membre1@exemple1.example\r\nSubject: {word}\r\nMessage-ID: <{word}@x.example>\r\n\r\n{word} ?\r\n".encode()


def collect(world: World, box: Postbox) -> list[int]:
    """One line to the mailbox, from the login to the end or to its death."""
    with ImapMailbox(Account(box.host, box.port, box.user, box.password, tls=False)) as line:
        return mailbox.collect(world.sessions, line, READER, "INBOX", now=world.clock)


def collect_however_often(world: World, box: Postbox) -> int:
    """As the process does, which connects again; return how many lines died."""
    for died in range(10):
        try:
            collect(world, box)
        except ConnectionError:
            continue
        return died
    raise AssertionError("the line died ten times")


def rows(world: World) -> dict[int, InboundState]:
    with world.sessions() as session:
        return {row.uid: row.state for row in session.scalars(select(InboundMessage))}


def shown(world: World) -> list[int]:
    with world.sessions() as session:
        return [row.uid for row in mailbox.unread_for_a_day(session, now=world.clock())]


def nothing_is_broken(world: World) -> bool:
    with db.snapshot(world.sessions) as session:
        return all(check.ok for check in invariants.check(session))


@pytest.fixture
def three(world: World, dovecot: Postbox) -> Postbox:
    world.mailing_list()
    world.members(3, "nouvelles")
    for word in ("premier", "second", "dernier"):
        dovecot.deliver(mail(word))
    return dovecot


STORED, MISSED = InboundState.STORED, InboundState.MISSED


def test_i5_a_message_is_stored_once_however_often_it_is_looked_at(world: World, three: Postbox) -> None:
    assert [len(collect(world, three)) for _ in range(2)] == [3, 0]


def test_i5_r7_a_message_that_ends_the_line_is_missed_after_some_and_the_others_are_stored(
    world: World, three: Postbox, dovecot_of_the_run: DovecotServer
) -> None:
    with dovecot_of_the_run.unreadable(three, b"second"):
        # All together once, then the second alone three times.
        assert collect_however_often(world, three) == 4
        assert rows(world) == {1: STORED, 2: MISSED, 3: STORED}
        assert nothing_is_broken(world)
        three.deliver(mail("nouveau"))
        assert collect_however_often(world, three) == 0
    assert rows(world)[4] is STORED


def test_i5_what_was_missed_is_read_once_it_is_given(
    world: World, three: Postbox, dovecot_of_the_run: DovecotServer
) -> None:
    with dovecot_of_the_run.unreadable(three, b"second"):
        collect_however_often(world, three)
    assert collect(world, three) == []
    with world.sessions() as session:
        assert mailbox.next_asking(session, READER, "INBOX", now=world.clock()) == timedelta(minutes=1)
        # Of another folder, which is looked at more rarely, the inbox does not hurry for the sake of this one.
        assert mailbox.next_asking(session, READER, "Forum", now=world.clock()) is None
    world.clock.forward(minutes=1)
    (number,) = collect(world, three)
    row = inbox.read(world.sessions, READER, number, now=world.clock)
    assert row is not None
    assert (row.uid, row.subject, row.size, row.attempts) == (2, "second", len(mail("second")), 1)
    world.clock.forward(hours=9)
    assert collect(world, three) == []
    assert nothing_is_broken(world)


def test_i5_what_is_missed_for_a_day_is_shown_until_somebody_takes_it_away(
    world: World, three: Postbox, dovecot_of_the_run: DovecotServer
) -> None:
    began, pauses = world.clock(), []
    with dovecot_of_the_run.unreadable(three, b"second"):
        collect_however_often(world, three)
        while not shown(world):
            with world.sessions() as session:
                pause = mailbox.next_asking(session, READER, "INBOX", now=world.clock())
            assert pause is not None
            pauses.append(pause)
            world.clock.forward(seconds=pause.total_seconds())
            with pytest.raises(ConnectionError):
                collect(world, three)
        assert world.clock() - began >= pacing.SHOWN_AS_MISSED_AFTER
        assert pauses == sorted(pauses)
        assert len(pauses) < 20
        assert shown(world) == [2]
        three.expunge(2)
    world.clock.forward(hours=2)
    assert collect(world, three) == []
    assert (shown(world), rows(world)) == ([], {1: STORED, 3: STORED})


def test_i5_a_message_that_is_too_large_is_told_by_its_header_and_a_strangers_is_left_in_place(
    world: World, dovecot: Postbox
) -> None:
    world.mailing_list()
    world.members(3, "nouvelles")
    heavy = b"x" * 3000
    absent = mail("absence").replace(b"Subject", b"Auto-Submitted: auto-replied\r\nSubject") + heavy
    stranger = mail("pub").replace(b"membre1@exemple1", b"pub@ailleurs")
    for raw in (mail("bilan") + heavy, stranger + heavy, absent, b"Subject: " + heavy):
        dovecot.deliver(raw)
    line = Account(dovecot.host, dovecot.port, dovecot.user, dovecot.password, tls=False)
    with ImapMailbox(line, max_size=2000) as box:
        found = mailbox.collect(world.sessions, box, READER, "INBOX", now=world.clock)
    told = [inbox.read(world.sessions, READER, number, now=world.clock) for number in found]
    assert [(row.kind, row.state) for row in told if row] == [
        (InboundKind.UNREADABLE, InboundState.TREATED),
        (InboundKind.UNREADABLE, InboundState.LEFT_IN_PLACE),
        (InboundKind.AUTO_REPLY, InboundState.TREATED),
        (InboundKind.UNREADABLE, InboundState.LEFT_IN_PLACE),
    ]
    with world.sessions() as session:
        (asking,) = session.scalars(select(Asking))
        row = asking.inbound_message
        assert row is not None
        assert (row.from_address, row.subject, row.head_only) == ("membre1@exemple1.example", "bilan", True)
        assert asking.contact_id is not None
        assert "trop lourd" in row.reason
    assert nothing_is_broken(world)


def test_r8_what_was_missed_is_looked_at_anew_where_the_folder_was_made_anew(
    world: World, three: Postbox, dovecot_of_the_run: DovecotServer
) -> None:
    with dovecot_of_the_run.unreadable(three, b"second"):
        collect_however_often(world, three)
    with world.sessions.begin() as session:
        session.scalars(select(MailboxCursor)).one().uidvalidity -= 1
    collect(world, three)
    assert rows(world) == {1: STORED, 2: STORED, 3: STORED}
    assert nothing_is_broken(world)


def test_two_processes_that_begin_with_a_folder_at_once_share_its_cursor(world: World) -> None:
    def begin() -> int:
        with world.sessions.begin() as session:
            return mailbox._cursor(session, "vie@imap", "INBOX", 7, now=world.clock()).id

    with ThreadPoolExecutor(1) as other:
        with world.sessions.begin() as session:
            first = mailbox._cursor(session, "vie@imap", "INBOX", 7, now=world.clock()).id
            second = other.submit(begin)
            if world.engine.dialect.name == "postgresql":
                await_that(lambda: waits_for_a_lock(world), "the second one waits for the first")
        assert second.result(30) == first


def waits_for_a_lock(world: World) -> bool:
    with world.engine.connect() as line:
        return bool(line.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


@pytest.mark.parametrize("act", ["reads", "moves", "deletes"])
def test_r9_what_somebody_does_between_the_search_and_the_fetch_is_no_error(
    world: World, dovecot: Postbox, act: str
) -> None:
    # Large enough for a group each: the second is asked for when the first was given.
    for word in ("premier", "second", "dernier"):
        dovecot.deliver(mail(word) + b"x" * 4_000_000)

    class Shared(ImapMailbox):
        """A mailbox in which somebody does something to the second message once the first was fetched."""

        def fetch_after(self, uid: int, **how: Any) -> Iterator[FetchedMessage]:
            for fetched in super().fetch_after(uid, **how):
                yield fetched
                if fetched.uid == 1:
                    somebody(act, dovecot)

    with Shared(Account(dovecot.host, dovecot.port, dovecot.user, dovecot.password, tls=False)) as line:
        mailbox.collect(world.sessions, line, READER, "INBOX", now=world.clock)
    assert rows(world) == {1: STORED, 3: STORED} | ({2: STORED} if act == "reads" else {})
    assert nothing_is_broken(world)


def somebody(act: str, box: Postbox) -> None:
    """Do something to the second message as a person does in his own mail program."""
    if act == "deletes":
        box.expunge(2)
    elif act == "reads":
        box.open(2)
    else:
        with ImapMailbox(Account(box.host, box.port, box.user, box.password, tls=False)) as line:
            line.select("INBOX")
            line.move([2], "Archives")


def test_r9_a_gap_is_passed_over_and_stored_nowhere(world: World, three: Postbox) -> None:
    three.expunge(2)
    collect(world, three)
    assert rows(world) == {1: STORED, 3: STORED}
    assert nothing_is_broken(world)
