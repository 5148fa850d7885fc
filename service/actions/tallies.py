"""The tally kept in order: its parts summed up while mail leaves, and all of it counted anew should it ever be wrong."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, insert, literal, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from service.models.tally import Tally

_KEY = ("campaign_id", "state", "bounced", "complained", "answered", "put_off")


def sum_up(session: Session) -> None:
    """Put the parts that statements have added into the sums; on SQLite there are none."""
    if session.get_bind().dialect.name == "sqlite":
        return
    # What another clock is summing up is left to it; what is deleted here is what is added here, whatever comes meanwhile.
    loose = select(Tally.part).where(Tally.part != 0).with_for_update(skip_locked=True)
    gone = delete(Tally).where(Tally.part.in_(loose)).returning(*_columns(), Tally.rows).cte("gone")
    key = [gone.c[name] for name in _KEY]
    # In one order, so that two clocks never wait for each other.
    summed = select(*key, literal(0), func.sum(gone.c.rows)).group_by(*key).order_by(*key)
    added = postgresql.insert(Tally).from_select([*_KEY, "part", "rows"], summed)
    session.execute(
        added.on_conflict_do_update(
            index_elements=[*_KEY, "part"], set_={"rows": Tally.rows + added.excluded["rows"]}
        ).execution_options(synchronize_session=False)
    )


def recount(session: Session) -> None:
    """Count every mail anew; who sends waits meanwhile. For an operator, when `pli invariants` says that the tally is wrong."""
    if session.get_bind().dialect.name != "sqlite":
        session.execute(text("LOCK TABLE delivery, tally IN SHARE ROW EXCLUSIVE MODE"))
    session.execute(delete(Tally))
    counted = Tally.counted().subquery()
    columns = list(counted.c)
    made = select(*columns[:-1], literal(0), columns[-1])
    session.execute(insert(Tally).from_select([*_KEY, "part", "rows"], made))


def _columns() -> list[Any]:
    return [getattr(Tally, name) for name in _KEY]
