"""What the team said of who wrote a message that only its From ties to a member; why an address is not written to.

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "authorship",
        sa.Column("id", number, nullable=False),
        sa.Column("inbound_message_id", number, nullable=False),
        sa.Column("contact_id", number, nullable=True),
        sa.Column("is_theirs", sa.Boolean(), nullable=False),
        sa.Column("staff_id", number, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["inbound_message_id"],
            ["inbound_message.id"],
            name=op.f("fk_authorship_inbound_message_id_inbound_message"),
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name=op.f("fk_authorship_contact_id_contact"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_authorship_staff_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authorship")),
        sa.UniqueConstraint("inbound_message_id", name=op.f("uq_authorship_inbound_message_id")),
    )
    op.create_index(op.f("ix_authorship_contact_id"), "authorship", ["contact_id"])


def downgrade() -> None:
    # Of whom the team said that he did not write, nobody is taken for the author by an older version either.
    op.drop_table("authorship")
    # An older version has one word for all reasons why an address is not written to.
    op.execute(
        "UPDATE delivery SET why = 'suppressed' "
        "WHERE why IN ('suppressed_unknown', 'suppressed_returned', 'suppressed_objected')"
    )
    # Nor does it read this kind of mail: what waits leaves no more, and what may have left stays in doubt.
    op.execute(
        "UPDATE delivery SET state = 'in_doubt', why = 'process_ended', due_at = NULL, doubted_at = NULL, "
        "lease_owner = NULL, settled_at = COALESCE(settled_at, handed_at, created_at) WHERE kind = 'move' "
        "AND (state IN ('handing', 'in_doubt') OR doubts > 0 AND state IN ('pending', 'deferred'))"
    )
    op.execute(
        "UPDATE delivery SET state = 'skipped', why = 'stopped', due_at = NULL, lease_owner = NULL, "
        "settled_at = COALESCE(settled_at, created_at) WHERE kind = 'move' AND state IN ('pending', 'deferred')"
    )
    op.execute("UPDATE delivery SET kind = 'notice' WHERE kind = 'move'")
