"""The front: up to which row all of a campaign has left, so that no look passes it by again (docs/decisions/0019)."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Mapped

from service.core.vocabulary import OPEN_STATES
from service.models.base import LINK, WORKING, Base, BigId, column, number
from service.models.delivery import Delivery


class Front(Base):
    """No mail of the campaign with this number, or a smaller one, waits or is at the wire, put off ones aside.

    The smallest of the rows of a campaign is what holds: one is written at the launch, whoever has mail wait again adds one,
    and the clock puts one in the place of those it has seen. No foreign key, for the reason given at the tally.
    """

    __tablename__ = "front"

    id: Mapped[int] = number()
    campaign_id: Mapped[int] = column(BigId, LINK, index=True)
    passed_id: Mapped[int] = column(BigId, WORKING)

    @staticmethod
    def of(campaign_id: int | ColumnElement[int] | ColumnElement[int | None]) -> ColumnElement[int]:
        """The number up to which nothing of a campaign waits for its first attempt; 0 where it is not known."""
        lowest = select(func.min(Front.passed_id)).where(Front.campaign_id == campaign_id)
        # Of the query around it however deep it stands there: by itself SQLAlchemy looks one query up.
        return func.coalesce(lowest.correlate_except(Front).scalar_subquery(), 0)

    @staticmethod
    def is_held_back_by() -> ColumnElement[bool]:
        """Whether a mail holds the front back: it waits, or is at the wire, and was not put off to an hour of its own."""
        return and_(Delivery.due_at.is_(None), Delivery.state.in_(OPEN_STATES))
