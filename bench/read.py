"""`./pli bench read`: how fast is waiting mail read, and how soon is a reply in the queue?

Pli's own processes (`pli inbox`, `pli worker`, `pli clock`) on a real Dovecot on loopback and a database whose commits are
durable. Three of four waiting messages are replies in the shapes of real clients, the others reports and mail of strangers.
They count from the start of `pli inbox` until the last one is in its place; a reply from the end of its delivery until its
question can be read in the database.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from statistics import quantiles

import click
from sqlalchemy import Engine, NullPool, create_engine, select, text

from bench.parts import HERE, load, machine, memory_of, syncs_a_second, text_of
from bench.report import kept, lined_up, tabled
from service.actions import sending
from service.models.delivery import Delivery
from service.setting_values import ROOT
from tests.builders import SECRET, Tray, World
from tests.parts.dovecot import DovecotServer, Postbox, dovecot_server
from tests.parts.installation import Installation, installation
from tests.parts.postgres import postgres_server
from tests.parts.valkey import valkey_server

PAGE = ROOT / "docs" / "benchmarks.md"
TITLE = "Reading"
SAMPLES = HERE.parent / "tests" / "samples"
HEADINGS = (
    "database",
    "waiting",
    "read in",
    "a second",
    "memory",
    "CPU a message",
    "a reply: median",
    "p95",
    "longest",
)
KEYS = {"SECRET_KEY": SECRET.decode(), "LOG_LEVEL": "warning"}
_MEMBERS = 200
_LONGEST = 3600.0
_TICK = 1 / os.sysconf("SC_CLK_TCK")
_OWN = re.compile(rb"(?mi)^(?:from|to|message-id|date|in-reply-to|references):.*\r?\n(?:[ \t].*\r?\n)*")
_REPORT = (
    "From: MAILER-DAEMON@relais.example\r\nTo: {to}\r\nMessage-ID: <{n}@relais.example>\r\nSubject: Undelivered\r\n"
    'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n--b\r\n\r\nNot delivered.\r\n--b\r\n'
    "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relais.example\r\n\r\n"
    "Final-Recipient: rfc822; {about}\r\nAction: failed\r\nStatus: 4.2.2\r\n\r\n--b--\r\n"
)


@dataclass(frozen=True, slots=True)
class Found:
    """What one sitting on one database found; times in seconds, memory in megabytes."""

    database: str
    waiting: int
    seconds: float
    memory: float
    cpu: float
    replies: list[float]

    def words(self) -> tuple[str, ...]:
        """Give it as a row of the table."""
        p95 = quantiles(self.replies, n=20, method="inclusive")[-1]
        return (
            self.database,
            f"{self.waiting:,}",
            f"{self.seconds:.0f} s",
            f"{self.waiting / self.seconds:.0f}",
            f"{self.memory:.0f} MB",
            f"{self.cpu / self.waiting * 1e3:.1f} ms",
            f"{quantiles(self.replies, n=2)[0]:.2f} s",
            f"{p95:.2f} s",
            f"{max(self.replies):.2f} s",
        )


@dataclass
class Watch:
    """The largest process of an installation so far, and what all of them used of the processor."""

    processes: Sequence[subprocess.Popen[bytes]]
    memory: float = 0.0
    used: dict[int, float] = field(default_factory=dict)

    def look(self) -> None:
        """Look at these processes and at all that they started; one that has ended is an error, and not a measure."""
        for process in self.processes:
            if process.poll() is not None:
                raise RuntimeError(f"process {process.pid} ended with {process.returncode}")
        for pid in self._all([process.pid for process in self.processes]):
            self.memory = max(self.memory, memory_of(pid))
            if stat := text_of(f"/proc/{pid}/stat"):
                # Its own, and of the children that it has waited for.
                self.used[pid] = sum(int(one) for one in stat.rpartition(")")[2].split()[11:15]) * _TICK

    @property
    def cpu(self) -> float:
        """Seconds of the processor; who has ended is counted by who waited for it."""
        alive = self._all([process.pid for process in self.processes])
        return sum(self.used[pid] for pid in alive if pid in self.used)

    def _all(self, pids: list[int]) -> Iterator[int]:
        for pid in pids:
            yield pid
            yield from self._all([int(one) for one in text_of(f"/proc/{pid}/task/{pid}/children").split()])


@click.command("read")
@click.option("--waiting", default=10_000, show_default=True, type=click.IntRange(min=1), help="Messages that wait.")
@click.option("--replies", default=100, show_default=True, type=click.IntRange(min=2), help="Replies, one by one.")
@click.option("--databases", default="sqlite,postgresql", show_default=True, help="On which databases, with commas.")
@click.option("--write/--no-write", default=True, help="Write docs/benchmarks.md.")
def read(waiting: int, replies: int, databases: str, write: bool) -> None:
    """Measure how fast mail is read. Two minutes: --waiting 1000 --databases sqlite --no-write."""
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")  # noqa: TID251 (the clock of the sitting)
    facts, found = [f"{at}, {machine()}; load before: {load():.1f}"], []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pli-bench-")))
        facts.append(f"the disk makes {syncs_a_second(folder):,.0f} small writes durable a second")
        server, valkey = stack.enter_context(dovecot_server()), stack.enter_context(valkey_server())
        for database in databases.split(","):
            with ExitStack() as sitting:
                (place := folder / database).mkdir()
                url = f"sqlite:///{place}/data/pli.db"
                if database == "postgresql":
                    cluster = sitting.enter_context(postgres_server(durable=True))
                    url = sitting.enter_context(cluster.fresh_database())
                box, nowhere = server.fresh_postbox(), Nowhere()
                pli = sitting.enter_context(installation(place, url, nowhere, box, REDIS_URL=valkey.url, **KEYS))
                found.append(_measure(pli, server, box, database, waiting, replies))
                valkey.client().flushall()
            click.echo(", ".join(found[-1].words()), err=True)
    facts.append(f"load after: {load():.1f}")
    rows = [HEADINGS, *(one.words() for one in found)]
    for line in [*facts, *lined_up(rows)]:
        click.echo(line)
    if write:
        lines = [*(f"- {fact}" for fact in facts), "", *tabled(rows)]
        PAGE.write_text(kept(PAGE, TITLE, lines), encoding="utf-8")
        click.echo(f"Written: {PAGE.relative_to(ROOT)}")


@dataclass(slots=True)
class Nowhere:
    """A relay that nobody asks for anything."""

    port: int = 9


def _measure(
    pli: Installation, server: DovecotServer, box: Postbox, database: str, waiting: int, replies: int
) -> Found:
    letters = _letters(pli.seeded(_MEMBERS))
    _lay_down(server, box, letters, waiting)
    engine = create_engine(pli.environment["DATABASE_URL"], poolclass=NullPool)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        settled = text("SELECT count(*) FROM inbound_message WHERE state <> 'stored'")
        asked = text("SELECT count(*) FROM asking")
        pli.start("worker")
        pli.start("clock")
        time.sleep(5)
        began = time.perf_counter()
        pli.start("inbox")
        watch = Watch(pli.processes)
        _until(lambda: connection.scalar(settled) == waiting, watch, 0.2)
        seconds, memory, cpu = time.perf_counter() - began, watch.memory, watch.cpu
        times = []
        for _ in range(replies):
            before = connection.scalar(asked) or 0
            box.deliver(next(letters.replies))
            delivered = time.perf_counter()
            _until(lambda: (connection.scalar(asked) or 0) > before, watch, 0.01)  # noqa: B023 (at once)
            times.append(time.perf_counter() - delivered)
    _check(engine, waiting + replies)
    engine.dispose()
    pli.stop()
    return Found(database, waiting, seconds, max(memory, watch.memory), cpu, times)


def _until(reached: Callable[[], bool], watch: Watch, pause: float) -> None:
    end = time.monotonic() + _LONGEST
    while not reached():
        if time.monotonic() > end:
            raise RuntimeError(f"not reached within {_LONGEST:.0f} s")
        watch.look()
        time.sleep(pause)


def _check(engine: Engine, expected: int) -> None:
    """A message that is nowhere, or a second attempt, is an error and not a measure."""
    with engine.connect() as connection:
        rows, once = connection.execute(
            text("SELECT count(*), sum(CASE WHEN attempts = 1 THEN 1 ELSE 0 END) FROM inbound_message")
        ).one()
    if rows != expected or once != expected:
        raise RuntimeError(f"{expected} messages came, {rows} are there, {once} were read at the first attempt")


@dataclass(frozen=True, slots=True)
class Letters:
    """What comes into the mailbox: replies without end, and with them what is none."""

    replies: Iterator[bytes]
    others: Iterator[bytes]


def _letters(world: World) -> Letters:
    author, boss = world.colleagues()
    number = world.approved(author, boss, "nouvelles")
    world.send(number, boss)
    sending.send_campaign(world.wire(Tray(), window=50), number)
    with world.sessions() as session:
        sent = session.scalars(select(Delivery).where(Delivery.campaign_id == number)).all()
    return Letters(_replies(world, sent), _others(world, sent))


def _replies(world: World, sent: Sequence[Delivery]) -> Iterator[bytes]:
    shapes = cycle([_OWN.sub(b"", path.read_bytes()) for path in sorted(SAMPLES.glob("reply_*.eml"))])
    returns = world.office.usual.returns
    for n, delivery in enumerate(cycle(sent)):
        yield (
            f"From: {delivery.address}\r\nTo: {returns.reply_to_for(delivery.id)}\r\nMessage-ID: <r{n}@membre.example>\r\n"
            f"Date: Tue, 24 Nov 2026 14:00:00 +0100\r\nIn-Reply-To: {delivery.message_id}\r\n"
        ).encode() + next(shapes)


def _others(world: World, sent: Sequence[Delivery]) -> Iterator[bytes]:
    returns = world.office.usual.returns
    for n, delivery in enumerate(cycle(sent)):
        yield _REPORT.format(to=returns.envelope_sender_for(delivery.id), n=n, about=delivery.address).encode()
        yield f"From: pub{n}@ailleurs.example\r\nMessage-ID: <p{n}@x.example>\r\n\r\nUne offre.\r\n".encode()


def _lay_down(server: DovecotServer, box: Postbox, letters: Letters, count: int) -> None:
    """Put so many messages where the server finds what was delivered: a message a line takes longer than all of them."""
    box.deliver(next(letters.replies))
    new = server.folder / "mail" / box.user / "new"
    for number in range(1, count):
        path = new.parent / "tmp" / f"{number}.bench"
        path.write_bytes(next(letters.others if number % 4 == 0 else letters.replies))
        shutil.chown(path, 65534, 65534)
        path.rename(new / f"{1_700_000_000 + number}.bench{number}.here")
