"""What is asked of a database on every connection, whatever its own settings say."""

from __future__ import annotations

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
