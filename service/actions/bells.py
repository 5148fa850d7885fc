"""Bells: what must be asked of the workers once the transaction is committed; a rolled-back one rings nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import InstrumentedAttribute, Session

_KEY = "pli bells"


@dataclass(frozen=True, slots=True)
class Bell:
    """A job and the ids of the rows it is for."""

    job: str
    ids: tuple[int, ...]


def ring(session: Session, job: str, *ids: int) -> None:
    """Remember a bell until the commit."""
    session.info.setdefault(_KEY, {})[Bell(job, ids)] = None


def taken(session: Session) -> list[Bell]:
    """Hand over the bells of a session, once."""
    return list(session.info.pop(_KEY, {}))


def may_be_lost(
    rung_at: InstrumentedAttribute[datetime | None], *, now: datetime, after: timedelta
) -> ColumnElement[bool]:
    """Whether nobody may hear the last bell any more: never rung, long ago, or by a clock that was put back since (R12)."""
    return or_(rung_at.is_(None), rung_at <= now - after, rung_at > now + after)
