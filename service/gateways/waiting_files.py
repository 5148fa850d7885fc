"""Where do the files of an import wait between its pages, and which of them have waited too long?"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

KEPT = timedelta(hours=1)


def folder(data_dir: Path) -> Path:
    """Return the folder of the files that wait."""
    return data_dir / "imports"


def is_too_old(path: Path, *, now: datetime) -> bool:
    """Whether a file has waited longer than it may. Raises FileNotFoundError when it is gone."""
    return now.timestamp() - path.stat().st_mtime > KEPT.total_seconds()


def sweep(waiting: Path, *, now: datetime) -> int:
    """Delete the files that have waited too long, and return how many; another process may do the same meanwhile."""
    swept = 0
    for path in waiting.glob("*"):
        with suppress(FileNotFoundError):
            if is_too_old(path, now=now):
                path.unlink()
                swept += 1
    return swept
