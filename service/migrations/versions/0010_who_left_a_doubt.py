"""Which mail a decision of the team left in doubt, so that its proof can say who decided, and when.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# A campaign with one such act: it is the one that left each of its mails so. Of several nobody knows which was which.
KNOWN = """INSERT INTO doubt_decision (delivery_id, entry_id, campaign_id)
SELECT delivery.id, act.entry_id, delivery.campaign_id FROM delivery JOIN (
SELECT subject_id, min(id) AS entry_id FROM journal WHERE act = 'campaign.doubts_leave' AND subject = 'campaign'
GROUP BY subject_id HAVING count(*) = 1) AS act ON act.subject_id = delivery.campaign_id
WHERE delivery.state = 'in_doubt' AND delivery.doubted_at IS NULL
AND delivery.why IN ('connection_lost', 'process_ended', 'log_lost', 'lease_ended')"""


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "doubt_decision",
        sa.Column("delivery_id", number, nullable=False),
        sa.Column("entry_id", number, nullable=False),
        sa.Column("campaign_id", number, nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_doubt_decision_campaign_id_campaign")),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_doubt_decision_delivery_id_delivery")),
        sa.ForeignKeyConstraint(["entry_id"], ["journal.id"], name=op.f("fk_doubt_decision_entry_id_journal")),
        sa.PrimaryKeyConstraint("delivery_id", "entry_id", name=op.f("pk_doubt_decision")),
    )
    op.create_index("ix_doubt_decision_campaign_id_entry_id", "doubt_decision", ["campaign_id", "entry_id"])
    op.execute(KNOWN)


def downgrade() -> None:
    op.drop_table("doubt_decision")
