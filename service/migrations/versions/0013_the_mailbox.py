"""What the mailbox does not give whole or at all, the lines that die of it, and the password that it refuses.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mailbox_cursor", sa.Column("lines_lost", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("inbound_message", sa.Column("head_only", sa.Boolean(), server_default=sa.false(), nullable=False))

    op.create_table(
        "login_refusal",
        sa.Column("account", sa.String(length=254), nullable=False),
        sa.Column("why", sa.String(length=24), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_login_refusal")),
    )


def downgrade() -> None:
    op.drop_table("login_refusal")
    # Not as a batch: on SQLite that would make the table anew under the rows that refer to it.
    op.drop_column("inbound_message", "head_only")
    op.drop_column("mailbox_cursor", "lines_lost")
