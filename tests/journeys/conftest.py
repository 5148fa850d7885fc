"""An installation on each of the two databases."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that has its tables, or (SQLite) gets them when an installation is seeded."""
    return _url(request, tmp_path, "migrated_postgres")


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without a table."""
    return _url(request, tmp_path, "postgres")


def _url(request: pytest.FixtureRequest, tmp_path: Path, postgres: str) -> str:
    is_sqlite = request.param == "sqlite"
    return f"sqlite:///{tmp_path}/data/pli.db" if is_sqlite else str(request.getfixturevalue(postgres))
