"""Whether one of the team wants the morning mail: yes, until he says otherwise.

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("staff", sa.Column("wants_mornings", sa.Boolean(), server_default=sa.true(), nullable=False))


def downgrade() -> None:
    # Not as a batch: on SQLite that would make the table anew under the rows that refer to it.
    op.drop_column("staff", "wants_mornings")
