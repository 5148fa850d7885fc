"""A message that kills the work-horse which reads it: the worker lives on, the next mail is read, the deadly one is shown."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from service.core import pacing
from service.core.vocabulary import InboundKind, InboundState
from service.models.inbound_message import InboundMessage
from service.models.question import Asking
from service.ports import READING
from service.setting_values import ROOT
from service.settings import Need, load
from service.wiring import Wiring
from tests.builders import World
from tests.parts import await_that
from tests.parts.dovecot import Postbox
from tests.parts.installation import Installation, installation
from tests.parts.smtp_sink import Sink
from tests.parts.valkey import ValkeyServer
from workers import clock

MEMBER = "From: membre0@exemple0.example\r\nSubject: Une question\r\n\r\n"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

# The product's own worker and job; one message ends the process that reads it, as the kernel does when memory is short.
RUN = """
import os, signal, sys
from service.core.reading import parsing
from service.gateways.queue import run_worker
parse = parsing.parse
def die(raw):
    if b"DEADLY" in raw:
        os.kill(os.getpid(), signal.SIGKILL)
    return parse(raw)
parsing.parse = die
run_worker(sys.argv[1], sys.argv[2:])
"""


@contextmanager
def worker(pli: Installation, url: str) -> Iterator[subprocess.Popen[bytes]]:
    with (pli.folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, url, READING], env=pli.environment, cwd=ROOT, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def row_of(world: World, number: int) -> InboundMessage:
    with world.sessions() as session:
        row = session.get_one(InboundMessage, number)
        assert row.raw is not None
        return row


def let_the_pause_pass(world: World, number: int) -> None:
    with world.sessions.begin() as session:
        row = session.get_one(InboundMessage, number)
        row.next_attempt_at = row.rung_at = LONG_AGO


def test_a_message_that_kills_its_work_horse_is_set_aside_and_the_next_ones_are_read(
    tmp_path: Path, valkey: ValkeyServer, sink: Sink, dovecot: Postbox
) -> None:
    database = f"sqlite:///{tmp_path}/data/pli.db"
    with installation(tmp_path, database, sink, dovecot, REDIS_URL=valkey.url) as pli:
        world = pli.seeded(1)
        dovecot.deliver(f"{MEMBER}DEADLY\r\n".encode())
        dovecot.deliver(f"{MEMBER}Quand est le RDV ?\r\n".encode())
        pli.start("inbox")
        wiring = Wiring(load(Need.STORES | Need.KEYS | Need.WRITING, pli.environment))
        with worker(pli, valkey.url) as process:
            await_that(lambda: texts(world) == ["Quand est le RDV ?"], "the second message is read")
            for attempt in range(1, pacing.MOST_READINGS + 1):
                await_that(lambda: row_of(world, 1).attempts == attempt, f"attempt {attempt} begins")  # noqa: B023 (at once)
                let_the_pause_pass(world, 1)
                clock._in_a_transaction(wiring, clock.ring_inbox)
            await_that(lambda: row_of(world, 1).state is InboundState.TREATED, "the first message is set aside")
            assert process.poll() is None
        row = row_of(world, 1)
        assert (row.kind, row.attempts) == (InboundKind.UNREADABLE, pacing.MOST_READINGS)
        assert b"DEADLY" in (row.raw or b"")
        assert sorted(texts(world)) == ["", "Quand est le RDV ?"]
        let_the_pause_pass(world, 1)
        clock._in_a_transaction(wiring, clock.ring_inbox)
        assert row_of(world, 1).rung_at == LONG_AGO
        wiring.queue.close()
        wiring.engine.dispose()


def texts(world: World) -> list[str]:
    with world.sessions() as session:
        return [one.text.strip() for one in session.scalars(select(Asking).order_by(Asking.id))]
