"""Bells: what must be asked of the workers once the transaction is committed; a rolled-back one rings nothing."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

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
