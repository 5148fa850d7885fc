"""The folders of a mailbox beside the inbox: the provider's junk, of which little is ours, and those that are named (I5)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from service.actions import inbox
from service.actions.rounds import JUNK, Rounds
from service.core import pacing
from service.core.vocabulary import InboundState
from service.gateways.imap import Account, ImapMailbox
from service.models.delivery import Delivery
from service.models.inbound_message import InboundMessage, MailboxCursor
from service.models.question import Asking
from tests.actions.test_filing import DONE, lying
from tests.actions.test_mailbox import READER, mail, nothing_is_broken
from tests.builders import World
from tests.parts.dovecot import WITH_JUNK, DovecotServer, Postbox, dovecot_server

HELD_BACK = "Quarantaine"


@pytest.fixture(scope="module")
def provider() -> Iterator[DovecotServer]:
    with dovecot_server(WITH_JUNK) as running:
        yield running


@pytest.fixture
def box(provider: DovecotServer) -> Postbox:
    return provider.fresh_postbox()


def rounds(world: World, *others: str) -> Rounds:
    return Rounds(world.sessions, READER, "INBOX", others, world.clock)


def go(world: World, box: Postbox, *others: str) -> list[InboundMessage]:
    """Look everywhere, and read what is new."""
    with ImapMailbox(Account(box.host, box.port, box.user, box.password, tls=False)) as line:
        found = rounds(world, *others).go(line, everywhere=True)
        # The folder that is waited for is the open one.
        box.deliver(mail("attendu"))
        assert line.wait(60)
        box.expunge(box.uids()[-1])
    read = [inbox.read(world.sessions, READER, number, now=world.clock) for number in found]
    return [row for row in read if row is not None]


def put_away(world: World, box: Postbox, *others: str) -> None:
    assert rounds(world, *others).is_something_to_put_away()
    with ImapMailbox(Account(box.host, box.port, box.user, box.password, tls=False)) as line:
        rounds(world, *others).put_away(line)
    assert not rounds(world, *others).is_something_to_put_away()


def test_i5_only_what_answers_a_mail_of_ours_is_taken_from_the_junk(world: World, sent: Delivery, box: Postbox) -> None:
    token = f"To: {world.office.usual.returns.reply_to_for(sent.id)}\r\nSubject".encode()
    forged = token.replace(b"vie+", b"vie+a")
    thread = f"In-Reply-To: {sent.message_id}\r\nSubject".encode()
    for raw in (
        mail("jeton").replace(b"Subject", token),
        mail("fil").replace(b"Subject", thread),
        mail("faux").replace(b"Subject", forged),
        mail("sociétaire"),
        mail("pub").replace(b"membre1@exemple1", b"pub@ailleurs"),
        b"\0",
    ):
        box.deliver(raw, HELD_BACK)
    assert len(go(world, box, JUNK)) == 6
    put_away(world, box, JUNK)
    assert lying(box) == {HELD_BACK: ["", "faux", "pub", "sociétaire"], DONE: ["fil", "jeton"]}
    assert not [one for one in box.flags(HELD_BACK) if "Seen" in one]
    with world.sessions() as session:
        assert inbox.left_in_place(session) == 0
        assert len(session.scalars(select(Asking)).all()) == 2
        left = session.scalars(select(InboundMessage).where(InboundMessage.state == InboundState.LEFT_IN_PLACE)).all()
        assert [(row.from_junk, row.raw, row.from_address) for row in left] == [(True, None, "")] * 4
    assert go(world, box, JUNK) == []
    assert nothing_is_broken(world)


def test_junk_that_ends_its_reading_again_and_again_is_shown_to_nobody(
    world: World, sent: Delivery, box: Postbox
) -> None:
    box.deliver(mail("mortel"), HELD_BACK)
    with ImapMailbox(Account(box.host, box.port, box.user, box.password, tls=False)) as line:
        (number,) = rounds(world, JUNK).go(line, everywhere=True)
    with world.sessions.begin() as session:
        session.get_one(InboundMessage, number).attempts = pacing.MOST_READINGS
    row = inbox.read(world.sessions, READER, number, now=world.clock)
    assert row is not None
    assert (row.state, row.raw) == (InboundState.LEFT_IN_PLACE, None)
    assert nothing_is_broken(world)


def test_each_folder_has_a_cursor_of_its_own_and_one_that_is_missing_keeps_back_no_other(
    world: World, sent: Delivery, box: Postbox
) -> None:
    box.deliver(mail("déplacé"))
    with ImapMailbox(Account(box.host, box.port, box.user, box.password, tls=False)) as line:
        line.select("INBOX")
        line.move([1], "Forum")
    box.deliver(mail("direct"))
    others = "Nulle part", "Forum", "INBOX", "Forum"
    assert sorted(row.subject for row in go(world, box, *others)) == ["direct", "déplacé"]
    with world.sessions() as session:
        assert sorted((one.folder, one.last_uid) for one in session.scalars(select(MailboxCursor))) == [
            ("Forum", 1),
            ("INBOX", 2),
        ]
    with ImapMailbox(Account(box.host, box.port, box.user, box.password, tls=False)) as line:
        assert rounds(world, *others).go(line, everywhere=False) == []
    assert lying(box) == {"Forum": ["déplacé"], DONE: ["direct"]}
    assert go(world, box, *others) == []
    assert lying(box) == {DONE: ["direct", "déplacé"]}
    assert nothing_is_broken(world)


def test_a_mailbox_without_a_folder_for_junk_is_read_all_the_same(
    world: World, sent: Delivery, dovecot: Postbox
) -> None:
    dovecot.deliver(mail("direct"))
    assert [row.subject for row in go(world, dovecot, JUNK)] == ["direct"]
