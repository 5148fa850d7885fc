"""The tally of each campaign's mails, kept by triggers of delivery, so that no page and no clock counts rows.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ON_POSTGRESQL = (
    """CREATE FUNCTION delivery_tally_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
INSERT INTO tally (campaign_id, state, bounced, complained, answered, put_off, part, rows)
SELECT campaign_id, state, bounced, complained, answered, put_off, nextval('tally_part'), sum(one) FROM (SELECT campaign_id, state, bounced_at IS NOT NULL AS bounced, complained_at IS NOT NULL AS complained, answered_at IS NOT NULL AS answered, due_at IS NOT NULL AS put_off, 1 AS one FROM came) AS moved
WHERE campaign_id IS NOT NULL GROUP BY campaign_id, state, bounced, complained, answered, put_off HAVING sum(one) <> 0;
RETURN NULL; END $$""",
    "CREATE TRIGGER delivery_tally_insert AFTER INSERT ON delivery REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION delivery_tally_insert()",
    """CREATE FUNCTION delivery_tally_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
INSERT INTO tally (campaign_id, state, bounced, complained, answered, put_off, part, rows)
SELECT campaign_id, state, bounced, complained, answered, put_off, nextval('tally_part'), sum(one) FROM (SELECT campaign_id, state, bounced_at IS NOT NULL AS bounced, complained_at IS NOT NULL AS complained, answered_at IS NOT NULL AS answered, due_at IS NOT NULL AS put_off, -1 AS one FROM gone) AS moved
WHERE campaign_id IS NOT NULL GROUP BY campaign_id, state, bounced, complained, answered, put_off HAVING sum(one) <> 0;
RETURN NULL; END $$""",
    "CREATE TRIGGER delivery_tally_delete AFTER DELETE ON delivery REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION delivery_tally_delete()",
    """CREATE FUNCTION delivery_tally_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
INSERT INTO tally (campaign_id, state, bounced, complained, answered, put_off, part, rows)
SELECT campaign_id, state, bounced, complained, answered, put_off, nextval('tally_part'), sum(one) FROM (SELECT campaign_id, state, bounced_at IS NOT NULL AS bounced, complained_at IS NOT NULL AS complained, answered_at IS NOT NULL AS answered, due_at IS NOT NULL AS put_off, 1 AS one FROM came UNION ALL SELECT campaign_id, state, bounced_at IS NOT NULL AS bounced, complained_at IS NOT NULL AS complained, answered_at IS NOT NULL AS answered, due_at IS NOT NULL AS put_off, -1 AS one FROM gone) AS moved
WHERE campaign_id IS NOT NULL GROUP BY campaign_id, state, bounced, complained, answered, put_off HAVING sum(one) <> 0;
RETURN NULL; END $$""",
    "CREATE TRIGGER delivery_tally_update AFTER UPDATE ON delivery REFERENCING OLD TABLE AS gone NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION delivery_tally_update()",
)
ON_SQLITE = (
    """CREATE TRIGGER delivery_tally_insert AFTER INSERT ON delivery BEGIN INSERT INTO tally (campaign_id, state, bounced, complained, answered, put_off, part, rows)
SELECT NEW.campaign_id, NEW.state, NEW.bounced_at IS NOT NULL, NEW.complained_at IS NOT NULL, NEW.answered_at IS NOT NULL,
NEW.due_at IS NOT NULL, 0, 1
WHERE NEW.campaign_id IS NOT NULL ON CONFLICT DO UPDATE SET rows = rows + 1; END""",
    """CREATE TRIGGER delivery_tally_delete AFTER DELETE ON delivery BEGIN UPDATE tally SET rows = rows - 1 WHERE campaign_id = OLD.campaign_id AND state = OLD.state
AND bounced = (OLD.bounced_at IS NOT NULL) AND complained = (OLD.complained_at IS NOT NULL)
AND answered = (OLD.answered_at IS NOT NULL) AND put_off = (OLD.due_at IS NOT NULL) AND part = 0; END""",
    """CREATE TRIGGER delivery_tally_update AFTER UPDATE OF campaign_id, state, bounced_at, complained_at, answered_at, due_at ON delivery WHEN OLD.campaign_id IS NOT NEW.campaign_id OR OLD.state IS NOT NEW.state OR OLD.bounced_at IS NOT NEW.bounced_at OR OLD.complained_at IS NOT NEW.complained_at OR OLD.answered_at IS NOT NEW.answered_at OR OLD.due_at IS NOT NEW.due_at BEGIN UPDATE tally SET rows = rows - 1 WHERE campaign_id = OLD.campaign_id AND state = OLD.state
AND bounced = (OLD.bounced_at IS NOT NULL) AND complained = (OLD.complained_at IS NOT NULL)
AND answered = (OLD.answered_at IS NOT NULL) AND put_off = (OLD.due_at IS NOT NULL) AND part = 0; INSERT INTO tally (campaign_id, state, bounced, complained, answered, put_off, part, rows)
SELECT NEW.campaign_id, NEW.state, NEW.bounced_at IS NOT NULL, NEW.complained_at IS NOT NULL, NEW.answered_at IS NOT NULL,
NEW.due_at IS NOT NULL, 0, 1
WHERE NEW.campaign_id IS NOT NULL ON CONFLICT DO UPDATE SET rows = rows + 1; END""",
)
NAMES = ("delivery_tally_insert", "delivery_tally_delete", "delivery_tally_update")


def upgrade() -> None:
    op.create_table(
        "tally",
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("bounced", sa.Boolean(), nullable=False),
        sa.Column("complained", sa.Boolean(), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("put_off", sa.Boolean(), nullable=False),
        sa.Column("part", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("rows", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint(
            "campaign_id", "state", "bounced", "complained", "answered", "put_off", "part", name=op.f("pk_tally")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_tally_part",
        "tally",
        ["part"],
        unique=False,
        sqlite_where=sa.text("part <> 0"),
        postgresql_where=sa.text("part <> 0"),
    )
    op.create_index(
        "ix_delivery_bounced",
        "delivery",
        ["campaign_id", "id"],
        unique=False,
        sqlite_where=sa.text("bounced_at IS NOT NULL"),
        postgresql_where=sa.text("bounced_at IS NOT NULL"),
    )
    is_sqlite = op.get_context().dialect.name == "sqlite"
    if not is_sqlite:
        op.execute("CREATE SEQUENCE tally_part")
    # The triggers before the count: on PostgreSQL they make who writes meanwhile wait for the end of the migration.
    for statement in ON_SQLITE if is_sqlite else ON_POSTGRESQL:
        op.execute(statement)
    op.execute(
        "INSERT INTO tally (campaign_id, state, bounced, complained, answered, put_off, part, rows) "
        "SELECT campaign_id, state, bounced_at IS NOT NULL, complained_at IS NOT NULL, answered_at IS NOT NULL, due_at IS NOT NULL, 0, count(*) "
        "FROM delivery WHERE campaign_id IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6"
    )


def downgrade() -> None:
    is_sqlite = op.get_context().dialect.name == "sqlite"
    for name in NAMES:
        op.execute(f"DROP TRIGGER {name}" if is_sqlite else f"DROP TRIGGER {name} ON delivery")
        if not is_sqlite:
            op.execute(f"DROP FUNCTION {name}()")
    if not is_sqlite:
        op.execute("DROP SEQUENCE tally_part")
    op.drop_index("ix_delivery_bounced", "delivery")
    op.drop_table("tally")
