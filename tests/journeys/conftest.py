"""An installation on each of the two databases."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return (
        f"sqlite:///{tmp_path}/data/pli.db" if request.param == "sqlite" else str(request.getfixturevalue("postgres"))
    )
