"""The database: engines for SQLite and PostgreSQL, and their sessions."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.orm import Session, configure_mappers, sessionmaker


def connect(url: str) -> Engine:
    """Make the engine for a database address; nothing is opened before the first use (and so never before a fork)."""
    if not url.startswith("sqlite"):
        engine = create_engine(url, pool_pre_ping=True)
        event.listen(engine, "connect", _commit_durably)
        event.listen(engine, "begin", _begin_what_may_be_lost)
        return engine
    engine = create_engine(url, connect_args={"timeout": 30})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "connect", teach_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def load(url: str) -> None:
    """Have the driver of a database and the mappers loaded before they are used; opens nothing."""
    connect(url)
    configure_mappers()


def end_sleeping_transactions(engine: Engine, seconds: float = 20.0) -> None:
    """Have the server end each transaction of this engine in which it is asked nothing for so long (PostgreSQL).

    Who falls asleep in one (a suspended machine, a network that is cut) would else hold its locks until he wakes. SQLite's
    are held by the processes of one machine, and nobody can take them.
    """

    def ask(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET idle_in_transaction_session_timeout = {int(seconds * 1000)}")
        connection.commit()

    if engine.dialect.name == "postgresql":
        event.listen(engine, "connect", ask)


def sessions(engine: Engine) -> sessionmaker[Session]:
    """Make sessions whose objects stay readable after the commit."""
    return sessionmaker(engine, expire_on_commit=False)


def after_commit(factory: sessionmaker[Session], act: Callable[[Session], None]) -> None:
    """Do something after each commit of these sessions; a rolled-back transaction causes nothing."""
    event.listen(factory, "after_commit", act)


@contextmanager
def reading(factory: sessionmaker[Session]) -> Iterator[Session]:
    """Open a session that only reads: on SQLite it takes no writer's turn, so that rendering may take its time."""
    with factory() as session:
        session.connection(execution_options={"read_only": True})
        yield session


@contextmanager
def holding(engine: Engine, name: str, folder: Path) -> Iterator[Callable[[], None] | None]:
    """Hold a name alone among all processes of this database; None while another one does.

    What is given raises DBAPIError when it is called after the name was lost. It is free as soon as the process that
    holds it is gone, and within a minute when its machine is (PostgreSQL); SQLite's processes share a machine.
    """
    hold = (
        _holding_a_file(folder / f"{name}.lock") if engine.dialect.name == "sqlite" else _holding_a_line(engine, name)
    )
    with hold as check:
        yield check


@contextmanager
def _holding_a_line(engine: Engine, name: str) -> Iterator[Callable[[], None] | None]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Closed at the end, not given back to the pool: the lock lasts as long as the line.
        connection.detach()
        for setting, value in (("idle", 20), ("interval", 10), ("count", 3)):
            connection.exec_driver_sql(f"SET tcp_keepalives_{setting} = {value}")
        held = connection.scalar(text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))"), {"name": name})
        yield (lambda: _ask(connection)) if held else None


def _ask(connection: Connection) -> None:
    connection.exec_driver_sql("SELECT 1")


@contextmanager
def _holding_a_file(path: Path) -> Iterator[Callable[[], None] | None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield lambda: None


@contextmanager
def snapshot(factory: sessionmaker[Session]) -> Iterator[Session]:
    """Open a session that only reads, and sees the database as it was at its first look, whatever others commit."""
    with factory() as session:
        # SQLite in WAL keeps its reader's view by itself.
        level = {} if session.get_bind().dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        session.connection(execution_options={"read_only": True, **level})
        yield session


def teach_sqlite(connection: Any, _record: Any) -> None:
    """Give SQLite the translate() that PostgreSQL has, so that names are sorted alike on both (models.member)."""
    connection.create_function("translate", 3, _translate, deterministic=True)


def _commit_durably(connection: Any, _record: Any) -> None:
    """Have a commit wait for the disk, whatever the role or the server says: a lease that a power cut undoes leaves twice.

    What waits for more than the disk (remote_apply) is left as it is.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
    connection.commit()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own BEGIN is DEFERRED: a read that later writes fails at once (BUSY_SNAPSHOT), whatever the timeout.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _translate(text: str | None, found: str, instead: str) -> str | None:
    return None if text is None else text.translate(_table(found, instead))


@cache
def _table(found: str, instead: str) -> dict[int, int]:
    return str.maketrans(found, instead)


def _begin_what_may_be_lost(connection: Connection) -> None:
    # What only has to outlive our own process (`may_be_lost`) waits for no disk: a power cut may undo it.
    if connection.get_execution_options().get("may_be_lost"):
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")


def _begin_immediate(connection: Connection) -> None:
    options = connection.get_execution_options()
    mode = "DEFERRED" if options.get("read_only") else "IMMEDIATE"
    # In WAL a commit under NORMAL is written and not waited for; the next one under FULL makes it last. A setting of the
    # line, which cannot change inside a transaction.
    lasting = "NORMAL" if options.get("may_be_lost") else "FULL"
    if connection.info.get("synchronous", "FULL") != lasting:
        connection.exec_driver_sql(f"PRAGMA synchronous={lasting}")
        connection.info["synchronous"] = lasting
    connection.exec_driver_sql(f"BEGIN {mode}")
