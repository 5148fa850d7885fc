"""Where an exception went through our own code: lines for the log, never a value of it."""

from __future__ import annotations

from pathlib import Path
from traceback import extract_tb
from types import TracebackType


def places(trace: TracebackType | None) -> str:
    """Name the last lines of ours that an exception went through, innermost last."""
    ours = [frame for frame in extract_tb(trace) if "site-packages" not in frame.filename]
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in ours[-4:])
