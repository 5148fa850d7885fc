"""A message that ends whoever reads it is tried a few times, then set aside and shown; it holds back no other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text

from service.actions import inbox
from service.actions.mailbox import Reader
from service.core import pacing
from service.core.reading import headers, parsing
from service.core.reading.ours import Ours
from service.core.reading.parsing import Message
from service.core.vocabulary import InboundKind, InboundState, QuestionStatus
from service.models.delivery import Delivery
from service.models.inbound_message import InboundMessage
from service.models.question import Question
from tests.builders import SECRET, World
from tests.parts import await_that

READER = Reader(
    "vie@imap",
    Ours(frozenset({"vie@passerelles.example"}), frozenset({"passerelles.example"})),
    SECRET,
    ZoneInfo("UTC"),
)
DEADLY = b"From: membre1@exemple1.example\r\nSubject: Re: Bonjour\r\n\r\nDEADLY\r\n"
IDENTIFIED = b"Message-ID: <d@exemple1.example>\r\nDate: Tue, 24 Nov 2026 14:00:00 +0100\r\n" + DEADLY
HARMLESS = b"From: membre1@exemple1.example\r\nSubject: Une question\r\n\r\nQuand est le RDV ?\r\n"


@pytest.fixture
def stumbling(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that one message brings down, as a fault of ours would."""
    parse = parsing.parse

    def stumble(raw: bytes) -> Message:
        if b"DEADLY" in raw:
            raise RuntimeError("a fault of ours")
        return parse(raw)

    monkeypatch.setattr(parsing, "parse", stumble)


