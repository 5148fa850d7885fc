"""Leases: which sending process holds which rows, and until when (sending.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Insert,
    Interval,
    Table,
    Update,
    and_,
    bindparam,
    case,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from service.models.base import BigId, Instant
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
    statement, until = (_RENEW_ON_SQLITE, now + LEASE) if _is_sqlite(session) else (_RENEW, LEASE)
    return session.connection().execute(statement, {"b_owner": owner, "b_until": until}).rowcount == 1


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


def are_out(session: Session, campaign_id: int, *, now: datetime) -> bool:
    """Whether somebody still holds rows of a campaign."""
    held = select(Lease.owner).where(Lease.campaign_id == campaign_id, Lease.expires_at > _clock(session, now))
    return session.scalar(held.limit(1)) is not None


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
    statement, until = (_HOLD_ON_SQLITE, now + LEASE) if _is_sqlite(session) else (_HOLD, LEASE)
    entry = {"b_owner": owner, "b_campaign": campaign_id, "b_first": min(ids), "b_last": max(ids), "b_until": until}
    session.connection().execute(statement, entry)


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _clock(session: Session, now: datetime) -> Any:
    """Give the clock of the leases as a statement reads it, without asking the server for the time first."""
    return now if session.get_bind().dialect.name == "sqlite" else func.clock_timestamp(type_=DateTime(timezone=True))


def _renewing(until: ColumnElement[Any]) -> Update:
    return update(_table).where(_table.c.owner == bindparam("b_owner")).values(expires_at=until)


def _holding(insert: Callable[[Table], postgresql.Insert | sqlite.Insert], until: ColumnElement[Any]) -> Insert:
    first, last = bindparam("b_first", type_=BigId), bindparam("b_last", type_=BigId)
    entered = insert(_table).values(
        owner=bindparam("b_owner"),
        campaign_id=bindparam("b_campaign", type_=BigId),
        from_id=first,
        to_id=last,
        expires_at=until,
    )
    grown = {
        "from_id": case((_table.c.from_id < first, _table.c.from_id), else_=first),
        "to_id": case((_table.c.to_id > last, _table.c.to_id), else_=last),
        "expires_at": until,
    }
    return entered.on_conflict_do_update(index_elements=[_table.c.owner], set_=grown)


# Built once: each window of each process runs them. On SQLite `b_until` is an instant, else a time by the server's clock.
_table = cast("Table", Lease.__table__)
_by_server = func.clock_timestamp(type_=DateTime(timezone=True)) + bindparam("b_until", type_=Interval)
_by_us = bindparam("b_until", type_=Instant)
_RENEW, _RENEW_ON_SQLITE = _renewing(_by_server), _renewing(_by_us)
_HOLD, _HOLD_ON_SQLITE = _holding(postgresql.insert, _by_server), _holding(sqlite.insert, _by_us)
