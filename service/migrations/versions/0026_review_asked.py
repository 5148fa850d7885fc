"""The mail that asks a second reader: coming down leaves none that an older version cannot read.

Revision ID: 0026
Revises: 0025
"""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A new word of a closed list needs no change of the schema."""


def downgrade() -> None:
    # An older version reads no such kind, and would write what waits in other words: it leaves no more, and what may have
    # left stays in doubt.
    op.execute(
        "UPDATE delivery SET state = 'in_doubt', why = 'process_ended', due_at = NULL, doubted_at = NULL, "
        "lease_owner = NULL, settled_at = COALESCE(settled_at, handed_at, created_at) WHERE kind = 'review_asked' "
        "AND (state IN ('handing', 'in_doubt') OR doubts > 0 AND state IN ('pending', 'deferred'))"
    )
    op.execute(
        "UPDATE delivery SET state = 'skipped', why = 'stopped', due_at = NULL, lease_owner = NULL, "
        "settled_at = COALESCE(settled_at, created_at) WHERE kind = 'review_asked' AND state IN ('pending', 'deferred')"
    )
    op.execute("UPDATE delivery SET kind = 'notice' WHERE kind = 'review_asked'")
