"""The journal: write one act, chained to the one before; verify the whole chain (S27)."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from service.models.journal import JournalEntry

_FIRST = "0" * 64
# Any constant will do, as long as nobody else takes the same advisory lock.
_POSTGRESQL_LOCK = 7_053_901


def note(
    session: Session,
    act: str,
    *,
    now: datetime,
    by: int | None = None,
    subject: str = "",
    subject_id: int | None = None,
    **detail: str | int,
) -> JournalEntry:
    """Write one act; `detail` holds ids, counts and the staff's reasons, never a message's text nor an address."""
    take_turn(session)
    previous = session.scalar(select(JournalEntry.hash).order_by(JournalEntry.id.desc()).limit(1)) or _FIRST
    entry = JournalEntry(
        at=now,
        staff_id=by,
        act=act,
        subject=subject,
        subject_id=subject_id,
        detail=detail,
        previous_hash=previous,
        hash="",
    )
    entry.hash = _hash(entry)
    session.add(entry)
    session.flush()
    return entry


def take_turn(session: Session) -> None:
    """Wait until no other transaction writes to the journal, and keep others out of it until this one ends."""
    if session.get_bind().dialect.name == "postgresql":
        # Two writers must not chain to the same row. SQLite has one writer at a time (BEGIN IMMEDIATE).
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRESQL_LOCK})


def broken_at(session: Session) -> int | None:
    """Return the first entry that was changed or whose predecessor is gone; None when the chain is whole."""
    previous = _FIRST
    with closing(
        session.scalars(select(JournalEntry).order_by(JournalEntry.id).execution_options(yield_per=1000))
    ) as entries:
        for entry in entries:
            if entry.previous_hash != previous or entry.hash != _hash(entry):
                return entry.id
            previous = entry.hash
    return None


def _hash(entry: JournalEntry) -> str:
    said = [
        entry.previous_hash,
        entry.at.isoformat(timespec="microseconds"),
        entry.staff_id,
        entry.act,
        entry.subject,
        entry.subject_id,
        entry.detail,
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
