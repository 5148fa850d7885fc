"""The pulse of the processes: who was last seen at work, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from service.models.staff import Pulse

WORKER = "worker"
CLOCK = "clock"
INBOX = "inbox"
# The mailbox where errors come back to, where it is one of its own.
BOUNCES = "bounces"
# Each process says so every few seconds, the inbox after each reading, at most four minutes apart when all is well;
# a longer silence is a fault.
_SEEN_WITHIN = {
    WORKER: timedelta(seconds=30),
    CLOCK: timedelta(seconds=30),
    INBOX: timedelta(minutes=10),
    BOUNCES: timedelta(minutes=20),
}


@dataclass(frozen=True, slots=True)
class Silence:
    """Since when a process that should be at work was not seen; None when it never was."""

    since: datetime | None


def beat(session: Session, name: str, *, now: datetime) -> None:
    """Say that a process is at work."""
    session.merge(Pulse(name=name, at=now))


def was_put_back(session: Session, name: str, *, now: datetime) -> bool:
    """Whether the machine's clock was put back by more than a minute since a process was last seen at work."""
    seen = last(session, name)
    return seen is not None and seen > now + timedelta(minutes=1)


def last(session: Session, name: str) -> datetime | None:
    """Return when a process was last seen at work."""
    pulse = session.get(Pulse, name)
    return pulse.at if pulse else None


def is_beating(session: Session, name: str, *, now: datetime) -> bool:
    """Whether a process was seen at work lately: in the last 30 seconds, the inbox in the last 10 minutes."""
    return silence(session, name, now=now) is None


def silence(session: Session, name: str, *, now: datetime) -> Silence | None:
    """Return the silence of a process; None while it is at work."""
    seen = last(session, name)
    return None if seen is not None and now - seen < _SEEN_WITHIN[name] else Silence(seen)
