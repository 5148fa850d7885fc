"""What the team does with a question: what a search finds it by, who takes care of it, which changes it had, notes, answers.

Revision ID: 0014
Revises: 0013
"""

import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_BATCH = 500


def upgrade() -> None:
    op.add_column("asking", sa.Column("folded", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("asking", sa.Column("channel", sa.String(24), server_default=sa.text("'mail'"), nullable=False))
    _fold_what_is_there()
    op.add_column("question", sa.Column("is_private", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("question", sa.Column("due_on", sa.Date(), nullable=True))
    op.add_column("question", sa.Column("assigned_to", sa.BigInteger(), nullable=True))
    op.add_column("question", sa.Column("changed_by", sa.BigInteger(), nullable=True))
    op.add_column("question", sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("question", sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False))
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "question_note",
        sa.Column("id", number, nullable=False),
        sa.Column("question_id", number, nullable=False),
        sa.Column("staff_id", number, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["question_id"], ["question.id"], name=op.f("fk_question_note_question_id_question")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_question_note_staff_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question_note")),
    )
    op.create_index(op.f("ix_question_note_question_id"), "question_note", ["question_id"])
    op.create_table(
        "answer",
        sa.Column("id", number, nullable=False),
        sa.Column("question_id", number, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("written_by", number, nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_by", number, nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["question_id"], ["question.id"], name=op.f("fk_answer_question_id_question")),
        sa.ForeignKeyConstraint(["written_by"], ["staff.id"], name=op.f("fk_answer_written_by_staff")),
        sa.ForeignKeyConstraint(["sent_by"], ["staff.id"], name=op.f("fk_answer_sent_by_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answer")),
        sa.UniqueConstraint("question_id", name=op.f("uq_answer_question_id")),
    )
    op.create_table(
        "answer_letter",
        sa.Column("id", number, nullable=False),
        sa.Column("answer_id", number, nullable=False),
        sa.Column("asking_id", number, nullable=False),
        sa.ForeignKeyConstraint(["answer_id"], ["answer.id"], name=op.f("fk_answer_letter_answer_id_answer")),
        sa.ForeignKeyConstraint(["asking_id"], ["asking.id"], name=op.f("fk_answer_letter_asking_id_asking")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answer_letter")),
        sa.UniqueConstraint("answer_id", "asking_id", name=op.f("uq_answer_letter_answer_id_asking_id")),
    )
    op.create_index(op.f("ix_answer_letter_asking_id"), "answer_letter", ["asking_id"])


def downgrade() -> None:
    op.drop_table("answer_letter")
    op.drop_table("answer")
    op.drop_table("question_note")
    # Not as a batch: on SQLite that would make the table anew under the rows that refer to it.
    for name in ("version", "changed_at", "changed_by", "assigned_to", "due_on", "is_private"):
        op.drop_column("question", name)
    op.drop_column("asking", "channel")
    op.drop_column("asking", "folded")


def _fold_what_is_there() -> None:
    """Write for each question asked so far what the search of this version looks in."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    asking = sa.table(
        "asking",
        sa.column("id", number),
        sa.column("text", sa.Text),
        sa.column("from_address", sa.String),
        sa.column("folded", sa.Text),
    )
    connection, last = op.get_bind(), 0
    query = sa.select(asking.c.id, asking.c.text, asking.c.from_address).order_by(asking.c.id).limit(_BATCH)
    write = sa.update(asking).where(asking.c.id == sa.bindparam("b_id")).values(folded=sa.bindparam("b_folded"))
    while rows := connection.execute(query.where(asking.c.id > last)).all():
        connection.execute(write, [{"b_id": row[0], "b_folded": _fold(f"{row[1]} {row[2]}")} for row in rows])
        last = rows[-1][0]


def _fold(text: str) -> str:
    # As `service.core.names.fold` did it then: an old migration needs nothing of today's code.
    plain = unicodedata.normalize("NFKD", text).casefold().replace("œ", "oe").replace("æ", "ae")
    bare = "".join(character for character in plain if not unicodedata.combining(character))
    return re.sub(r"[^a-z0-9@.+_]+", " ", bare).strip()
