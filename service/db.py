"""The database: engines for SQLite and PostgreSQL, and their sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.orm import Session, configure_mappers, sessionmaker


def connect(url: str) -> Engine:
    """Make the engine for a database address; nothing is opened before the first use (and so never before a fork)."""
    if not url.startswith("sqlite"):
        engine = create_engine(url, pool_pre_ping=True)
        event.listen(engine, "connect", _commit_durably)
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


def _begin_immediate(connection: Connection) -> None:
    mode = "DEFERRED" if connection.get_execution_options().get("read_only") else "IMMEDIATE"
    connection.exec_driver_sql(f"BEGIN {mode}")
