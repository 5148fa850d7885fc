"""Events: the monthly RDV and the general assembly, with date, place and state."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer, String, select
from sqlalchemy.orm import Mapped
from sqlalchemy.sql import Select

from service.core.vocabulary import EventKind, EventState
from service.models.base import ORGANISING, Base, Instant, column, number, words


class Event(Base):
    """A meeting that members are invited or convened to."""

    __tablename__ = "event"

    id: Mapped[int] = number()
    slug: Mapped[str] = column(String(80), ORGANISING, unique=True)
    kind: Mapped[EventKind] = column(words(EventKind), ORGANISING)
    title: Mapped[str] = column(String(200), ORGANISING)
    starts_at: Mapped[datetime] = column(Instant, ORGANISING)
    ends_at: Mapped[datetime] = column(Instant, ORGANISING)
    # The zone's name beside the instant: « 14 h » must stay 14 h if the law changes the offset.
    zone: Mapped[str] = column(String(64), ORGANISING)
    place: Mapped[str] = column(String(400), ORGANISING, default="")
    video: Mapped[str] = column(String(400), ORGANISING, default="")
    capacity: Mapped[int | None] = column(Integer, ORGANISING)
    deadline_at: Mapped[datetime | None] = column(Instant, ORGANISING)
    state: Mapped[EventState] = column(words(EventState), ORGANISING, default=EventState.ANNOUNCED)
    # iCalendar SEQUENCE (RFC 5545 3.8.7.4): raised each time the date or the place moves.
    sequence: Mapped[int] = column(Integer, ORGANISING, default=0)
    created_at: Mapped[datetime] = column(Instant, ORGANISING)

    @staticmethod
    def in_order() -> Select[Event]:
        """All events, the soonest first."""
        return select(Event).order_by(Event.starts_at, Event.id)
