"""Themes: the short list of what questions are about, kept by the team."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped
from sqlalchemy.sql import Select

from service.models.base import ORGANISING, Base, Instant, column, number


class Theme(Base):
    """What a question is about, in the words of the team: finances, strategy, documents."""

    __tablename__ = "theme"

    id: Mapped[int] = number()
    name: Mapped[str] = column(String(80), ORGANISING)
    # Without accents or case: two spellings of a theme are one.
    folded: Mapped[str] = column(String(160), ORGANISING, unique=True)
    created_at: Mapped[datetime] = column(Instant, ORGANISING)

    @staticmethod
    def by_name() -> Select[Theme]:
        """All themes in alphabetical order."""
        return select(Theme).order_by(Theme.folded)
