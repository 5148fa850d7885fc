"""The same mail in the mailbox twice: one question, whatever the servers on the two ways wrote above it (R8, I5)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial

import pytest
from sqlalchemy import func, select

from service import db
from service.actions import inbox, invariants, mailbox
from service.core.reading import content as contents
from service.core.vocabulary import InboundKind, InboundState, MatchedBy
from service.models.delivery import Delivery
from service.models.inbound_message import InboundMessage
from service.models.question import Question
from service.ports import Care, FetchedMessage, Given
from tests.actions.test_inbox import OURS, READER, Box, arrive, askings, mail, report, token_address
from tests.actions.test_races import _at_once, until_it_waits
from tests.builders import World

DATE = "Tue, 24 Nov 2026 14:00:00 +0100"


def by(way: str, raw: bytes) -> bytes:
    """The same mail, as it came by another way."""
    return f"Received: from {way}.example by imap.example; {DATE}\r\nDelivered-To: {way}@x.example\r\n".encode() + raw


def places(world: World) -> list[tuple[InboundState, int | None, bool]]:
    with world.sessions() as session:
        rows = session.scalars(select(InboundMessage).order_by(InboundMessage.id)).all()
        assert all(row.raw for row in rows if row.state is InboundState.TREATED), "both raws are kept"
        return [(row.state, row.copy_of, row.id_shared) for row in rows]


def nothing_is_broken(world: World) -> bool:
    with db.snapshot(world.sessions) as session:
        return all(told.ok for told in invariants.check(session) if told.name in ("I5", "I8"))


def test_r8_the_same_mail_by_two_ways_opens_one_question(world: World, sent: Delivery) -> None:
    arrive(world, mail(Date=DATE), by("un", mail(Date=DATE)), by("deux", mail(Date=DATE)).replace(b"\r\n", b"\n"))
    assert len(askings(world)) == 1
    assert places(world) == [(InboundState.TREATED, copied, False) for copied in (None, 1, 1)]
    assert nothing_is_broken(world)


@pytest.mark.parametrize("token_first", [True, False])
def test_r8_the_copy_that_carries_a_token_says_what_was_answered(
    world: World, sent: Delivery, token_first: bool
) -> None:
    plain, named = mail(Date=DATE), mail(Date=DATE)
    named = f"Delivered-To: {token_address(world, sent)}\r\n".encode() + named
    arrive(world, *([named, plain] if token_first else [plain, named]))
    (asking,) = askings(world)
    assert (asking.matched_by, asking.campaign_id, asking.contact_id) == (
        MatchedBy.TOKEN,
        sent.campaign_id,
        sent.contact_id,
    )
    with world.sessions() as session:
        assert session.get_one(Delivery, sent.id).answered_at is not None
        assert session.scalar(select(func.count(Question.id))) == 1
    assert nothing_is_broken(world)


def test_r8_a_copy_without_token_of_a_strangers_answer_is_no_mail_of_a_stranger(world: World, sent: Delivery) -> None:
    stranger = mail(Date=DATE, From="camille@ailleurs.example")
    arrive(world, f"Delivered-To: {token_address(world, sent)}\r\n".encode() + stranger, stranger)
    assert [state for state, _, _ in places(world)] == [InboundState.TREATED] * 2
    assert len(askings(world)) == 1


@pytest.mark.parametrize(
    "other",
    [
        mail("Je n’ai rien demandé.", Date=DATE),
        mail(Date=DATE, Subject="Une autre question"),
        mail(Date="Tue, 24 Nov 2026 15:00:00 +0100"),
        mail(Date=DATE, From="Jean <membre2@exemple2.example>"),
    ],
    ids=["words", "subject", "date", "author"],
)
def test_s3_another_content_under_the_same_message_id_is_kept_and_says_so(
    world: World, sent: Delivery, other: bytes
) -> None:
    arrive(world, mail(Date=DATE), other)
    assert len(askings(world)) == 2
    assert places(world) == [(InboundState.TREATED, None, False), (InboundState.TREATED, None, True)]
    assert nothing_is_broken(world)


def test_mails_without_message_id_and_date_are_copies_only_to_the_byte(world: World, sent: Delivery) -> None:
    bare = mail("Oui", Message_ID="")
    arrive(world, bare, by("un", bare), bare)
    assert len(askings(world)) == 2


class BoxOfLargeOnes(Box):
    """A mailbox that gives of each message its header alone."""

    def fetch_after(
        self, uid: int, *, limit: int = 3, since: datetime | None = None, care: Care = Care.TOGETHER
    ) -> Iterator[FetchedMessage]:
        for one in super().fetch_after(uid, limit=limit, since=since, care=care):
            yield replace(one, size=31_000_000, given=Given.TOO_LARGE)


@pytest.mark.parametrize("token_first", [True, False])
def test_r8_a_large_message_by_two_ways_opens_one_question(world: World, sent: Delivery, token_first: bool) -> None:
    plain = mail("", Date=DATE)
    named = f"Delivered-To: {token_address(world, sent)}\r\n".encode() + plain
    box = BoxOfLargeOnes()
    for header in [named, plain] if token_first else [plain, named]:
        box.put(header)
    for number in mailbox.collect(world.sessions, box, READER, "INBOX", now=world.clock):
        inbox.read(world.sessions, READER, number, now=world.clock)
    (asking,) = askings(world)
    assert (asking.matched_by, asking.contact_id) == (MatchedBy.TOKEN, sent.contact_id)
    assert nothing_is_broken(world)


def test_r8_a_report_that_came_twice_is_listed_once(world: World, sent: Delivery) -> None:
    came_back = b"Message-ID: <d1@relais.example>\r\n" + report(
        to=world.office.usual.returns.envelope_sender_for(sent.id)
    )
    arrive(world, came_back, by("un", came_back))
    with world.sessions() as session:
        (listed,) = session.scalars(InboundMessage.automatic()).all()
    assert (listed.kind, listed.copy_of) == (InboundKind.BOUNCE, None)
    assert world.figures(sent.campaign_id or 0).bounced == 1


def stored(world: World, *raws: bytes) -> list[int]:
    box = Box()
    for raw in raws:
        box.put(raw)
    return mailbox.collect(world.sessions, box, READER, "INBOX", now=world.clock)


def test_r8_a_copy_that_is_read_while_the_first_one_is_being_placed_waits_and_is_a_copy(
    world: World, sent: Delivery
) -> None:
    first, second = stored(world, mail(Date=DATE), by("un", mail(Date=DATE)))
    other = threading.Thread(target=inbox.read, args=(world.sessions, READER, second), kwargs={"now": world.clock})
    content = contents.understand(mail(Date=DATE), OURS)
    with world.sessions.begin() as session:
        inbox._place(session, READER, session.get_one(InboundMessage, first), content, None, now=world.clock())
        session.flush()
        other.start()
        until_it_waits(session, other)
    other.join()
    assert len(askings(world)) == 1
    assert [copied for _, copied, _ in places(world)] == [None, first]


def test_r8_of_four_copies_read_at_the_same_moment_one_opens_the_question(world: World, sent: Delivery) -> None:
    numbers = stored(world, *(by(way, mail(Date=DATE)) for way in ("un", "deux", "trois", "quatre")))
    readers: list[Callable[[], None]] = [partial(_read, world, number) for number in numbers]
    assert _at_once(*readers) == [None] * 4
    assert len(askings(world)) == 1
    assert sum(copied is None for _, copied, _ in places(world)) == 1
    assert nothing_is_broken(world)


def _read(world: World, number: int) -> None:
    inbox.read(world.sessions, READER, number, now=world.clock)
