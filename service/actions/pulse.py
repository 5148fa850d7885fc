"""The pulse of the processes: who was last seen at work, and when."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from service.models.staff import Pulse

WORKER = "worker"
CLOCK = "clock"
INBOX = "inbox"
# Each process says so every few seconds; a longer silence is a fault.
SEEN_WITHIN = timedelta(seconds=30)


def beat(session: Session, name: str, *, now: datetime) -> None:
    """Say that a process is at work."""
    session.merge(Pulse(name=name, at=now))


def last(session: Session, name: str) -> datetime | None:
    """Return when a process was last seen at work."""
    pulse = session.get(Pulse, name)
    return pulse.at if pulse else None


def is_beating(session: Session, name: str, *, now: datetime) -> bool:
    """Whether a process was seen at work in the last 30 seconds."""
    seen = last(session, name)
    return seen is not None and now - seen < SEEN_WITHIN
