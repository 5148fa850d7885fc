"""Which question a question was merged into; who asked it stands there, and comes back when that is undone.

Revision ID: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("question", sa.Column("merged_into", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_question_merged_into"), "question", ["merged_into"])


def downgrade() -> None:
    # An older version knows no merged question: each stands alone again, with who asked it, before the column goes.
    op.execute("UPDATE asking SET question_id = first_question_id WHERE question_id <> first_question_id")
    op.drop_index(op.f("ix_question_merged_into"), "question")
    op.drop_column("question", "merged_into")
