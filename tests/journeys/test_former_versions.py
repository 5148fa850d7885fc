"""R13: new code finds what a former version left behind: its jobs, its half-sent campaign, what its dead process held."""

from __future__ import annotations

import zlib
from collections import deque
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from service import schema
from service.core.vocabulary import CampaignStatus, DeliveryState
from tests.journeys.test_kills import CONNECTIONS, MEMBERS, campaign
from tests.parts import await_that
from tests.parts.account import account
from tests.parts.deadly_relay import DeadlyRelay, Step, Strike, deadly_relay
from tests.parts.installation import installation
from tests.parts.smtp_sink import Sink
from tests.parts.stable import stable
from tests.parts.valkey import ValkeyServer

FEW = 5
# As version 0.1 wrote them: their name, their ids and the names of their queues are a promise.
_JOB = {
    "created_at": "2026-11-01T10:00:00.000000Z",
    "description": "",
    "enqueued_at": "2026-11-01T10:00:00.000000Z",
    "ended_at": "",
    "failure_ttl": "86400",
    "last_heartbeat": "",
    "result_ttl": "0",
    "started_at": "",
    "status": "queued",
    "timeout": "-1",
    "worker_name": "",
}


def left_in(valkey: ValkeyServer, queue: str, said: bytes, place: int) -> None:
    """Put a job there, byte by byte as it was."""
    name = f"00000000-0000-4000-8000-{place:012d}"
    with valkey.client() as client:
        client.hset(f"rq:job:{name}", mapping=_JOB | {"origin": queue, "data": zlib.compress(said)})
        client.sadd("rq:queues", f"rq:queue:{queue}")
        client.rpush(f"rq:queue:{queue}", name)


def test_r13_the_jobs_of_a_former_version_are_done_and_those_that_say_nothing_any_more_end_nobody(
    tmp_path: Path, sink: Sink, valkey: ValkeyServer
) -> None:
    """There is no clock: the campaign leaves because its old job was understood, or not at all."""
    database, inbox = f"sqlite:///{tmp_path}/data/pli.db", "imap://vie%40passerelles.example:x@127.0.0.1:9/INBOX"
    with installation(tmp_path, database, sink, REDIS_URL=valkey.url, IMAP_URL=inbox) as pli:
        world = pli.seeded(FEW)
        number = campaign(world)
        for place, (queue, said) in enumerate(
            [
                ("reading", b'["workers.jobs.read", null, [999], {}]'),
                ("posting", b'["workers.jobs.post", null, [999], {}]'),
                ("sending", b'["workers.jobs.send", null, [999], {}]'),
                ("sending", b'["workers.jobs.of_a_version_to_come", null, [1], {}]'),
                ("sending", b'["workers.jobs.send", null, [%d], {}]' % number),
            ]
        ):
            left_in(valkey, queue, said, place)
        pli.start("worker", "--processes", "1")
        pli.await_status(number, "sent", 60)
        assert len(sink.messages) == FEW
        with valkey.client() as client:
            await_that(lambda: client.zcard("rq:failed:sending") == 1, "the job that nobody knows has failed alone")
            assert client.zcard("rq:failed:reading") == client.zcard("rq:failed:posting") == 0


def test_r13_a_half_sent_campaign_goes_on_after_a_migration(database: str, tmp_path: Path) -> None:
    """Down to the first schema and up again, with rows accepted, rows that wait, and those of a killed process."""
    strikes = deque([Strike(Step.BEFORE_COMMIT, MEMBERS // 3)])
    with (
        deadly_relay(DeadlyRelay(strikes)) as relay,
        installation(tmp_path, database, relay, SEND_CONNECTIONS=str(CONNECTIONS)) as pli,
    ):
        world = pli.seeded(MEMBERS)
        number = campaign(world)
        with stable(pli.environment, tmp_path / "stable.log") as horses:
            assert horses.run("send", number) < 0
        before = world.figures(number)
        assert before.handing
        assert before.accepted
        come_from_the_first_schema(database)
        assert world.figures(number) == before
        with stable(pli.environment, tmp_path / "stable.log") as horses:
            horses.run("tick")
            horses.run("send", number)
        await_that(lambda: not relay.open_lines, "the relay has read everything")
        found = account(world, number, relay.messages)
        assert (found.extra, found.open, world.status(number)) == (0, 0, CampaignStatus.SENT)
        assert len(found.in_doubt) <= CONNECTIONS
        assert found.states.keys() <= {DeliveryState.ACCEPTED, DeliveryState.IN_DOUBT}


def come_from_the_first_schema(database: str) -> None:
    """As a former version had it, and then to the schema of this one."""
    engine = create_engine(database)
    with engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    schema.upgrade(engine)
    engine.dispose()
