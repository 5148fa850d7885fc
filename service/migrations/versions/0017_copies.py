"""By what the copies of an incoming message are known, which of them stands for all, what is known of who
sent it; and how often mail to an address came back.

Revision ID: 0017
Revises: 0016
"""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_STANDS = sa.text("copy_of IS NULL")


def upgrade() -> None:
    op.add_column("inbound_message", sa.Column("content_key", sa.String(64), nullable=True))
    op.add_column("inbound_message", sa.Column("copy_of", sa.BigInteger(), nullable=True))
    op.add_column("inbound_message", sa.Column("id_shared", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column(
        "inbound_message", sa.Column("sender_check", sa.String(24), server_default=sa.text("'unknown'"), nullable=False)
    )
    op.create_table(
        "bounce_score",
        sa.Column("address_hmac", sa.String(64), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(400), nullable=False),
        sa.PrimaryKeyConstraint("address_hmac", name=op.f("pk_bounce_score")),
    )
    _name_what_was_read()
    op.create_index("ix_inbound_message_content_key", "inbound_message", ["content_key"])
    op.create_index(
        "uq_inbound_message_first",
        "inbound_message",
        ["content_key"],
        unique=True,
        sqlite_where=_STANDS,
        postgresql_where=_STANDS,
    )


def downgrade() -> None:
    op.drop_table("bounce_score")
    # An older version reads no such kind, and would write what waits in other words: it leaves no more, and what may have
    # left stays in doubt.
    op.execute(
        "UPDATE delivery SET state = 'in_doubt', why = 'process_ended', due_at = NULL, doubted_at = NULL, "
        "lease_owner = NULL, settled_at = COALESCE(settled_at, handed_at, created_at) WHERE kind IN ('question_received', 'unsubscribe_link') "
        "AND (state IN ('handing', 'in_doubt') OR doubts > 0 AND state IN ('pending', 'deferred'))"
    )
    op.execute(
        "UPDATE delivery SET state = 'skipped', why = 'stopped', due_at = NULL, lease_owner = NULL, "
        "settled_at = COALESCE(settled_at, created_at) WHERE kind IN ('question_received', 'unsubscribe_link') AND state IN ('pending', 'deferred')"
    )
    op.execute("UPDATE delivery SET kind = 'notice' WHERE kind IN ('question_received', 'unsubscribe_link')")
    op.drop_index("uq_inbound_message_first", "inbound_message")
    op.drop_index("ix_inbound_message_content_key", "inbound_message")
    # Not as a batch: on SQLite that would make the table anew under the rows that refer to it.
    for name in ("sender_check", "id_shared", "copy_of", "content_key"):
        op.drop_column("inbound_message", name)


def _name_what_was_read() -> None:
    """Know what was read so far by its bytes; of the same bytes the one that opened the question stands for all."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    message = sa.table(
        "inbound_message",
        sa.column("id", number),
        sa.column("state", sa.String),
        sa.column("sha256", sa.String),
        sa.column("content_key", sa.String),
        sa.column("copy_of", number),
    )
    asking = sa.table("asking", sa.column("inbound_message_id", number))
    connection = op.get_bind()
    read = sa.and_(message.c.state == "treated", message.c.sha256 != hashlib.sha256(b"").hexdigest())
    connection.execute(sa.update(message).where(read).values(content_key=message.c.sha256))
    repeated = sa.select(message.c.sha256).where(read).group_by(message.c.sha256).having(sa.func.count() > 1)
    asked = sa.select(asking.c.inbound_message_id).where(asking.c.inbound_message_id == message.c.id)
    for (sha256,) in connection.execute(repeated).all():
        same = sa.and_(read, message.c.sha256 == sha256)
        order = sa.case((asked.exists(), 0), else_=1)
        first = connection.execute(sa.select(message.c.id).where(same).order_by(order, message.c.id).limit(1)).scalar()
        connection.execute(sa.update(message).where(same, message.c.id != first).values(copy_of=first))
