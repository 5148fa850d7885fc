"""Authorships: what the team said of who wrote a message that only its From ties to a member (S3)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, select
from sqlalchemy.orm import Mapped, relationship
from sqlalchemy.sql import Select

from service.models.base import EXCHANGE, Base, Instant, column, number, ref
from service.models.member import Contact


class Authorship(Base):
    """One word of the team on one message: it is this contact's, or it is not; taken back, the row goes."""

    __tablename__ = "authorship"

    id: Mapped[int] = number()
    inbound_message_id: Mapped[int] = ref("inbound_message.id", EXCHANGE, index=False, unique=True)
    # Who was proposed: given back to the message when the word is taken back.
    contact_id: Mapped[int | None] = ref("contact.id", EXCHANGE, ondelete="SET NULL")
    is_theirs: Mapped[bool] = column(Boolean, EXCHANGE)
    staff_id: Mapped[int] = ref("staff.id", EXCHANGE, index=False)
    at: Mapped[datetime] = column(Instant, EXCHANGE)

    contact: Mapped[Contact | None] = relationship()

    @staticmethod
    def of(message_ids: list[int]) -> Select[Authorship]:
        """What was said of these messages."""
        return select(Authorship).where(Authorship.inbound_message_id.in_(message_ids))
