"""Each database that Pli runs on, empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from service import db


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """The engine of a database without a single table, once for SQLite and once for PostgreSQL."""
    sqlite = request.param == "sqlite"
    engine = db.connect(f"sqlite:///{tmp_path / 'pli.db'}" if sqlite else request.getfixturevalue("postgres"))
    yield engine
    engine.dispose()
