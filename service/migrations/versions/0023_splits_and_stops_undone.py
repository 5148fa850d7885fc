"""What a split question was before, which questions a split made, and when the team undid what a mail asked for.

Revision ID: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "question_split",
        sa.Column("id", number, nullable=False),
        sa.Column("question_id", number, nullable=False),
        sa.Column("asking_id", number, nullable=False),
        sa.Column("whole", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["question_id"], ["question.id"], name=op.f("fk_question_split_question_id_question")),
        sa.ForeignKeyConstraint(["asking_id"], ["asking.id"], name=op.f("fk_question_split_asking_id_asking")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question_split")),
    )
    op.create_index(op.f("ix_question_split_question_id"), "question_split", ["question_id"])
    op.add_column("question", sa.Column("split_id", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_question_split_id"), "question", ["split_id"])
    op.add_column("granted_wish", sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("granted_wish", sa.Column("undone_by", sa.BigInteger(), nullable=True))
    op.add_column("granted_wish", sa.Column("withdrawn", sa.Integer(), server_default=sa.text("0"), nullable=False))


def downgrade() -> None:
    # An older version would take a stop that was undone for one that still holds. What was done stays in the journal.
    op.execute("DELETE FROM granted_wish WHERE undone_at IS NOT NULL")
    op.drop_column("granted_wish", "withdrawn")
    op.drop_column("granted_wish", "undone_by")
    op.drop_column("granted_wish", "undone_at")
    op.drop_index(op.f("ix_question_split_id"), "question")
    op.drop_column("question", "split_id")
    op.drop_table("question_split")
