"""By what the report that marks a mail was tied to it: one that is surely about it takes the place of one that may be.

Revision ID: 0025
Revises: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

# Of what a former version marked, its own sentence says so.
_SAID = {
    "relay": "%cite le numéro donné au message par le relais%",
    "recipient": "%cite cette adresse, sans dire de quel message il parle%",
}


def upgrade() -> None:
    op.add_column("delivery", sa.Column("bounced_by", sa.String(24), nullable=True))
    for by, said in _SAID.items():
        op.execute(
            sa.text(
                "UPDATE delivery SET bounced_by = :by WHERE bounced_at IS NOT NULL AND bounce_code IS NULL "
                "AND bounce_reason LIKE :said"
            ).bindparams(by=by, said=said)
        )


def downgrade() -> None:
    # Not as a batch: on SQLite that would make the table anew under the rows that refer to it.
    op.drop_column("delivery", "bounced_by")
