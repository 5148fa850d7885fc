"""The staff: who may sign in, and what they may do."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Integer, String, select, true
from sqlalchemy.orm import Mapped
from sqlalchemy.sql import Select

from service.core.vocabulary import Role
from service.models.base import STAFFING, WORKING, Base, Instant, column, number, words


class Staff(Base):
    """A member of the cooperative's team."""

    __tablename__ = "staff"

    id: Mapped[int] = number()
    email: Mapped[str] = column(String(254), STAFFING, unique=True)
    name: Mapped[str] = column(String(200), STAFFING)
    role: Mapped[Role] = column(words(Role), STAFFING)
    password_hash: Mapped[str] = column(String(200), STAFFING)
    # Raised to end every open session of this person (S17).
    session_version: Mapped[int] = column(Integer, STAFFING, default=1)
    created_at: Mapped[datetime] = column(Instant, STAFFING)
    disabled_at: Mapped[datetime | None] = column(Instant, STAFFING)
    # Whether what waits is told at 8 h by mail.
    wants_mornings: Mapped[bool] = column(Boolean, STAFFING, default=True, server_default=true())

    @staticmethod
    def named(email: str) -> Select[Staff]:
        """The staff member who signs in with this address."""
        return select(Staff).where(Staff.email == email)


class Pulse(Base):
    """When a process was last seen at work, so that the clock's silence is noticed."""

    __tablename__ = "pulse"

    name: Mapped[str] = column(String(64), WORKING, primary_key=True)
    at: Mapped[datetime] = column(Instant, WORKING)
