"""The words of the server in the report that brought a mail back, beside what we say of them.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "delivery", sa.Column("bounce_words", sa.String(length=1000), server_default=sa.text("''"), nullable=False)
    )


def downgrade() -> None:
    # Not as a batch: on SQLite that would make the table anew under the rows that refer to it.
    op.drop_column("delivery", "bounce_words")
