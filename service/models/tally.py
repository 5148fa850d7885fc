"""The tally: how many mails of each campaign stand where, kept by triggers of the database (docs/decisions/0015)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Index,
    Sequence,
    Table,
    cast,
    event,
    func,
    select,
    text,
)
from sqlalchemy.orm import Mapped
from sqlalchemy.sql import Select

from service.core.vocabulary import OPEN_STATES, DeliveryState
from service.models.base import LINK, PROOF, WORKING, Base, BigId, column, words
from service.models.delivery import Delivery


class Tally(Base):
    """So many mails of a campaign that stand alike; what is counted of them is the sum of all the parts.

    No foreign key: its check would lock the campaign's row, which who pauses or stops a sending holds while he waits
    for the rows of the very process that would wait for him.
    """

    __tablename__ = "tally"
    __table_args__ = (
        Index("ix_tally_part", "part", sqlite_where=text("part <> 0"), postgresql_where=text("part <> 0")),
        {"sqlite_with_rowid": False},
    )

    campaign_id: Mapped[int] = column(BigId, LINK, primary_key=True)
    state: Mapped[DeliveryState] = column(words(DeliveryState), PROOF, primary_key=True)
    bounced: Mapped[bool] = column(Boolean, PROOF, primary_key=True)
    complained: Mapped[bool] = column(Boolean, PROOF, primary_key=True)
    answered: Mapped[bool] = column(Boolean, LINK, primary_key=True)
    # Whether it waits for an hour of its own: without these, what waits is at the end of the campaign's rows.
    put_off: Mapped[bool] = column(Boolean, WORKING, primary_key=True)
    # 0 is the sum. On PostgreSQL each statement adds a part of its own, so that no two processes wait for one row.
    part: Mapped[int] = column(BigId, LINK, primary_key=True)
    rows: Mapped[int] = column(BigId, PROOF)

    @staticmethod
    def of(*campaign_ids: int) -> Select[int, DeliveryState, bool, bool, bool, bool, int]:
        """How many mails of these campaigns stand where, from the tally; nothing is counted."""
        # The sum of PostgreSQL's bigint is a numeric.
        rows = cast(func.sum(Tally.rows), BigInteger)
        return select(*_KEY, rows).where(Tally.campaign_id.in_(campaign_ids)).group_by(*_KEY).having(rows != 0)

    @staticmethod
    def counted() -> Select[Any]:
        """The same of every campaign, counted from the mails themselves: a look at every row."""
        marks = (Delivery.bounced_at, Delivery.complained_at, Delivery.answered_at, Delivery.due_at)
        key: list[ColumnElement[Any]] = [
            Delivery.campaign_id.expression,
            Delivery.state.expression,
            *(at.is_not(None) for at in marks),
        ]
        return select(*key, func.count().label("rows")).where(Delivery.campaign_id.is_not(None)).group_by(*key)

    @staticmethod
    def campaigns_with(*states: DeliveryState) -> Select[int]:
        """The campaigns that have mails in these states."""
        own = select(Tally.campaign_id).where(Tally.state.in_(states)).group_by(Tally.campaign_id)
        return own.having(func.sum(Tally.rows) > 0)

    @staticmethod
    def has_open(campaign_id: int | ColumnElement[int]) -> ColumnElement[bool]:
        """Whether mails of a campaign wait or are at the wire."""
        return _has(Tally.campaign_id == campaign_id, Tally.state.in_(OPEN_STATES))

    @staticmethod
    def has_fresh(campaign_id: int | ColumnElement[int], *, more_than: int = 0) -> ColumnElement[bool]:
        """Whether mails of a campaign, more than so many, wait or are at the wire that were never put off."""
        is_fresh = (Tally.campaign_id == campaign_id, Tally.state.in_(OPEN_STATES), ~Tally.put_off)
        return _has(*is_fresh, more_than=more_than)


def _has(*conditions: ColumnElement[bool], more_than: int = 0) -> ColumnElement[bool]:
    return (
        func.coalesce(select(func.sum(Tally.rows)).where(*conditions).correlate_except(Tally).scalar_subquery(), 0)
        > more_than
    )


_KEY = (Tally.campaign_id, Tally.state, Tally.bounced, Tally.complained, Tally.answered, Tally.put_off)
PARTS = Sequence("tally_part", metadata=Base.metadata)

_COLUMNS = "campaign_id, state, bounced, complained, answered, put_off, part, rows"
_STANDS = (
    "SELECT campaign_id, state, bounced_at IS NOT NULL AS bounced, complained_at IS NOT NULL AS complained, "
    "answered_at IS NOT NULL AS answered, due_at IS NOT NULL AS put_off"
)

# Once a statement, whatever the number of rows: the differences that it makes.
_CAME, _GONE = f"{_STANDS}, 1 AS one FROM came", f"{_STANDS}, -1 AS one FROM gone"
_ON_POSTGRESQL = tuple(
    statement
    for act, tables, moved in (
        ("INSERT", "NEW TABLE AS came", _CAME),
        ("DELETE", "OLD TABLE AS gone", _GONE),
        ("UPDATE", "OLD TABLE AS gone NEW TABLE AS came", f"{_CAME} UNION ALL {_GONE}"),
    )
    for statement in (
        f"""CREATE FUNCTION delivery_tally_{act.lower()}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
