"""Granted wishes: what the team did because a mail asked for it, and the mail that says so to the member."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Integer, String, UniqueConstraint, select, text
from sqlalchemy.orm import Mapped, relationship
from sqlalchemy.sql import Select

from service.core.vocabulary import Granted
from service.models.base import EXCHANGE, Base, Instant, column, number, ref, words
from service.models.member import Contact
from service.models.question import Asking


class GrantedWish(Base):
    """One act of the team with the mail that asked for it as its source, read by its receipt; undone, it may be done again."""

    __tablename__ = "granted_wish"
    # Whatever the clicks, once a mail.
    __table_args__ = (UniqueConstraint("asking_id", "granted"),)

    id: Mapped[int] = number()
    asking_id: Mapped[int] = ref("asking.id", EXCHANGE, index=False)
    contact_id: Mapped[int | None] = ref("contact.id", EXCHANGE, ondelete="SET NULL")
    granted: Mapped[Granted] = column(words(Granted), EXCHANGE)
    # What was done, as the receipt says it: the lists left, the day. Never an address.
    detail: Mapped[str] = column(String(1000), EXCHANGE, default="")
    staff_id: Mapped[int] = ref("staff.id", EXCHANGE, index=False)
    at: Mapped[datetime] = column(Instant, EXCHANGE)
    # When the team took it back, and who; a number alone: SQLite adds no reference to a table that is there.
    undone_at: Mapped[datetime | None] = column(Instant, EXCHANGE)
    undone_by: Mapped[int | None] = column(BigInteger, EXCHANGE)
    # How many of its receipts were kept back before they left: only then is another one ordered.
    withdrawn: Mapped[int] = column(Integer, EXCHANGE, default=0, server_default=text("0"))

    asking: Mapped[Asking] = relationship()
    contact: Mapped[Contact | None] = relationship()

    @property
    def key(self) -> str:
        """What its receipt is ordered under."""
        return f"receipt:{self.id}" + (f":{self.withdrawn}" if self.withdrawn else "")

    @property
    def key_of_new(self) -> str:
        """What its receipt to a new address is ordered under."""
        return f"receipt:{self.id}:new"

    @staticmethod
    def to(asking_ids: list[int]) -> Select[GrantedWish]:
        """What was done for these askings, the first act first."""
        return select(GrantedWish).where(GrantedWish.asking_id.in_(asking_ids)).order_by(GrantedWish.id)
