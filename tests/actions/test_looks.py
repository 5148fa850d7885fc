"""Looks: what the database does to find the rows of a claim."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from bench.world import seed
from service import db
from service.actions import looks
from service.models.base import Base
from tests.plans import plans

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
    with engine.connect() as connection, plans(engine) as found:
        for look in (looks.fresh, looks.put_off):
            connection.execute(look("postgresql", can_be_left=can_be_left), ASKED)
    engine.dispose()
    large = ("member", "contact", "subscription", "delivery")
    assert all(table in Base.metadata.tables for table in large)
    assert len(found) == 2
    for lines in found:
        assert "LockRows" in lines
        assert "hashed SubPlan" not in lines, lines
        assert not [table for table in large if f"Seq Scan on {table}\n" in lines.replace("  (", "\n")], lines
