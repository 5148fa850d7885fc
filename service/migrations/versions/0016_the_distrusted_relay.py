"""A relay that loses count of pipelined commands is remembered beyond the job that found out.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "distrusted_relay",
        sa.Column("address", sa.String(300), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_distrusted_relay")),
    )


def downgrade() -> None:
    op.drop_table("distrusted_relay")
