"""The journal: who did what, each row chained to the one before by a hash (S27). No text of a message, no address."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped

from service.models.base import TRACE, Base, Instant, column, json_object, number


class JournalEntry(Base):
    """One act. The staff member is kept as a bare number, so that the entry outlives the account."""

    __tablename__ = "journal"

    id: Mapped[int] = number()
    at: Mapped[datetime] = column(Instant, TRACE)
    staff_id: Mapped[int | None] = column(BigInteger, TRACE)
    act: Mapped[str] = column(String(64), TRACE)
    subject: Mapped[str] = column(String(64), TRACE, default="")
    subject_id: Mapped[int | None] = column(BigInteger, TRACE)
    detail: Mapped[dict[str, str | int]] = column(json_object(), TRACE, default=dict)
    previous_hash: Mapped[str] = column(String(64), TRACE)
    hash: Mapped[str] = column(String(64), TRACE, unique=True)
