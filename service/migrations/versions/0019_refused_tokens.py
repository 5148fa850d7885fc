"""Why a token in an incoming message was not believed, so that forged ones can be counted.

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("inbound_message", sa.Column("token_refused", sa.String(24), nullable=True))
    op.create_index(
        "ix_inbound_message_token_refused",
        "inbound_message",
        ["treated_at"],
        sqlite_where=sa.text("token_refused IS NOT NULL"),
        postgresql_where=sa.text("token_refused IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_inbound_message_token_refused", table_name="inbound_message")
    # Not as a batch: on SQLite that would make the table anew under the rows that refer to it.
    op.drop_column("inbound_message", "token_refused")
    # An older version reads no such words. Not « nothing »: these rows name their mail, and may lie in a folder of ours.
    op.execute("UPDATE inbound_message SET matched_by = 'references' WHERE matched_by IN ('relay', 'recipient')")
    op.execute("UPDATE asking SET matched_by = 'references' WHERE matched_by IN ('relay', 'recipient')")
