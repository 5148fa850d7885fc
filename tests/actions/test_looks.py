"""Looks: what the database does to find the rows of a claim."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, Select, event, text

from bench.world import seed
from service import db
from service.actions import looks
from service.models.base import Base

MEMBERS = 3000
ASKED = {"b_campaign": 1, "b_after": 1000, "b_limit": 200, "b_now": None}


@pytest.mark.parametrize("can_be_left", [True, False])
def test_a_claim_looks_each_recipient_up_by_his_key_however_many_members_there_are(
    postgres: str, can_be_left: bool
) -> None:
    seed(postgres, MEMBERS)
    engine = db.connect(postgres)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    with engine.connect() as connection:
        fresh = plan(connection, looks.fresh("postgresql", can_be_left=can_be_left))
        put_off = plan(connection, looks.put_off("postgresql", can_be_left=can_be_left))
    engine.dispose()
    large = ("member", "contact", "subscription", "delivery")
    assert all(table in Base.metadata.tables for table in large)
    for lines in (fresh, put_off):
        assert "LockRows" in lines
        assert "hashed SubPlan" not in lines, lines
        assert not [table for table in large if f"Seq Scan on {table}\n" in lines.replace("  (", "\n")], lines


def plan(connection: Connection, statement: Select[Any]) -> str:
    """Give PostgreSQL's plan of a statement."""

    def explained(_connection: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        return f"EXPLAIN {sql}", parameters

    event.listen(connection, "before_cursor_execute", explained, retval=True)
    try:
        return "\n".join(row[0] for row in connection.execute(statement, ASKED).cursor.fetchall())
    finally:
        event.remove(connection, "before_cursor_execute", explained)
