"""What is asked of a database on every connection, whatever its own settings say."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from service import db


def told(engine: Engine, query: str) -> str:
    with engine.connect() as connection:
        return str(connection.execute(text(query)).scalar_one())


@pytest.mark.parametrize(
    ("given", "kept"), [("off", "on"), ("local", "local"), ("on", "on"), ("remote_apply", "remote_apply")]
)
def test_a_commit_waits_for_the_disk_even_where_the_database_would_not(postgres: str, given: str, kept: str) -> None:
    """A lease that a power cut takes back leaves twice; who asks for more than the disk keeps it."""
    setting = db.connect(postgres)
    with setting.begin() as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = {given}"))
    setting.dispose()
    engine = db.connect(postgres)
    try:
        assert told(engine, "SHOW synchronous_commit") == kept
    finally:
        engine.dispose()


def test_sqlite_waits_for_the_disk_at_every_commit(tmp_path: object) -> None:
    engine = db.connect(f"sqlite:///{tmp_path}/pli.db")
    try:
        assert told(engine, "PRAGMA synchronous") == "2"
        assert told(engine, "PRAGMA journal_mode") == "wal"
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("database", "query", "lasts", "may_be_lost"),
    [("sqlite", "PRAGMA synchronous", "2", "1"), ("postgresql", "SHOW synchronous_commit", "on", "off")],
)
def test_what_may_be_lost_with_the_power_waits_for_no_disk_and_the_next_one_does(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, query: str, lasts: str, may_be_lost: str
) -> None:
    engine = db.connect(f"sqlite:///{tmp_path}/pli.db" if database == "sqlite" else request.getfixturevalue("postgres"))
    sessions = db.sessions(engine)
    try:
        for options, expected in (({}, lasts), ({"may_be_lost": True}, may_be_lost), ({}, lasts)):
            with sessions.begin() as session:
                session.connection(execution_options=options)
                assert str(session.scalar(text(query))) == expected
        assert engine.pool.checkedin() == 1, "it is the same line each time"  # type: ignore[attr-defined]
    finally:
        engine.dispose()
