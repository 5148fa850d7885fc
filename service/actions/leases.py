"""Leases: which sending process holds which rows, and until when (sending.md)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, DateTime, and_, case, delete, func, select, update
from sqlalchemy.orm import Session

from service.models.base import insert_or
from service.models.delivery import Delivery
from service.models.lease import Lease

# How long what a process has claimed is its own; renewed while it works.
LEASE = timedelta(seconds=120)
# No final dot leaves with less than this on the lease.
TO_SPARE = timedelta(seconds=30)


def renew(session: Session, *, owner: str, now: datetime) -> bool:
    """Hold what this process holds for longer; False when it is not its own any more, and nothing more may leave.

    Asked first in a transaction: who takes the lease of a process that sleeps locks it before the rows, too.
    """
    renewed = session.execute(
        update(Lease)
        .where(Lease.owner == owner)
        .values(expires_at=_clock(session, now) + LEASE)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", renewed).rowcount == 1


def take(session: Session, owner: str) -> None:
    """Lock the lease of a process that is gone, before its rows: its last COMMIT, which may be under way, is waited for."""
    session.execute(select(Lease.owner).where(Lease.owner == owner).with_for_update())


def end(session: Session, owner: str) -> None:
    """Forget a process that holds nothing any more."""
    session.execute(delete(Lease).where(Lease.owner == owner).execution_options(synchronize_session=False))


def over(session: Session, *, now: datetime) -> Sequence[Lease]:
    """List the leases that ran out, locked; those that somebody is renewing or taking back are not among them."""
    query = select(Lease).where(Lease.expires_at <= _clock(session, now)).order_by(Lease.owner)
    return session.scalars(query.with_for_update(skip_locked=True)).all()


def held_by(owner: str) -> ColumnElement[bool]:
    """Whether a row is held by this process; only those between the numbers of its lease are looked at."""
    first = select(Lease.from_id).where(Lease.owner == owner).scalar_subquery()
    last = select(Lease.to_id).where(Lease.owner == owner).scalar_subquery()
    return and_(Delivery.id.between(first, last), Delivery.lease_owner == owner)


def is_out() -> ColumnElement[bool]:
    """Whether a row is held by a process, whichever, that still has its lease."""
    return and_(Delivery.id.between(Lease.from_id, Lease.to_id), Delivery.lease_owner == Lease.owner)


def hold(session: Session, owner: str, campaign_id: int | None, ids: Sequence[int], *, now: datetime) -> None:
    """Enter these rows in the lease of their process; it begins with its first ones."""
    first, last, until = min(ids), max(ids), _clock(session, now) + LEASE
    entered = insert_or(session, Lease).values(
        owner=owner, campaign_id=campaign_id, from_id=first, to_id=last, expires_at=until
    )
    grown = {
        "from_id": case((Lease.from_id < first, Lease.from_id), else_=first),
        "to_id": case((Lease.to_id > last, Lease.to_id), else_=last),
        "expires_at": until,
    }
    session.execute(entered.on_conflict_do_update(index_elements=[Lease.owner], set_=grown))


def _clock(session: Session, now: datetime) -> Any:
    """Give the clock of the leases as a statement reads it, without asking the server for the time first."""
    return now if session.get_bind().dialect.name == "sqlite" else func.clock_timestamp(type_=DateTime(timezone=True))
