"""How often mail to an address came back lately, for reasons that bar nobody at once; the address by its fingerprint alone."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Date, Integer, String
from sqlalchemy.orm import Mapped

from service.models.base import SENDING, Base, column


class BounceScore(Base):
    """The points of one address: one a day on which mail to it came back."""

    __tablename__ = "bounce_score"

    address_hmac: Mapped[str] = column(String(64), SENDING, primary_key=True)
    points: Mapped[int] = column(Integer, SENDING, default=0)
    last_on: Mapped[date] = column(Date, SENDING)
    # Our sentence about the last one.
    reason: Mapped[str] = column(String(400), SENDING, default="")
