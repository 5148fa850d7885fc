"""The line to a real server is cut at each command and in the middle of a body: all is stored, once (R7)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from service.actions import mailbox
from service.core.vocabulary import InboundState
from service.gateways.imap import Account, ImapMailbox
from service.models.inbound_message import InboundMessage
from tests.actions.test_mailbox import READER, nothing_is_broken
from tests.builders import World
from tests.parts.dovecot import Postbox
from tests.parts.imap_proxy import Cut, cut_line

MAILS = [b"Subject: %d\r\n\r\n" % number + b"x" * 1_000_000 + b"\r\n" for number in range(3)]


@pytest.mark.parametrize(
    ("command", "after"),
    [
        (b"LOGIN", 0),
        (b"SELECT", 0),
        (b"UID SEARCH", 0),
        (b"RFC822.SIZE", 0),
        (b"RFC822.SIZE", 40),
        (b"BODY.PEEK", 0),
        (b"BODY.PEEK", 500_000),
        (b"BODY.PEEK", 1_500_000),
        (b"IDLE", 0),
        (b"LOGOUT", 0),
    ],
)
def test_r7_whatever_the_line_was_cut_in_each_message_is_stored_once(
    world: World, dovecot: Postbox, command: bytes, after: int
) -> None:
    for raw in MAILS[:2]:
        dovecot.deliver(raw)
    with cut_line(dovecot.port, command, after) as cut:
        died = sum(not read(world, dovecot, cut) for _ in range(2))
        assert cut.times == 1
        # A line that is cut at its end is nobody's loss.
        assert died == (command != b"LOGOUT")
        dovecot.deliver(MAILS[2])
        assert read(world, dovecot, cut)
    with world.sessions() as session:
        rows = session.scalars(select(InboundMessage).order_by(InboundMessage.uid)).all()
        assert [(row.uid, row.state, row.raw) for row in rows] == [
            (number + 1, InboundState.STORED, raw) for number, raw in enumerate(MAILS)
        ]
    assert nothing_is_broken(world)


def read(world: World, box: Postbox, cut: Cut) -> bool:
    """One line as the process uses it; False where it died."""
    try:
        with ImapMailbox(Account("127.0.0.1", cut.port, box.user, box.password, tls=False)) as line:
            mailbox.collect(world.sessions, line, READER, "INBOX", now=world.clock)
            line.wait(0.1)
    except ConnectionError:
        return False
    return True
