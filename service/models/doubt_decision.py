"""The decisions of the team to leave mail in doubt: which mail, and the entry of the journal that says who and when."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Index, func, select
from sqlalchemy.orm import Mapped
from sqlalchemy.sql import Select

from service.models.base import LINK, PROOF, Base, ref
from service.models.journal import JournalEntry
from service.models.staff import Staff


class DoubtDecision(Base):
    """One mail that a decision left in doubt. Not a column of `delivery`, whose rows are written anew at each sending."""

    __tablename__ = "doubt_decision"
    __table_args__ = (Index("ix_doubt_decision_campaign_id_entry_id", "campaign_id", "entry_id"),)

    # A late word may call a mail in doubt anew, and somebody decides on it once more: the last decision counts.
    delivery_id: Mapped[int] = ref("delivery.id", PROOF, index=False, primary_key=True)
    entry_id: Mapped[int] = ref("journal.id", PROOF, index=False, primary_key=True)
    campaign_id: Mapped[int] = ref("campaign.id", LINK, index=False)

    @staticmethod
    def last(campaign_id: ColumnElement[int]) -> ColumnElement[int]:
        """The last decision on a campaign of the query around this one: an entry of the journal; 0 before any."""
        last = select(func.max(DoubtDecision.entry_id)).where(DoubtDecision.campaign_id == campaign_id)
        # Of the query around it however deep it stands there: by itself SQLAlchemy looks one query up.
        return func.coalesce(last.correlate_except(DoubtDecision).scalar_subquery(), 0)

    @staticmethod
    def made_between(campaign_id: ColumnElement[int], after: datetime, until: datetime) -> Select[int]:
        """The decisions on a campaign of the query around this one, made later than `after` and not later than `until`."""
        return (
            select(DoubtDecision.entry_id)
            .join(JournalEntry, JournalEntry.id == DoubtDecision.entry_id)
            .where(DoubtDecision.campaign_id == campaign_id, JournalEntry.at > after, JournalEntry.at <= until)
        )

    @staticmethod
    def told(campaign_id: int, delivery_ids: list[int] | None = None) -> Select[int, datetime, str | None]:
        """Who decided when, of all the mail of a campaign or of these: number, hour and name, the last decision last.

        The name is None when the account is gone.
        """
        query = (
            select(DoubtDecision.delivery_id, JournalEntry.at, Staff.name)
            .join(JournalEntry, JournalEntry.id == DoubtDecision.entry_id)
            .outerjoin(Staff, Staff.id == JournalEntry.staff_id)
            .where(DoubtDecision.campaign_id == campaign_id)
            .order_by(DoubtDecision.entry_id)
        )
        return query if delivery_ids is None else query.where(DoubtDecision.delivery_id.in_(delivery_ids))
