"""What a command prints: JSON on stdout for programs, sentences on stderr for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import click

from service.core import french
from service.core.writing.printable import one_line

_SHOWN = 200


def document(value: Mapping[str, Any]) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, ensure_ascii=False))


def lines(values: Iterable[Mapping[str, Any]]) -> None:
    """Print JSON lines."""
    for value in values:
        document(value)


def say(sentence: str) -> None:
    """Tell a person something, in well-set French."""
    click.echo(french.typeset(sentence), err=True)


def shown(words: str) -> str:
    """Give what somebody else said as a terminal may show it: one line of 200 characters at most, nothing that it obeys."""
    line = one_line(words)
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


def instant(at: datetime | None) -> str | None:
    """Write an instant as the contract wants it: ISO 8601, UTC, with Z."""
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