INSERT INTO tally ({_COLUMNS})
SELECT campaign_id, state, bounced, complained, answered, put_off, nextval('tally_part'), sum(one) FROM ({moved}) AS moved
WHERE campaign_id IS NOT NULL GROUP BY campaign_id, state, bounced, complained, answered, put_off HAVING sum(one) <> 0;
RETURN NULL; END $$""",  # noqa: S608 (words of this file alone)
        f"CREATE TRIGGER delivery_tally_{act.lower()} AFTER {act} ON delivery REFERENCING {tables} FOR EACH STATEMENT EXECUTE FUNCTION delivery_tally_{act.lower()}()",
    )
)

# Once a row, in place: SQLite has one writer, and no transition tables.
_ADD = f"""INSERT INTO tally ({_COLUMNS})
SELECT NEW.campaign_id, NEW.state, NEW.bounced_at IS NOT NULL, NEW.complained_at IS NOT NULL, NEW.answered_at IS NOT NULL,
NEW.due_at IS NOT NULL, 0, 1
WHERE NEW.campaign_id IS NOT NULL ON CONFLICT DO UPDATE SET rows = rows + 1;"""
_TAKE = """UPDATE tally SET rows = rows - 1 WHERE campaign_id = OLD.campaign_id AND state = OLD.state
AND bounced = (OLD.bounced_at IS NOT NULL) AND complained = (OLD.complained_at IS NOT NULL)
AND answered = (OLD.answered_at IS NOT NULL) AND put_off = (OLD.due_at IS NOT NULL) AND part = 0;"""
_WATCHED = ("campaign_id", "state", "bounced_at", "complained_at", "answered_at", "due_at")
_MOVED = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in _WATCHED)
_ON_SQLITE = (
    f"CREATE TRIGGER delivery_tally_insert AFTER INSERT ON delivery BEGIN {_ADD} END",
    f"CREATE TRIGGER delivery_tally_delete AFTER DELETE ON delivery BEGIN {_TAKE} END",
    f"CREATE TRIGGER delivery_tally_update AFTER UPDATE OF {', '.join(_WATCHED)} ON delivery WHEN {_MOVED} BEGIN {_TAKE} {_ADD} END",
)


def _install(_table: Table, connection: Connection, **_: Any) -> None:
    """Give `delivery` its triggers where it is made from the models; a migration does the same by itself."""
    for statement in _ON_SQLITE if connection.dialect.name == "sqlite" else _ON_POSTGRESQL:
        connection.exec_driver_sql(statement)


def _remove(_table: Table, connection: Connection, **_: Any) -> None:
    """Drop what the triggers called; they are gone with their table."""
    if connection.dialect.name != "sqlite":
        for name in ("insert", "delete", "update"):
            connection.exec_driver_sql(f"DROP FUNCTION delivery_tally_{name}()")


event.listen(Delivery.__table__, "after_create", _install)
event.listen(Delivery.__table__, "after_drop", _remove)