def store(world: World, raw: bytes, *, uidvalidity: int = 7) -> int:
    with world.sessions.begin() as session:
        row = InboundMessage(
            account="vie@imap", folder="INBOX", uidvalidity=uidvalidity, uid=len(raw),
            received_at=world.clock(), stored_at=world.clock(), size=len(raw), raw=raw,
            sha256=hashlib.sha256(raw).hexdigest(), state=InboundState.STORED, rung_at=world.clock(),
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id


def row_of(world: World, number: int) -> InboundMessage:
    with world.sessions() as session:
        row = session.get_one(InboundMessage, number)
        assert row.raw is not None
        return row


def rung(world: World) -> list[int]:
    """What the clock would ring for now."""
    with world.sessions() as session:
        return [row.id for row in inbox.waiting(session, now=world.clock())]


def read(world: World, number: int) -> InboundMessage | None:
    return inbox.read(world.sessions, READER, number, now=world.clock)


def die(world: World, number: int) -> None:
    """Let one attempt end in a fault."""
    with pytest.raises(RuntimeError):
        read(world, number)


def give_up(world: World, number: int) -> InboundMessage:
    """Let every attempt end in a fault, each when its pause is over, then read once more."""
    for _ in range(pacing.MOST_READINGS):
        die(world, number)
        world.clock.forward(hours=1)
    row = read(world, number)
    assert row is not None
    return row


@pytest.mark.usefixtures("stumbling")
def test_an_attempt_that_dies_was_counted_before_it_began(world: World) -> None:
    number = store(world, DEADLY)
    die(world, number)
    row = row_of(world, number)
    assert (row.state, row.attempts) == (InboundState.STORED, 1)
    assert row.next_attempt_at == world.clock() + timedelta(minutes=5)


@pytest.mark.usefixtures("stumbling")
def test_nobody_tries_again_before_the_pause_is_over_and_each_pause_is_longer(world: World) -> None:
    number = store(world, DEADLY)
    pauses = []
    for _ in range(pacing.MOST_READINGS - 1):
        began = world.clock()
        die(world, number)
        assert read(world, number) is None
        while not rung(world):
            world.clock.forward(minutes=1)
        pauses.append(world.clock() - began)
    assert pauses == sorted(set(pauses))
    assert pauses[0] > timedelta(minutes=3)


@pytest.mark.usefixtures("stumbling")
def test_after_the_last_attempt_the_message_is_set_aside_whole_and_shown(world: World) -> None:
    number = store(world, DEADLY)
    row = give_up(world, number)
    assert (row.state, row.kind) == (InboundState.TREATED, InboundKind.UNREADABLE)
    assert "Sa lecture s’est arrêtée plusieurs fois." in row.reason
    assert row_of(world, number).raw == DEADLY
    with world.sessions() as session:
        (question,) = session.scalars(select(Question)).all()
        assert question.status is QuestionStatus.TO_SORT
        assert question.askings[0].inbound_message_id == number


@pytest.mark.usefixtures("stumbling")
def test_what_was_set_aside_is_never_rung_nor_read_again(world: World) -> None:
    number = store(world, DEADLY)
    give_up(world, number)
    world.clock.forward(days=30)
    assert rung(world) == []
    assert read(world, number) is None
    assert row_of(world, number).attempts == pacing.MOST_READINGS


@pytest.mark.usefixtures("stumbling")
def test_the_next_message_is_read_though_the_first_one_dies(world: World) -> None:
    deadly, harmless = store(world, DEADLY), store(world, HARMLESS)
    world.clock.forward(minutes=2)
    assert rung(world) == [deadly, harmless]
    die(world, deadly)
    read(world, harmless)
    assert row_of(world, deadly).state is InboundState.STORED
    with world.sessions() as session:
        assert session.get_one(InboundMessage, harmless).state is InboundState.LEFT_IN_PLACE
    assert rung(world) == []


@pytest.mark.usefixtures("stumbling")
def test_the_same_bytes_set_aside_twice_are_shown_once(world: World) -> None:
    give_up(world, store(world, DEADLY))
    give_up(world, store(world, DEADLY, uidvalidity=8))
    with world.sessions() as session:
        assert len(session.scalars(select(Question)).all()) == 1


@pytest.mark.usefixtures("stumbling")
def test_r8_a_message_set_aside_by_two_ways_is_shown_once(world: World) -> None:
    """One copy went to the address with the token, the other to the inbox: their ways differ, what was written does not."""
    for way in (b"jeton", b"la-boite"):
        give_up(world, store(world, b"Received: from " + way + b".example; x\r\n" + IDENTIFIED))
    with world.sessions() as session:
        assert len(session.scalars(select(Question)).all()) == 1
        assert [row.copy_of for row in session.scalars(select(InboundMessage).order_by(InboundMessage.id))] == [None, 1]


@pytest.mark.usefixtures("stumbling")
def test_s3_another_message_set_aside_under_the_same_message_id_is_shown_too(world: World) -> None:
    give_up(world, store(world, IDENTIFIED))
    give_up(world, store(world, IDENTIFIED.replace(b"DEADLY", b"DEADLY, but otherwise")))
    with world.sessions() as session:
        assert len(session.scalars(select(Question)).all()) == 2


def test_r8_a_copy_that_cannot_be_read_of_one_that_was_is_no_second_question(
    world: World, sent: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read(world, store(world, IDENTIFIED)) is not None
    monkeypatch.setattr(parsing, "parse", _fail)
    give_up(world, store(world, b"Received: from ailleurs.example; x\r\n" + IDENTIFIED))
    with world.sessions() as session:
        (question,) = session.scalars(select(Question)).all()
        assert question.askings[0].text.strip() == "DEADLY", "the words that were read are the ones shown"


def test_r8_a_copy_that_is_read_after_all_is_shown_with_its_words(
    world: World, sent: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(parsing, "parse", _fail)
        give_up(world, store(world, IDENTIFIED))
    assert read(world, store(world, b"Received: from ailleurs.example; x\r\n" + IDENTIFIED)) is not None
    with world.sessions() as session:
        said = [one.askings[0].text.strip() for one in session.scalars(select(Question).order_by(Question.id))]
    assert said == ["", "DEADLY"], "no word is hidden behind what could not be read"


@pytest.mark.usefixtures("stumbling")
def test_a_header_that_ends_who_looks_at_it_is_looked_at_once_and_known_by_its_bytes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = store(world, IDENTIFIED)
    for _ in range(pacing.MOST_READINGS):
        die(world, number)
        world.clock.forward(hours=1)
    monkeypatch.setattr(headers, "split", _fail)
    die(world, number)
    assert read(world, number) is None, "its pause is not over"
    world.clock.forward(hours=1)
    row = read(world, number)
    assert row is not None
    assert (row.state, row.kind) == (InboundState.TREATED, InboundKind.UNREADABLE)


def _fail(*_: object) -> Message:
    raise RuntimeError("a fault of ours")


def test_a_message_that_is_read_at_once_counts_one_attempt(world: World) -> None:
    number = store(world, HARMLESS)
    assert read(world, number) is not None
    assert read(world, number) is None
    with world.sessions() as session:
        assert session.get_one(InboundMessage, number).attempts == 1


def test_a_message_that_another_worker_looks_at_while_it_is_read_is_put_in_its_place_all_the_same(world: World) -> None:
    # Who looks for the oldest that waits locks the row of one that has just been taken, sees that, and lets it go.
    number = store(world, HARMLESS)
    another = world.sessions()

    @contextmanager
    def looked_at() -> Iterator[None]:
        yield
        another.execute(select(InboundMessage.id).where(InboundMessage.id == number).with_for_update())
        if world.engine.dialect.name == "sqlite":
            another.rollback()

    with ThreadPoolExecutor(1) as aside:
        reading = aside.submit(inbox.read, world.sessions, READER, number, now=world.clock, within=looked_at)
        if world.engine.dialect.name == "postgresql":
            waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            with world.sessions() as session:
                await_that(lambda: reading.done() or session.scalar(waiting), "the reader waits for the other")
        another.rollback()
        row = reading.result()
    assert row is not None
    assert row.state is not InboundState.STORED
