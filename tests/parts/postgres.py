"""A PostgreSQL of its own for one run of the tests, with a fresh database for each test."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.parts import await_that, free_port, require


@dataclass
class PostgresServer:
    """The server on loopback."""

    port: int
    folder: Path
    command: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, again after `kill` too, and wait until it answers."""
        await_that(self._answers_or_starts, "PostgreSQL answers")

    def _answers_or_starts(self) -> bool:
        # It refuses to start while a child of a killed one still holds the shared memory.
        if self.process is None or self.process.poll() is not None:
            with (self.folder / "log").open("ab") as log:
                self.process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd="/", start_new_session=True)
        return self.answers()

    def kill(self) -> None:
        """End it as kill -9 does: its children learn of it and go."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(30)
        self.process = None

    @contextmanager
    def fresh_database(self, *, copied_from: str = "template1") -> Iterator[str]:
        """Make a database and give its URL as SQLAlchemy writes it; it is dropped when the block ends.

        Nobody may be connected to the one that it is copied from.
        """
        name = f"pli_{uuid.uuid4().hex[:12]}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {copied_from}")
        try:
            yield self.url(name)
        finally:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            self.run("SELECT 1")
            return True
        return False

    def url(self, name: str) -> str:
        """Give the URL of a database as SQLAlchemy writes it."""
        return f"postgresql+psycopg://app@127.0.0.1:{self.port}/{name}"

    def run(self, statement: str) -> None:
        """Run a statement outside any transaction."""
        where = f"host=127.0.0.1 port={self.port} user=app dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """Run a server until the block ends, as `nobody` when we are root (PostgreSQL refuses root).

    Its commits survive a power cut only when it is `durable`: nothing of the tests outlives them.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    require(found, "PostgreSQL is not installed")
    binaries = found[-1].parent
    as_nobody = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"] if os.getuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="pli-pg-"))
    if as_nobody:
        shutil.chown(folder, "nobody", "nogroup")
    data, server = folder / "db", PostgresServer(free_port(), folder)
    initdb = [str(binaries / "initdb"), "-D", str(data), "-A", "trust", "-U", "app", "-E", "UTF8", "--locale=C.UTF-8"]
    subprocess.run([*as_nobody, *initdb, "--no-sync"], check=True, capture_output=True, cwd="/")
    options = ["-p", str(server.port), "-k", str(folder), "-h", "127.0.0.1", *([] if durable else ["-F"])]
    server.command = [*as_nobody, str(binaries / "postgres"), "-D", str(data), *options]
    try:
        server.start()
        yield server
    finally:
        if server.process is not None:
            # setpriv has become the server; SIGTERM would wait for its clients.
            server.process.send_signal(signal.SIGINT)
            server.process.wait(30)
        shutil.rmtree(folder)
