"""One index less on delivery: nothing looks for a mail by the fingerprint of its address, and each claim and each settle
of a row wrote a random place of it anew.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_delivery_address_hmac", "delivery")


def downgrade() -> None:
    op.create_index("ix_delivery_address_hmac", "delivery", ["address_hmac"], unique=False)
