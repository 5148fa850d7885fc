"""The relay: whether it may be given several commands at once, as all sending processes have found it (sending.md)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from service.models.base import insert_or
from service.models.relay import DistrustedRelay


def distrust(session: Session, address: str, *, now: datetime) -> None:
    """Remember that a relay (host and port) loses count of pipelined commands; the first time stays."""
    # Two processes may find out at once.
    first = insert_or(session, DistrustedRelay).values(address=address[:300], since=now)
    session.execute(first.on_conflict_do_nothing())


def distrusted_since(session: Session, address: str) -> datetime | None:
    """Return since when a relay is given one command at a time; None while it is trusted."""
    found = session.get(DistrustedRelay, address[:300])
    return found.since if found else None


def trust_again(session: Session) -> None:
    """Forget it all: workers that start anew try once more, the relay may have been mended."""
    session.execute(delete(DistrustedRelay).execution_options(synchronize_session=False))
