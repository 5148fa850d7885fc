"""Up to which row all of a campaign has left: no look passes it by again.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "front",
        sa.Column("id", number, nullable=False),
        sa.Column("campaign_id", number, nullable=False),
        sa.Column("passed_id", number, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_front")),
    )
    op.create_index(op.f("ix_front_campaign_id"), "front", ["campaign_id"])
    op.execute("INSERT INTO front (campaign_id, passed_id) SELECT id, 0 FROM campaign WHERE launched_at IS NOT NULL")


def downgrade() -> None:
    op.drop_table("front")
