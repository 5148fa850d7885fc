"""One job reads what waits, each message within its own limits: one that kills its reader costs itself alone (S14, R16)."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from service.core import pacing
from service.core.vocabulary import InboundKind, InboundState
from service.gateways.queue import RqQueue
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

# The product's own worker and job, its time a second for one message; messages that end the process which reads them as the
# kernel does when memory is short, that keep a library in C for ever, or that take more memory than there is for one.
RUN = """
import os, resource, signal, sys, time
from pathlib import Path
from service.core.reading import parsing
from service.gateways.queue import run_worker
from workers import reading
parse = parsing.parse
def die(raw):
    if b"DEADLY" in raw:
        os.kill(os.getpid(), signal.SIGKILL)
    if b"SLOW" in raw:
        time.sleep(600)
    if b"HUGE" in raw:
        bytearray(reading.MEGABYTES * 2**20)
    return parse(raw)
parsing.parse = die
if sys.argv[1] == "impatient":
    reading.SECONDS = 1.0
run_worker(sys.argv[2], sys.argv[3:])
Path(os.environ["DATA_DIR"], "memory").write_text(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
"""
NOWHERE = "imap://vie:x@127.0.0.1:1/INBOX"
HEAD = b"From: membre0@exemple0.example\r\nMIME-Version: 1.0\r\n"
BOMBS = {
    "100,000 addresses": HEAD + b"To: " + b",\r\n ".join(b"a%d@x.example" % n for n in range(100_000)) + b"\r\n\r\nx",
    "a million header lines": HEAD + b"X-A: b\r\n" * 1_000_000 + b"\r\nx",
    "endless nesting": HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 100_000,
    "multiparts in multiparts": HEAD
    + b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(50_000)),
    "a million parts": HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\nx\r\n" * 1_000_000,
    "26 MB": HEAD + b"\r\n" + b"mot encore\r\n" * (26 * 2**20 // 12),
}


@contextmanager
def worker(pli: Installation, url: str, how: str = "patient") -> Iterator[subprocess.Popen[bytes]]:
    with (pli.folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, how, url, READING], env=pli.environment, cwd=ROOT, stdout=log, stderr=log
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


def stored(world: World, *raws: bytes) -> None:
    """Messages that wait to be read, as the inbox process leaves them."""
    with world.sessions.begin() as session:
        for uid, raw in enumerate(raws, start=1):
            session.add(
                InboundMessage(
                    account="vie", folder="INBOX", uidvalidity=1, uid=uid, received_at=world.clock(), size=len(raw),
                    stored_at=world.clock(), raw=raw, sha256=hashlib.sha256(raw).hexdigest(), state=InboundState.STORED,
                    rung_at=world.clock(),
                )
            )  # fmt: skip


def ring_once(url: str) -> None:
    bell = RqQueue(url, {"read": READING})
    assert bell.ring("read", 1)
    bell.close()


def question(words: str) -> bytes:
    return f"{MEMBER}{words}\r\n".encode()


def left(world: World) -> list[InboundMessage]:
    with world.sessions() as session:
        return list(session.scalars(select(InboundMessage).where(InboundMessage.state == InboundState.STORED)))


def test_one_bell_is_enough_for_all_that_waits_and_what_kills_or_holds_its_reader_costs_itself_alone(
    tmp_path: Path, valkey: ValkeyServer, sink: Sink
) -> None:
    database = f"sqlite:///{tmp_path}/data/pli.db"
    with installation(tmp_path, database, sink, REDIS_URL=valkey.url, IMAP_URL=NOWHERE) as pli:
        world = pli.seeded(1)
        deadly = ("DEADLY", "SLOW", "HUGE")
        words = ["un", "deux", deadly[0], "trois", deadly[1], "quatre", deadly[2], "cinq"]
        stored(world, *(question(one) for one in words))
        with worker(pli, valkey.url, "impatient") as process:
            ring_once(valkey.url)
            await_that(lambda: len(texts(world)) == 5, "all others are read", 60)
            await_that(lambda: all(one.attempts == 1 for one in left(world)), "each of the three was tried once")
            assert process.poll() is None
        assert texts(world) == [one for one in words if one not in deadly]
        assert [one.id for one in left(world)] == [3, 5, 7]


def test_s14_bombs_are_shown_with_the_reason_within_300_mb_and_the_next_one_is_read(
    tmp_path: Path, valkey: ValkeyServer, sink: Sink
) -> None:
    database = f"sqlite:///{tmp_path}/data/pli.db"
    with installation(tmp_path, database, sink, REDIS_URL=valkey.url, IMAP_URL=NOWHERE) as pli:
        world = pli.seeded(1)
        stored(world, *BOMBS.values(), question("La suivante ?"))
        with worker(pli, valkey.url) as process:
            ring_once(valkey.url)
            await_that(lambda: not left(world), "all are read", 120)
            process.terminate()
            process.wait(60)
        with world.sessions() as session:
            read = session.scalars(select(InboundMessage).order_by(InboundMessage.id)).all()
            for name, row in zip(BOMBS, read, strict=False):
                assert (row.kind, row.attempts, bool(row.reason)) == (InboundKind.UNREADABLE, 1, True), name
                assert row.raw == BOMBS[name], "the raw message is kept whole"
        assert len(texts(world)) == len(BOMBS) + 1
        assert texts(world)[-1] == "La suivante ?"
        assert int((pli.folder / "data" / "memory").read_text()) < 300 * 1024
