"""The grants of mailbox providers: what `pli mail connect` was given, sealed (XOAUTH2)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped

from service.models.base import OPERATION, Base, Instant, column


class MailGrant(Base):
    """One provider's grant: the long-lived token, and the short-lived one drawn from it, both sealed by SECRET_KEY."""

    __tablename__ = "mail_grant"

    provider: Mapped[str] = column(String(16), OPERATION, primary_key=True)
    refresh: Mapped[bytes] = column(LargeBinary, OPERATION)
    access: Mapped[bytes] = column(LargeBinary, OPERATION)
    access_ends_at: Mapped[datetime] = column(Instant, OPERATION)
    connected_at: Mapped[datetime] = column(Instant, OPERATION)
    # Since when the provider refuses the grant for good; it is not asked again before a new one is given.
    refused_at: Mapped[datetime | None] = column(Instant, OPERATION)
