"""Campaigns: one message to many, written in numbered versions; an approval points to one exact version (S11)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Integer, LargeBinary, String, Text, UniqueConstraint, and_, or_, select, text
from sqlalchemy.orm import Mapped, relationship
from sqlalchemy.sql import Select

from service.core.vocabulary import CampaignStatus, MailClass, MailKind, Wait
from service.models.base import (
    ORGANISING,
    PROOF,
    SENDING,
    WORKING,
    Base,
    Instant,
    column,
    json_object,
    number,
    ref,
    words,
)
from service.models.event import Event
from service.models.mailing_list import MailingList
from service.models.staff import Staff


class Campaign(Base):
    """A message to the union of its lists; the first is its home list, which gives class, List-Id and footer."""

    __tablename__ = "campaign"
    # A page that is still open on a deleted draft must not write into the next one.
    __table_args__: dict[str, object] = {"sqlite_autoincrement": True}  # noqa: RUF012 (SQLAlchemy's own form)

    id: Mapped[int] = number()
    kind: Mapped[MailKind] = column(words(MailKind), SENDING)
    status: Mapped[CampaignStatus] = column(words(CampaignStatus), SENDING, default=CampaignStatus.DRAFT, index=True)
    # Frozen at approval (P3).
    mail_class: Mapped[MailClass | None] = column(words(MailClass), SENDING)
    event_id: Mapped[int | None] = ref(f"{Event.__tablename__}.id", SENDING)
    author_id: Mapped[int] = ref("staff.id", SENDING)
    created_at: Mapped[datetime] = column(Instant, SENDING)
    submitted_at: Mapped[datetime | None] = column(Instant, SENDING)
    # When the first mail may leave: the hour asked for, or the launch and its hold.
    due_at: Mapped[datetime | None] = column(Instant, SENDING, index=True)
    launched_at: Mapped[datetime | None] = column(Instant, SENDING)
    started_at: Mapped[datetime | None] = column(Instant, SENDING)
    finished_at: Mapped[datetime | None] = column(Instant, SENDING)
    rung_at: Mapped[datetime | None] = column(Instant, WORKING)
    # Before the launch, why it was refused, in French; after it, what the relay said last, or our English: `of_words` tells it.
    trouble: Mapped[str] = column(String(400), WORKING, default="")
    # When a sending that waits goes on by itself, what it waits for, and how often in a row the relay could not be used.
    resumes_at: Mapped[datetime | None] = column(Instant, WORKING)
    waits_for: Mapped[Wait | None] = column(words(Wait), WORKING)
    failures: Mapped[int] = column(Integer, WORKING, default=0, server_default="0")
    # The last refusals of the message itself in a row, each the domain and whether by policy: three stop the sending (D19).
    objections: Mapped[list[list[Any]]] = column(json_object(), WORKING, default=list, server_default=text("'[]'"))

    author: Mapped[Staff] = relationship()
    versions: Mapped[list[CampaignVersion]] = relationship(back_populates="campaign", order_by="CampaignVersion.number")
    targets: Mapped[list[CampaignTarget]] = relationship(
        back_populates="campaign", order_by="CampaignTarget.position", cascade="all, delete-orphan"
    )
    approvals: Mapped[list[Approval]] = relationship(back_populates="campaign", order_by="Approval.id")

    @property
    def version(self) -> CampaignVersion:
        """The text as it stands: the last version."""
        return self.versions[-1]

    @property
    def home_list(self) -> MailingList:
        """The list that this message belongs to."""
        return self.targets[0].mailing_list

    @property
    def approval(self) -> Approval | None:
        """The approval that still holds, if any."""
        return next((approval for approval in reversed(self.approvals) if approval.voided_at is None), None)

    @property
    def is_approved(self) -> bool:
        """Whether somebody agreed to the text as it stands."""
        return self.approval is not None and self.approval.content_hash == self.version.content_hash

    @staticmethod
    def newest_first() -> Select[Campaign]:
        """All campaigns, the last written first."""
        return select(Campaign).order_by(Campaign.id.desc())

    @staticmethod
    def standing(*statuses: CampaignStatus) -> Select[Campaign]:
        """The campaigns that stand so, the last written first."""
        return Campaign.newest_first().where(Campaign.status.in_(statuses))

    @staticmethod
    def held_up() -> Select[Campaign]:
        """The campaigns that do not go on: paused, or a server cannot be used or said no; the last written first."""
        is_in_trouble = and_(Campaign.status == CampaignStatus.SENDING, Campaign.trouble != "")
        return Campaign.newest_first().where(or_(Campaign.status == CampaignStatus.PAUSED, is_in_trouble))

    @staticmethod
    def due(now: datetime) -> Select[Campaign]:
        """The scheduled campaigns whose hour has come."""
        return (
            select(Campaign)
            .where(Campaign.status == CampaignStatus.SCHEDULED, Campaign.due_at <= now)
            .order_by(Campaign.id)
        )

    @staticmethod
    def under_way() -> Select[Campaign]:
        """The campaigns that are being sent."""
        return select(Campaign).where(Campaign.status == CampaignStatus.SENDING).order_by(Campaign.id)


class CampaignTarget(Base):
    """One list that a campaign goes to."""

    __tablename__ = "campaign_target"
    __table_args__ = (UniqueConstraint("campaign_id", "list_id"),)

    id: Mapped[int] = number()
    campaign_id: Mapped[int] = ref("campaign.id", ondelete="CASCADE", index=False)
    list_id: Mapped[int] = ref("mailing_list.id", index=False)
    position: Mapped[int] = column(Integer, SENDING)

    campaign: Mapped[Campaign] = relationship(back_populates="targets")
    mailing_list: Mapped[MailingList] = relationship()


class CampaignVersion(Base):
    """The text at one moment; never changed once written."""

    __tablename__ = "campaign_version"
    __table_args__ = (UniqueConstraint("campaign_id", "number"),)

    id: Mapped[int] = number()
    campaign_id: Mapped[int] = ref("campaign.id", ondelete="CASCADE", index=False)
    number: Mapped[int] = column(Integer, SENDING)
    subject: Mapped[str] = column(String(998), SENDING)
    preheader: Mapped[str] = column(String(400), SENDING, default="")
    body: Mapped[str] = column(Text, SENDING)
    content_hash: Mapped[str] = column(String(64), SENDING)
    staff_id: Mapped[int] = ref("staff.id", SENDING, index=False)
    at: Mapped[datetime] = column(Instant, SENDING)

    campaign: Mapped[Campaign] = relationship(back_populates="versions")


class Approval(Base):
    """The agreement of a second reader to one exact text, or the written reason for doing without one."""

    __tablename__ = "approval"

    id: Mapped[int] = number()
    campaign_id: Mapped[int] = ref("campaign.id", ondelete="CASCADE")
    version_id: Mapped[int] = ref("campaign_version.id", index=False)
    content_hash: Mapped[str] = column(String(64), PROOF)
    audience_size: Mapped[int] = column(Integer, PROOF)
    staff_id: Mapped[int] = ref("staff.id", PROOF, index=False)
    without_review: Mapped[bool] = column(Boolean, PROOF, default=False)
    reason: Mapped[str] = column(String(1000), PROOF, default="")
    at: Mapped[datetime] = column(Instant, PROOF)
    voided_at: Mapped[datetime | None] = column(Instant, PROOF)

    campaign: Mapped[Campaign] = relationship(back_populates="approvals")
    version: Mapped[CampaignVersion] = relationship()
    staff: Mapped[Staff] = relationship()


class CampaignMould(Base):
    """The mail of a launched campaign, rendered once: what every recipient receives but for his own fields (I4)."""

    __tablename__ = "campaign_mould"

    campaign_id: Mapped[int] = ref("campaign.id", ondelete="CASCADE", index=False, primary_key=True)
    content: Mapped[bytes] = column(LargeBinary, PROOF)
    sha256: Mapped[str] = column(String(64), PROOF)
    created_at: Mapped[datetime] = column(Instant, ORGANISING)
