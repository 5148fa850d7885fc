"""The refusals of a message itself in a row, kept from one turn of the sending to the next.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("campaign", sa.Column("objections", sa.JSON(), server_default=sa.text("'[]'"), nullable=False))


def downgrade() -> None:
    # Not as a batch: on SQLite that would make the table anew under the rows that refer to it.
    op.drop_column("campaign", "objections")
