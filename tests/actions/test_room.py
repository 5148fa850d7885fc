"""How full the mailbox is: asked of a real server once an hour, told from 80 % on, and never a word where none tells."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from service.actions import room
from service.actions.rounds import Rounds
from service.gateways.imap import Account, ImapMailbox
from service.models.inbound_message import MailboxRoom
from tests.actions.test_mailbox import READER
from tests.builders import World
from tests.parts.dovecot import WITH_QUOTA, DovecotServer, Postbox, dovecot_server
from tests.parts.scripted_imap import USUAL, scripted_server


@pytest.fixture(scope="module")
def narrow() -> Iterator[DovecotServer]:
    """A server that gives each mailbox 100 kB."""
    with dovecot_server(WITH_QUOTA) as running:
        yield running


def look(world: World, box: Postbox) -> None:
    with ImapMailbox(Account(box.host, box.port, box.user, box.password, tls=False)) as line:
        Rounds(world.sessions, READER, "INBOX", (), world.clock).go(line, everywhere=True)


def told(world: World) -> list[int]:
    with world.sessions() as session:
        return [box.percent for box in room.nearly_full(session, [READER.account])]


def known(world: World) -> list[int]:
    with world.sessions() as session:
        return list(session.scalars(select(MailboxRoom.percent)))


def test_a_mailbox_is_told_from_80_percent_on_and_asked_once_an_hour(world: World, narrow: DovecotServer) -> None:
    box = narrow.fresh_postbox()
    box.deliver(b"Subject: 1\r\n\r\n" + b"x" * 79_000)
    look(world, box)
    assert (len(known(world)), told(world)) == (1, [])
    box.deliver(b"Subject: 2\r\n\r\n" + b"x" * 9_000)
    world.clock.forward(minutes=59)
    look(world, box)
    assert told(world) == []
    world.clock.forward(minutes=1)
    look(world, box)
    (percent,) = told(world)
    assert 80 <= percent < 100
    box.expunge(1)
    world.clock.forward(hours=1)
    look(world, box)
    assert told(world) == []
    with world.sessions() as session:
        assert room.nearly_full(session, ["another@imap"]) == []


def test_a_server_without_quota_is_silent_and_what_another_one_said_is_forgotten(
    world: World, narrow: DovecotServer, dovecot: Postbox
) -> None:
    look(world, dovecot)
    assert known(world) == []
    full = narrow.fresh_postbox()
    full.deliver(b"Subject: 1\r\n\r\n" + b"x" * 90_000)
    look(world, full)
    assert len(told(world)) == 1
    world.clock.forward(hours=1)
    look(world, dovecot)
    assert known(world) == []


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"{tag} NO not for you\r\n", id="refused"),
        pytest.param(b"* QUOTAROOT INBOX\r\n{tag} OK done\r\n", id="no root"),
        pytest.param(b'* QUOTAROOT INBOX ""\r\n* QUOTA "" ()\r\n{tag} OK done\r\n', id="no limit"),
        pytest.param(b'* QUOTAROOT INBOX ""\r\n* QUOTA "" (STORAGE 5 0)\r\n{tag} OK done\r\n', id="a limit of nothing"),
    ],
)
def test_a_server_that_promises_to_tell_and_does_not_is_silent_too(answer: bytes) -> None:
    offers = USUAL[b"LOGIN"]
    assert isinstance(offers, bytes)
    with (
        scripted_server(LOGIN=offers.replace(b"IDLE", b"IDLE QUOTA"), GETQUOTAROOT=answer) as port,
        ImapMailbox(Account("127.0.0.1", port, "vie", "secret", tls=False)) as line,
    ):
        assert line.fullness() is None
