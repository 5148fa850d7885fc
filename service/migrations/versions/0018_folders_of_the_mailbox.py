"""Where in the mailbox a message lay, where it was put once it was read, and how full the mailbox is.

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_TO_FILE = sa.text("state = 'treated' AND matched_by <> 'nothing' AND filed_at IS NULL")


def upgrade() -> None:
    op.add_column("inbound_message", sa.Column("from_junk", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("inbound_message", sa.Column("filed_in", sa.String(length=24), nullable=True))
    op.add_column("inbound_message", sa.Column("filed_at", sa.DateTime(timezone=True), nullable=True))
    # What was read so far stays where people know it to lie.
    op.execute("UPDATE inbound_message SET filed_at = treated_at WHERE state = 'treated'")
    op.create_index(
        "ix_inbound_message_to_file",
        "inbound_message",
        ["account", "folder"],
        sqlite_where=_TO_FILE,
        postgresql_where=_TO_FILE,
    )
    op.add_column(
        "mailbox_cursor", sa.Column("moves_refused", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("mailbox_cursor", sa.Column("file_again_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "mailbox_room",
        sa.Column("account", sa.String(length=254), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_mailbox_room")),
    )


def downgrade() -> None:
    op.drop_table("mailbox_room")
    # Not as a batch: on SQLite that would make the table anew under the rows that refer to it.
    op.drop_column("mailbox_cursor", "file_again_at")
    op.drop_column("mailbox_cursor", "moves_refused")
    op.drop_index("ix_inbound_message_to_file", table_name="inbound_message")
    op.drop_column("inbound_message", "filed_at")
    op.drop_column("inbound_message", "filed_in")
    op.drop_column("inbound_message", "from_junk")
    # An older version reads no such word: nothing ties what the team took in.
    op.execute("UPDATE inbound_message SET matched_by = 'nothing' WHERE matched_by = 'staff'")
    op.execute("UPDATE asking SET matched_by = 'nothing' WHERE matched_by = 'staff'")
