"""What the team does with a question: what a search finds it by.

Revision ID: 0014
Revises: 0012
"""

import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None

_BATCH = 500


def upgrade() -> None:
    op.add_column("asking", sa.Column("folded", sa.Text(), server_default=sa.text("''"), nullable=False))
    _fold_what_is_there()


def downgrade() -> None:
    # Not as a batch: on SQLite that would make the table anew under the rows that refer to it.
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
