"""Which decision of the team each sealed proof tells: one taken after the end is sealed anew.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BEFORE = "uq_campaign_proof_campaign_id_finished_at"
AFTER = "uq_campaign_proof_campaign_id_finished_at_decision_id"
# What was decided before a seal is told in it.
TOLD = """UPDATE campaign_proof SET decision_id = coalesce((SELECT max(doubt_decision.entry_id) FROM doubt_decision
JOIN journal ON journal.id = doubt_decision.entry_id
WHERE doubt_decision.campaign_id = campaign_proof.campaign_id AND journal.at <= campaign_proof.at), 0)"""
# Witnesses hold each of them: none is deleted, and of one end each but the first takes its own hour for one.
APART = """UPDATE campaign_proof SET finished_at = at WHERE EXISTS (SELECT 1 FROM campaign_proof AS earlier
WHERE earlier.campaign_id = campaign_proof.campaign_id AND earlier.finished_at = campaign_proof.finished_at
AND earlier.id < campaign_proof.id)"""


def upgrade() -> None:
    decision = sa.Column(
        "decision_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), server_default=sa.text("0"), nullable=False
    )
    # As a batch, since SQLite changes no constraint; nothing refers to this table.
    with op.batch_alter_table("campaign_proof") as table:
        table.add_column(decision)
        table.drop_constraint(op.f(BEFORE), type_="unique")
        table.create_unique_constraint(op.f(AFTER), ["campaign_id", "finished_at", "decision_id"])
    op.execute(TOLD)


def downgrade() -> None:
    op.execute(APART)
    with op.batch_alter_table("campaign_proof") as table:
        table.drop_constraint(op.f(AFTER), type_="unique")
        table.create_unique_constraint(op.f(BEFORE), ["campaign_id", "finished_at"])
        table.drop_column("decision_id")
