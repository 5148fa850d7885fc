"""A lease for each sending process in a table of its own, and no index on what changes when a mail is claimed or settled.

On PostgreSQL the table keeps room for the next version of its rows: what is there already gets it as it is rewritten.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_STANDING = (
    "CASE WHEN campaign_id IS NULL OR due_at IS NOT NULL OR state NOT IN ('pending', 'handing', 'accepted') "
    "THEN state END"
)


def upgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    if is_postgresql:
        # A claim of the version before that is under way must be told of here, too.
        op.execute("LOCK TABLE delivery IN ACCESS EXCLUSIVE MODE")
    op.create_table(
        "lease",
        sa.Column("owner", sa.String(length=120), nullable=False),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("from_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("to_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_lease_campaign_id_campaign")),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_lease")),
    )
    op.execute(
        "INSERT INTO lease (owner, campaign_id, from_id, to_id, expires_at) "
        "SELECT lease_owner, min(campaign_id), min(id), max(id), max(lease_expires_at) "
        "FROM delivery WHERE lease_owner IS NOT NULL GROUP BY lease_owner"
    )
    for name in ("claim", "single_claim", "lease"):
        op.drop_index(f"ix_delivery_{name}", "delivery")
    op.drop_column("delivery", "lease_expires_at")
    if is_postgresql:
        op.execute("ALTER TABLE delivery SET (fillfactor = 45)")
    op.add_column(
        "delivery",
        sa.Column("standing", sa.String(length=24), sa.Computed(_STANDING, persisted=is_postgresql), nullable=True),
    )
    op.create_index("ix_delivery_claim", "delivery", ["campaign_id", "id"])
    op.create_index(
        "ix_delivery_standing",
        "delivery",
        ["campaign_id", "standing", "id"],
        sqlite_where=sa.text("standing IS NOT NULL"),
        postgresql_where=sa.text("standing IS NOT NULL"),
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("LOCK TABLE delivery IN ACCESS EXCLUSIVE MODE")
    for name in ("claim", "standing"):
        op.drop_index(f"ix_delivery_{name}", "delivery")
    op.drop_column("delivery", "standing")
    op.add_column("delivery", sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE delivery SET lease_expires_at = "
        "coalesce((SELECT expires_at FROM lease WHERE owner = lease_owner), CURRENT_TIMESTAMP) "
        "WHERE lease_owner IS NOT NULL"
    )
    op.drop_table("lease")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE delivery RESET (fillfactor)")
    op.create_index("ix_delivery_claim", "delivery", ["campaign_id", "state", "id"])
    _partial_index("ix_delivery_single_claim", ["state", "due_at"], "campaign_id IS NULL")
    _partial_index("ix_delivery_lease", ["lease_expires_at"], "lease_owner IS NOT NULL")


def _partial_index(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "delivery", columns, sqlite_where=where, postgresql_where=where)
