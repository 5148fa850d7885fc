"""The real parts that tests may ask for by name."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from service import db, schema
from service.actions import staff
from tests.parts.dovecot import DovecotServer, Postbox, dovecot_server
from tests.parts.postgres import PostgresServer, postgres_server
from tests.parts.smtp_sink import Sink, smtp_sink
from tests.parts.valkey import ValkeyServer, valkey_server

TESTS = Path(__file__).parent
# Files of more than a quarter of a minute. xdist itself would begin with those of many tests, which are the quick ones:
# ./pli forbids it.
LONG = (
    "journeys/",
    "demo/test_demo",
    "web/test_hostile_input",
    "web/test_hostile_mail",
    "web/test_accessibility",
    "web/test_questions_typed_browser",
    "workers/test_reading",
    "web/test_process",
    "actions/test_steering",
)
MEMORY = Path("/dev/shm")  # Linux's own; containers often leave 64 MiB of it
ROOM = 4 * 2**30  # octets; a run takes less than one of the four


def pytest_configure() -> None:
    """Keep what the tests write in memory where there is room: nothing of it outlives them, and a disk makes all wait."""
    if "TMPDIR" in os.environ or not MEMORY.is_dir():  # noqa: TID251 (a fact of the machine, and what children inherit)
        return
    if shutil.disk_usage(MEMORY).free > ROOM and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)  # noqa: TID251


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what lasts longest, so that the end does not wait for it; the same order in every process."""
    items.sort(key=lambda item: not item.path.relative_to(TESTS).as_posix().startswith(LONG))


@pytest.fixture(scope="session", autouse=True)
def costly_passwords() -> Iterator[PasswordHasher]:
    """What makes passwords costly to guess; in this process they cost next to nothing, since most tests make two."""
    with pytest.MonkeyPatch.context() as patch:
        cheap, costly = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1), staff._HASHER
        patch.setattr(staff, "_HASHER", cheap)
        patch.setattr(staff, "_NOBODY", cheap.hash("nobody has this password"))
        yield costly


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A relay in this process that keeps what it accepts; it misbehaves as told."""
    with smtp_sink() as running:
        yield running


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    """A Valkey of this test alone."""
    with valkey_server() as running:
        yield running


@pytest.fixture(scope="session")
def dovecot_of_the_run() -> Iterator[DovecotServer]:
    with dovecot_server() as running:
        yield running


@pytest.fixture
def dovecot(dovecot_of_the_run: DovecotServer) -> Postbox:
    """A fresh mailbox on the Dovecot of this run."""
    return dovecot_of_the_run.fresh_postbox()


@pytest.fixture(scope="session")
def postgres_of_the_run() -> Iterator[PostgresServer]:
    with postgres_server() as running:
        yield running


@pytest.fixture
def postgres(postgres_of_the_run: PostgresServer) -> Iterator[str]:
    """The URL of a fresh database on the PostgreSQL of this run."""
    with postgres_of_the_run.fresh_database() as url:
        yield url


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database with nothing in it, copied for each test."""
    path = tmp_path_factory.mktemp("schema") / "pli.db"
    engine = db.connect(f"sqlite:///{path}")
    schema.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture
def migrated_sqlite(empty_database: Path, tmp_path: Path) -> str:
    """The URL of pli.db in the folder of this test, with every table and nothing in it."""
    shutil.copy(empty_database, tmp_path / "pli.db")
    return f"sqlite:///{tmp_path}/pli.db"


@pytest.fixture(scope="session")
def migrated_template(postgres_of_the_run: PostgresServer) -> Iterator[str]:
    """The name of a migrated database with nothing in it: a copy takes a tenth of what the migrations take."""
    with postgres_of_the_run.fresh_database() as url:
        engine = db.connect(url)
        schema.upgrade(engine)
        engine.dispose()
        yield url.rpartition("/")[2]


@pytest.fixture
def migrated_postgres(postgres_of_the_run: PostgresServer, migrated_template: str) -> Iterator[str]:
    """The URL of a fresh database with every table and nothing in it."""
    with postgres_of_the_run.fresh_database(copied_from=migrated_template) as url:
        yield url
