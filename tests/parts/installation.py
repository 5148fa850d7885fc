"""A whole installation of the product in a folder of its own, driven from outside: `./pli` and its processes."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from sqlalchemy import Engine, NullPool, create_engine, text

from service import db, schema
from service.core.vocabulary import Role
from service.setting_values import ROOT
from tests.builders import PASSWORD, Clock, World
from tests.parts import await_that, commands
from tests.parts.commands import Ran
from tests.parts.dovecot import Postbox

# What service/cli/processes.py makes of these commands.
_BECOMES: dict[str, tuple[str, ...]] = {
    **{name: ("workers", name) for name in ("worker", "clock", "inbox")},
    "web": ("gunicorn", "--config", "python:service.web.gunicorn_conf"),
}


class Relay(Protocol):
    """Whatever takes mail on a port of loopback."""

    port: int


@dataclass
class Installation:
    """The settings of an installation, and the processes that the test started.

    `as_typed`: each command loads the whole product, as it does for who types it; this takes a second, or two.
    """

    folder: Path
    environment: dict[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    engines: list[Engine] = field(default_factory=list)
    as_typed: bool = False

    def pli(self, *arguments: object, given: str = "", code: int = 0) -> str:
        """Run one command to its end and return what it printed."""
        words = [*map(str, arguments)]
        ran = self._typed(words, given) if self.as_typed else commands.run(words, self.environment, given=given)
        assert ran.code == code, f"pli {' '.join(words)}: exit {ran.code}\n{ran.err}"
        return ran.out if code == 0 else ran.err

    def _typed(self, words: list[str], given: str) -> Ran:
        command = [sys.executable, "-m", "service", *words]
        done = subprocess.run(
            command, env=self.environment, cwd=ROOT, input=given, capture_output=True, text=True, timeout=120
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def ask(self, *arguments: object) -> Any:
        """Run a command that prints one JSON document."""
        return json.loads(self.pli(*arguments, "--json"))

    def lines(self, *arguments: object) -> list[Any]:
        """Run a command that prints JSON lines."""
        return [json.loads(line) for line in self.pli(*arguments, "--json").splitlines()]

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a long-running command, its words kept in a file of its name.

        Unless it is as typed it is started as what the command becomes, with the same process number.
        """
        command = ("service", *arguments) if self.as_typed else (*_BECOMES[arguments[0]], *arguments[1:])
        with (self.folder / f"{arguments[0]}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def stop(self) -> None:
        """End what was started, as a supervisor does; a process that does not end is a fault of the test's subject."""
        for process in self.processes:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        late = []
        for process in self.processes:
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                late.append(process.args)
        self.processes.clear()
        for engine in self.engines:
            engine.dispose()
        assert not late, f"still alive 40 s after SIGTERM: {late}"

    def alive(self) -> list[str]:
        """The command lines of the processes that carry this installation's folder in their environment."""
        found = []
        for proc in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if f"DATA_DIR={self.environment['DATA_DIR']}".encode() in (proc / "environ").read_bytes().split(b"\0"):
                    found.append((proc / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        return [line for line in found if line]

    def ready(self, members: int) -> None:
        """Make the schema, two accounts, a list and its members."""
        self.pli("db", "upgrade")
        for name, role in (("jeanne", "redacteur"), ("paul", "admin")):
            self.pli(
                "staff",
                "add",
                f"{name}@passerelles.example",
                "--name",
                name.title(),
                "--role",
                role,
                "--password-stdin",
                given=PASSWORD,
            )
        self.pli("lists", "create", "nouvelles", "--name", "Nouvelles", "--class", "newsletter")
        path = self.folder / "membres.csv"
        with path.open("w", newline="", encoding="utf-8") as stream:
            table = csv.writer(stream, delimiter=";")
            table.writerow(["Prénom", "Nom", "E-mail", "Numéro"])
            table.writerows(
                [f"Prénom{n}", f"Nom{n}", f"membre{n}@exemple{n % 7}.example", f"S{n:05d}"] for n in range(members)
            )
        self.pli("members", "import", path, "--list", "nouvelles")

    def seeded(self, members: int) -> World:
        """The same world made in this process, for a test whose subject is not the commands."""
        kind, _, path = self.environment["DATABASE_URL"].partition(":///")
        if kind == "sqlite" and not Path(path).exists():
            Path(path).write_bytes(_migrated())
        engine = db.connect(self.environment["DATABASE_URL"])
        schema.upgrade(engine)
        self.engines.append(engine)
        world = World(db.sessions(engine), clock=Clock(datetime.now(UTC)))  # noqa: TID251 (the processes read the real clock)
        world.mailing_list()
        if members:
            world.members(members, "nouvelles")
        world.staff("Jeanne")
        world.staff("Paul", Role.ADMIN)
        return world

    def approved_campaign(
        self, slug: str = "nouvelles", *, kind: str = "communique", subject: str = "Où en sommes-nous ?"
    ) -> int:
        """Write a message to a list, have it approved, and return its number."""
        body = self.folder / "texte.md"
        body.write_text(
            "Bonjour {prénom},\n\n## Une nouvelle\n\nLe texte. [Le site](https://www.passerelles.example)\n",
            encoding="utf-8",
        )
        what = ["--kind", kind, "--subject", subject, "--body", body, "--list", slug]
        number = int(self.ask("campaigns", "create", *what, "--author", "jeanne@passerelles.example")["id"])
        # Who asks needs no mail that asks him: the sink counts those of the members.
        self.pli("campaigns", "submit", number, "--by", "paul@passerelles.example")
        self.pli("campaigns", "approve", number, "--by", "paul@passerelles.example")
        return number

    def send(self, number: int, *options: str) -> None:
        self.pli("campaigns", "send", number, "--by", "paul@passerelles.example", "--now", *options)

    def await_status(self, number: int, status: str, seconds: float = 120.0) -> Any:
        """Wait until the campaign has this status, and return its figures; looks in the database, a command is slow."""
        query = text("SELECT count(*) FROM campaign WHERE id = :number AND status = :status")
        engine = create_engine(self.environment["DATABASE_URL"], poolclass=NullPool)

        def reached() -> bool:
            with engine.connect() as connection:
                return bool(connection.scalar(query, {"number": number, "status": status}))

        await_that(reached, f"campaign {number} is {status}", seconds)
        return self.ask("campaigns", "show", number)

    def await_question(self) -> list[Any]:
        """Wait until a question is in the queue, and list the queue."""
        engine = create_engine(self.environment["DATABASE_URL"], poolclass=NullPool)

        def asked() -> bool:
            with engine.connect() as connection:
                return bool(connection.scalar(text("SELECT count(*) FROM asking")))

        await_that(asked, "a question is in the queue", 30.0)
        return self.lines("questions", "list")


@cache
def _migrated() -> bytes:
    """A SQLite file with every table and nothing in it, made once a run."""
    with tempfile.TemporaryDirectory(prefix="pli-m-") as folder:
        path = Path(folder) / "pli.db"
        engine = db.connect(f"sqlite:///{path}")
        schema.upgrade(engine)
        # The last connection to close folds the journal into the file.
        engine.dispose()
        return path.read_bytes()


@contextmanager
def installation(
    folder: Path, database: str, sink: Relay, box: Postbox | None = None, **settings: str
) -> Iterator[Installation]:
    """Make an installation that reaches this sink and this mailbox; all it started is ended with the block."""
    data = folder / "data"
    data.mkdir()
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV")}  # noqa: TID251 (a child's)
    environment |= {
        "DATA_DIR": str(data),
        "DATABASE_URL": database,
        "SECRET_KEY": "only for the tests, thirty-two characters and more",
        "PUBLIC_URL": "https://courrier.passerelles.example",
        "SENDER": "Les Passerelles <vie@passerelles.example>",
        "REPLY_TO": "vie@passerelles.example",
        "BOUNCE_ADDRESS": "retours@passerelles.example",
        "SMTP_URL": f"smtp://127.0.0.1:{sink.port}?tls=none",
        "SEND_HOLD": "0",
        **settings,
    }
    if box is not None:
        environment["IMAP_URL"] = f"imap://{quote(box.user)}:{quote(box.password)}@{box.host}:{box.port}/INBOX"
    made = Installation(folder, environment)
    try:
        yield made
    finally:
        made.stop()
