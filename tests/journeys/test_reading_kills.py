"""kill −9 of the product's own inbox process and of the work-horses that read, at one step after the other (I5, R7)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.actions.test_mailbox import nothing_is_broken
from tests.parts.dovecot import OLD_SERVER, Postbox, dovecot_server
from tests.parts.reading_kills import deadly_house, end_well, kill_horses, kill_inbox
from tests.parts.smtp_sink import Sink
from tests.parts.valkey import ValkeyServer

# The moments at which something could be lost or done twice; by hand each step: tests/long/reading_kills.py.
INBOX = (
    "behind the answer to LOGIN",
    "before the answer to FETCH",
    "before COMMIT of INSERT INTO inbound_message",
    "behind COMMIT of INSERT INTO inbound_message",
    "behind COMMIT of UPDATE inbound_message SET filed_in",
    "before COMMIT of UPDATE inbound_message SET filed_at",
)
MOVE = ("behind UID MOVE",)
COPY = ("behind UID COPY", "before UID STORE", "before UID EXPUNGE", "behind UID EXPUNGE")
# By number, of the twenty-five or so of one message: from before its attempt is counted to behind the last COMMIT.
HORSE = (3, 8, 13, 17, 21, 24)


@pytest.fixture
def box(request: pytest.FixtureRequest, database: str) -> Iterator[Postbox]:
    """With SQLite a server that moves in one step, with PostgreSQL one that copies and then removes."""
    if database.startswith("sqlite"):
        yield request.getfixturevalue("dovecot")
    else:
        with dovecot_server(OLD_SERVER) as server:
            yield server.fresh_postbox()


def test_i5_r7_killed_readers_leave_each_message_in_one_place_and_read_it_once(
    database: str, tmp_path: Path, sink: Sink, valkey: ValkeyServer, box: Postbox
) -> None:
    with deadly_house(tmp_path, database, sink, box, valkey.url) as house:
        moments = (*INBOX, *(MOVE if database.startswith("sqlite") else COPY))
        assert kill_inbox(house, moments) == len(moments)
        end_well(house)
        house.pli.start("inbox")
        assert kill_horses(house, HORSE) == len(HORSE)
        end_well(house)
        assert nothing_is_broken(house.world)
