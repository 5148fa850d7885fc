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
    # An older version reads no such kind, and would write what waits in other words: it leaves no more, and what may have
    # left stays in doubt.
    op.execute(
        "UPDATE delivery SET state = 'in_doubt', why = 'process_ended', due_at = NULL, doubted_at = NULL, "
        "lease_owner = NULL, settled_at = COALESCE(settled_at, handed_at, created_at) WHERE kind = 'morning' "
        "AND (state IN ('handing', 'in_doubt') OR doubts > 0 AND state IN ('pending', 'deferred'))"
    )
    op.execute(
        "UPDATE delivery SET state = 'skipped', why = 'stopped', due_at = NULL, lease_owner = NULL, "
        "settled_at = COALESCE(settled_at, created_at) WHERE kind = 'morning' AND state IN ('pending', 'deferred')"
    )
    op.execute("UPDATE delivery SET kind = 'notice' WHERE kind = 'morning'")
