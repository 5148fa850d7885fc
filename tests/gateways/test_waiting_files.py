"""Files that wait for an import: how long, and what when another process sweeps too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.gateways import waiting_files

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_a_file_that_another_process_removed_first_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = (NOW - waiting_files.KEPT).timestamp() - 1
    for name in ("a", "b", "c"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (old, old))
    listed = Path.glob

    def glob_then_lose_one(folder: Path, pattern: str) -> Iterator[Path]:
        found = sorted(listed(folder, pattern))
        found[1].unlink()
        return iter(found)

    monkeypatch.setattr(Path, "glob", glob_then_lose_one)
    assert waiting_files.sweep(tmp_path, now=NOW) == 2
    assert not list(tmp_path.iterdir())
