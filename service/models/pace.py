"""What the pace of sending remembers: how many mails were taken when, and how each destination's servers answer."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer, String, select
from sqlalchemy.orm import Mapped
from sqlalchemy.sql import Select

from service.core.reading import severity
from service.models.base import WORKING, Base, Instant, column


class PaceUse(Base):
    """Mails taken for the wire in one slot of ten seconds, in all (domain "") or for one destination domain."""

    __tablename__ = "pace_use"

    domain: Mapped[str] = column(String(253), WORKING, primary_key=True)
    began: Mapped[datetime] = column(Instant, WORKING, primary_key=True)
    count: Mapped[int] = column(Integer, WORKING, default=0)


class Destination(Base):
    """One destination domain that has refused mail by policy: its last answers, and whether it is left in peace (D20)."""

    __tablename__ = "destination"

    domain: Mapped[str] = column(String(253), WORKING, primary_key=True)
    # The last twenty answers, the newest last: x for a refusal by policy, a dot for any other.
    answers: Mapped[str] = column(String(20), WORKING, default="")
    paused_at: Mapped[datetime | None] = column(Instant, WORKING)
    code: Mapped[str] = column(String(16), WORKING, default="")
    reply: Mapped[str] = column(String(400), WORKING, default="")

    @property
    def denies_everybody(self) -> bool:
        """Whether it is left in peace since its server says of everybody that there is no such address."""
        return self.paused_at is not None and severity.is_unknown(self.code, self.reply)

    @staticmethod
    def paused() -> Select[Destination]:
        """The destinations that nothing leaves for now."""
        return select(Destination).where(Destination.paused_at.is_not(None)).order_by(Destination.domain)
