"""A large campaign is shared by the senders that have nothing else to do."""

from __future__ import annotations

from pathlib import Path

from rq import Worker

from tests.journeys.test_faults import approved
from tests.parts import await_that
from tests.parts.account import account
from tests.parts.deadly_relay import DeadlyRelay, deadly_relay
from tests.parts.installation import installation
from tests.parts.valkey import ValkeyServer

MANY, CONNECTIONS = 2100, 2


def test_an_idle_sender_is_called_to_a_large_campaign(postgres: str, valkey: ValkeyServer, tmp_path: Path) -> None:
    relay = DeadlyRelay()
    relay.answers_dots.clear()
    with (
        deadly_relay(relay),
        installation(tmp_path, postgres, relay, SEND_CONNECTIONS=str(CONNECTIONS), REDIS_URL=valkey.url) as pli,
        valkey.client() as bells,
    ):
        world = pli.seeded(MANY)
        pli.start("clock")
        pli.start("worker", "--processes", "3")  # the first sends no campaign
        # Who is not there yet when help is asked for is called at the next turn.
        await_that(lambda: len(Worker.all(connection=bells)) == 3, "the workers listen")
        number = approved(world)
        pli.send(number)
        await_that(lambda: relay.open_lines == CONNECTIONS, "one process is at the wire")
        # Whom the relay answers may call for help.
        relay.answers_dots.set()
        await_that(lambda: len(relay.messages) > 2 * CONNECTIONS, "mail leaves")
        relay.answers_dots.clear()
        # One process has no more than its own connections.
        await_that(lambda: relay.open_lines == 2 * CONNECTIONS, "two processes are at the wire")
        relay.answers_dots.set()
        pli.await_status(number, "sent", 120)
        found = account(world, number, relay.messages)
        assert (found.extra, found.open, len(found.in_doubt)) == (0, 0, 0)
        assert len(relay.messages) == MANY
