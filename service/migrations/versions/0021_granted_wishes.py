"""What the team did because a mail asked for it, and what each question is about.

Revision ID: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "granted_wish",
        sa.Column("id", number, nullable=False),
        sa.Column("asking_id", number, nullable=False),
        sa.Column("contact_id", number, nullable=True),
        sa.Column("granted", sa.String(24), nullable=False),
        sa.Column("detail", sa.String(1000), nullable=False),
        sa.Column("staff_id", number, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["asking_id"], ["asking.id"], name=op.f("fk_granted_wish_asking_id_asking")),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name=op.f("fk_granted_wish_contact_id_contact"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_granted_wish_staff_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_granted_wish")),
        sa.UniqueConstraint("asking_id", "granted", name=op.f("uq_granted_wish_asking_id_granted")),
    )
    op.create_index(op.f("ix_granted_wish_contact_id"), "granted_wish", ["contact_id"])
    op.create_table(
        "theme",
        sa.Column("id", number, nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("folded", sa.String(160), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_theme")),
        sa.UniqueConstraint("folded", name=op.f("uq_theme_folded")),
    )
    op.add_column("question", sa.Column("theme_id", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_question_theme_id"), "question", ["theme_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_question_theme_id"), "question")
    op.drop_column("question", "theme_id")
    op.drop_table("theme")
    op.drop_table("granted_wish")
    # An older version reads no such kind, and would write what waits in other words: it leaves no more, and what may have
    # left stays in doubt.
    op.execute(
        "UPDATE delivery SET state = 'in_doubt', why = 'process_ended', due_at = NULL, doubted_at = NULL, "
        "lease_owner = NULL, settled_at = COALESCE(settled_at, handed_at, created_at) WHERE kind = 'receipt' "
        "AND (state IN ('handing', 'in_doubt') OR doubts > 0 AND state IN ('pending', 'deferred'))"
    )
    op.execute(
        "UPDATE delivery SET state = 'skipped', why = 'stopped', due_at = NULL, lease_owner = NULL, "
        "settled_at = COALESCE(settled_at, created_at) WHERE kind = 'receipt' AND state IN ('pending', 'deferred')"
    )
    op.execute("UPDATE delivery SET kind = 'notice' WHERE kind = 'receipt'")
