"""One world, on each of the two databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service import db
from tests.builders import World


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    url = f"sqlite:///{tmp_path}/pli.db" if request.param == "sqlite" else request.getfixturevalue("postgres")
    engine = db.connect(url)
    db.upgrade(engine)
    made = World(db.sessions(engine))
    made.defaults()
    yield made
    engine.dispose()
