"""What is remembered of the relay: whether it keeps up with commands that follow each other without a pause."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped

from service.models.base import WORKING, Base, Instant, column


class DistrustedRelay(Base):
    """A relay that lost count of pipelined commands (RFC 2920) although it offers them, and since when."""

    __tablename__ = "distrusted_relay"

    # Its host and port: another relay begins without it.
    address: Mapped[str] = column(String(300), WORKING, primary_key=True)
    since: Mapped[datetime] = column(Instant, WORKING)
