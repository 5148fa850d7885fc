"""Leases: which sending process holds which rows, and until when (sending.md)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped

from service.models.base import WORKING, Base, BigId, Instant, column, ref


class Lease(Base):
    """What one sending process holds: the rows between two numbers that bear its name, all until the same moment.

    One row a process, not one a mail: an index on what changes at each claim and each settle cost PostgreSQL 90 of 110
    µs a mail, and a renewal touched every row.
    """

    __tablename__ = "lease"

    owner: Mapped[str] = column(String(120), WORKING, primary_key=True)
    campaign_id: Mapped[int | None] = ref("campaign.id", WORKING, index=False)
    # Nothing that the process may hold lies outside; a claim whose COMMIT was not heard of neither.
    from_id: Mapped[int] = column(BigId, WORKING)
    to_id: Mapped[int] = column(BigId, WORKING)
    expires_at: Mapped[datetime] = column(Instant, WORKING)
