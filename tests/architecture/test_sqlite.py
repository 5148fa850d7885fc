"""Is SQLite opened in the one way in which several processes may write and nothing committed is lost?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from service import db, schema


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = db.connect(f"sqlite:///{tmp_path / 'pli.db'}")
    schema.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 30_000)],
)
def test_every_connection_has_its_pragmas(engine: Engine, pragma: str, value: object) -> None:
    with engine.connect() as one, engine.execution_options(read_only=True).connect() as other:
        assert [connection.scalar(text(f"PRAGMA {pragma}")) for connection in (one, other)] == [value, value]


def test_a_reference_to_nothing_is_refused(engine: Engine) -> None:
    row = "INSERT INTO subscription (contact_id, list_id, since) VALUES (1, 1, '2026-12-01')"
    with pytest.raises(IntegrityError, match="FOREIGN KEY"), engine.begin() as connection:
        connection.execute(text(row))


def test_a_transaction_that_may_write_holds_the_write_lock_from_its_beginning(engine: Engine) -> None:
    with engine.connect() as writer, engine.execution_options(read_only=True).connect() as reader:
        writer.execute(text("SELECT count(*) FROM member"))
        assert reader.scalar(text("SELECT count(*) FROM member")) == 0
        # Wait for nobody: whether the lock is held is the question.
        reader.exec_driver_sql("PRAGMA busy_timeout=0")
        with pytest.raises(Exception, match="database is locked"):
            reader.execute(text("INSERT INTO pulse (name, at) VALUES ('clock', '2026-12-01')"))
