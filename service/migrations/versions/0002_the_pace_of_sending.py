"""The pace of sending: what was taken when, how destinations answer, and what a sending waits for.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pace_use",
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("began", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("domain", "began", name=op.f("pk_pace_use")),
    )
    op.create_table(
        "destination",
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("answers", sa.String(length=20), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("reply", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_destination")),
    )
    # Not in a batch: SQLite would copy the table and lose its AUTOINCREMENT.
    op.add_column("campaign", sa.Column("resumes_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("campaign", sa.Column("waits_for", sa.String(24), nullable=True))
    op.add_column("campaign", sa.Column("failures", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("campaign", "failures")
    op.drop_column("campaign", "waits_for")
    op.drop_column("campaign", "resumes_at")
    op.drop_table("destination")
    op.drop_table("pace_use")
