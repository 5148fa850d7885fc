"""How often a mail was in doubt, and since when nobody has decided what becomes of it.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("delivery", sa.Column("doubts", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("delivery", sa.Column("doubted_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_delivery_doubt",
        "delivery",
        ["doubted_at"],
        unique=False,
        sqlite_where=sa.text("doubted_at IS NOT NULL"),
        postgresql_where=sa.text("doubted_at IS NOT NULL"),
    )
    # What was in doubt before this version waits for a decision like any other.
    op.execute("UPDATE delivery SET doubts = 1, doubted_at = settled_at WHERE state = 'in_doubt'")


def downgrade() -> None:
    op.drop_index("ix_delivery_doubt", "delivery")
    # Not as a batch: on SQLite that would make the table anew under the rows that refer to it.
    op.drop_column("delivery", "doubted_at")
    op.drop_column("delivery", "doubts")
