"""Pli itself, measured: real RQ workers on a database, a Valkey and a folder of the benchmark's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rq import Worker
from sqlalchemy import Engine, NullPool, create_engine, func, select, text

from bench.parts import HERE, Measure, memory_of, text_of
from bench.world import seed
from service.core.vocabulary import DeliveryState
from service.gateways.queue import RqQueue
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.ports import SENDING
from tests.builders import SECRET
from tests.parts import await_that
from tests.parts.postgres import PostgresServer, postgres_server
from tests.parts.valkey import ValkeyServer, valkey_server

_LONGEST = 1800.0
_TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run Pli: on which database, with how many processes and connections, how durable, with which key."""

    database: str
    processes: int = 1
    durability: str = "relaxed"
    connections: int = 4
    settings: tuple[tuple[str, str], ...] = ()


@dataclass
class Bench:
    """The places of one sitting: a folder, a PostgreSQL, a Valkey, and the databases that are ready to be sent."""

    folder: Path
    postgres: PostgresServer
    valkey: ValkeyServer
    launched: dict[tuple[str, int], float] = field(default_factory=dict)

    def ready(self, database: str, recipients: int) -> None:
        """Have a campaign launched to so many recipients, to be copied for each measure."""
        if (database, recipients) in self.launched:
            return
        if database == "postgresql":
            name = f"seed_{recipients}"
            self.postgres.run(f"CREATE DATABASE {name}")
            seconds = seed(self.postgres.url(name), recipients)
            with self._connected(self.postgres.url(name)) as engine, engine.connect() as connection:
                # What autovacuum does within its minute; a campaign is held back for two.
                connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))
        else:
            path = self.folder / f"seed_{recipients}.db"
            seconds = seed(f"sqlite:///{path}", recipients)
        self.launched[database, recipients] = seconds

    @contextmanager
    def database(self, kind: str, recipients: int) -> Iterator[str]:
        """Give the address of a copy of the ready campaign."""
        if kind == "postgresql":
            self.postgres.run(f"CREATE DATABASE run TEMPLATE seed_{recipients}")
            try:
                yield self.postgres.url("run")
            finally:
                self.postgres.run("DROP DATABASE run WITH (FORCE)")
            return
        path = self.folder / "run.db"
        shutil.copyfile(self.folder / f"seed_{recipients}.db", path)
        os.sync()
        try:
            yield f"sqlite:///{path}"
        finally:
            for one in self.folder.glob("run.db*"):
                one.unlink()

    def send(self, way: Way, recipients: int, port: int) -> Measure:
        """Ring as many bells as there are sending processes, and measure until the last durable settle."""
        self.ready(way.database, recipients)
        with self.database(way.database, recipients) as url, self._connected(url) as engine:
            with self._workers(way, url, port) as workers:
                watch = _Watch([worker.pid for worker in workers])
                rung = datetime.now(UTC)  # noqa: TID251 (the workers read the real clock)
                bell = RqQueue(self.valkey.url, {"send": SENDING})
                for _ in workers:
                    bell.ring("send", 1)
                bell.close()
                _await_sent(engine, watch)
            return _measured(engine, recipients, rung, watch)

    @contextmanager
    def _workers(self, way: Way, url: str, port: int) -> Iterator[list[subprocess.Popen[bytes]]]:
        """Run the workers, each for the sending queue alone, until the block ends."""
        data = self.folder / "data"
        environment = _environment() | {
            "DATA_DIR": str(data),
            "DATABASE_URL": url,
            "REDIS_URL": self.valkey.url,
            "SECRET_KEY": SECRET.decode(),
            "PUBLIC_URL": "https://courrier.passerelles.example",
            "SENDER": "Les Passerelles <vie@passerelles.example>",
            "REPLY_TO": "vie@passerelles.example",
            "BOUNCE_ADDRESS": "retours@passerelles.example",
            "SMTP_URL": f"smtp://127.0.0.1:{port}?tls=none",
            "SEND_CONNECTIONS": str(way.connections),
            "DURABILITY": way.durability,
            "LOG_LEVEL": "warning",
            **dict(way.settings),
        }
        command = [sys.executable, "-m", "workers", "serve", str(os.getpid()), SENDING]
        with (self.folder / "workers.log").open("ab") as log:
            started = [
                subprocess.Popen(command, env=environment, cwd=HERE.parent, stdout=log, stderr=log)
                for _ in range(way.processes)
            ]
        client = self.valkey.client()
        try:
            await_that(lambda: Worker.count(connection=client) == way.processes, "the workers listen")
            yield started
            await_that(lambda: not any(_children(worker.pid) for worker in started), "the jobs have ended", 60)
        finally:
            client.close()
            for worker in started:
                worker.terminate()
            for worker in started:
                worker.wait(60)
            shutil.rmtree(data, ignore_errors=True)

    @contextmanager
    def _connected(self, url: str) -> Iterator[Engine]:
        engine = create_engine(url, poolclass=NullPool)
        try:
            yield engine
        finally:
            engine.dispose()


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """Start a PostgreSQL that makes its commits durable, and a Valkey; both end with the block."""
    with ExitStack() as stack:
        postgres = stack.enter_context(postgres_server(durable=True))
        yield Bench(folder, postgres, stack.enter_context(valkey_server()))


class _Watch:
    """Looks at the sending processes, which are the children of the workers: memory at most, processor's time."""

    def __init__(self, workers: list[int]) -> None:
        self._workers = workers
        self._memory: dict[int, float] = {}
        self._cpu: dict[int, float] = {}

    def look(self) -> None:
        for worker in self._workers:
            for child in _children(worker):
                self._memory[child] = max(self._memory.get(child, 0.0), memory_of(child))
                if stat := text_of(f"/proc/{child}/stat"):
                    user, system = stat.rpartition(")")[2].split()[11:13]
                    self._cpu[child] = (int(user) + int(system)) * _TICK

    @property
    def memory(self) -> float:
        return max(self._memory.values(), default=0.0)

    @property
    def cpu(self) -> float:
        return sum(self._cpu.values())


def _await_sent(engine: Engine, watch: _Watch) -> None:
    query = text("SELECT status FROM campaign WHERE id = 1")
    end = time.monotonic() + _LONGEST
    # One connection: a new one each time is a new process of the server's, beside those that are measured.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while time.monotonic() < end:
            watch.look()
            status = connection.scalar(query)
            if status == "sent":
                return
            if status not in ("sending", "scheduled"):
                raise RuntimeError(f"the campaign of the benchmark is {status}")
            time.sleep(0.1)
    raise RuntimeError(f"the campaign of the benchmark was not sent within {_LONGEST:.0f} s")


def _measured(engine: Engine, recipients: int, rung: datetime, watch: _Watch) -> Measure:
    """From the first claim to the moment at which the campaign was found sent, behind the last durable settle."""
    with engine.connect() as connection:
        first, accepted = connection.execute(
            select(func.min(Delivery.handed_at), func.count()).where(
                Delivery.campaign_id == 1, Delivery.state == DeliveryState.ACCEPTED
            )
        ).one()
        last = connection.execute(select(Campaign.finished_at).where(Campaign.id == 1)).scalar_one()
    if accepted != recipients or first is None or last is None:
        raise RuntimeError(f"{accepted} of {recipients} rows are accepted")
    seconds = (last - first).total_seconds()
    return Measure(recipients, seconds, watch.memory, watch.cpu, (first - rung).total_seconds())


def _children(process: int) -> list[int]:
    return [int(number) for number in text_of(f"/proc/{process}/task/{process}/children").split()]


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV") if name in os.environ}  # noqa: TID251 (a child's)
