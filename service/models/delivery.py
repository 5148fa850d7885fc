"""Deliveries: one row for every mail that leaves, whoever caused it. The row is the queue (sending.md)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Computed,
    Index,
    Integer,
    String,
    UniqueConstraint,
    and_,
    case,
    or_,
    select,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import Select

from service.core import explanations
from service.core.explanations import Explanation
from service.core.vocabulary import AFTER_DOUBT, DeliveryState, DoubtReason, MailClass, MailKind, MatchedBy
from service.models.base import (
    LINK,
    PROOF,
    SENDING,
    WORKING,
    Base,
    BigId,
    Instant,
    column,
    json_object,
    number,
    ref,
    words,
)

_STANDING = (
    "CASE WHEN campaign_id IS NULL OR due_at IS NOT NULL OR state NOT IN ('pending', 'handing', 'accepted') "
    "THEN state END"
)


class Delivery(Base):
    """One mail to one person: who, under which Message-ID, and what became of it."""

    __tablename__ = "delivery"
    __table_args__ = (
        # A double click or a job run twice makes one row: a contact is written once a campaign, an act once a key.
        UniqueConstraint("campaign_id", "contact_id"),
        # No index may hold, or depend on, what changes when a mail is claimed or settled: PostgreSQL then writes the new
        # version of a row into the room left on its page and touches no index (18 µs a row, 110 otherwise).
        Index("ix_delivery_claim", "campaign_id", "id"),
        Index(
            "ix_delivery_standing",
            "campaign_id",
            "standing",
            "id",
            sqlite_where=text("standing IS NOT NULL"),
            postgresql_where=text("standing IS NOT NULL"),
        ),
        Index(
            "ix_delivery_bounced",
            "campaign_id",
            "id",
            sqlite_where=text("bounced_at IS NOT NULL"),
            postgresql_where=text("bounced_at IS NOT NULL"),
        ),
        Index(
            "ix_delivery_doubt",
            "doubted_at",
            sqlite_where=text("doubted_at IS NOT NULL"),
            postgresql_where=text("doubted_at IS NOT NULL"),
        ),
        {"postgresql_with": {"fillfactor": 45}},
    )

    id: Mapped[int] = number()
    campaign_id: Mapped[int | None] = ref("campaign.id", index=False)
    key: Mapped[str | None] = column(String(200), SENDING, unique=True)
    kind: Mapped[MailKind] = column(words(MailKind), SENDING)
    mail_class: Mapped[MailClass] = column(words(MailClass), SENDING)
    contact_id: Mapped[int | None] = ref("contact.id", SENDING, ondelete="SET NULL")
    member_id: Mapped[int | None] = ref("member.id", SENDING, ondelete="SET NULL")
    staff_id: Mapped[int | None] = ref("staff.id", SENDING, index=False)
    # The row that caused this mail: a registration, a question, an event, a campaign version…
    subject: Mapped[str] = column(String(64), SENDING, default="")
    subject_id: Mapped[int | None] = column(BigId, SENDING)
    # As of the launch: an address changed later does not change what was sent where.
    address: Mapped[str] = column(String(254), PROOF, default="")
    address_hmac: Mapped[str] = column(String(64), PROOF, default="")
    fields: Mapped[dict[str, str]] = column(json_object(), SENDING, default=dict)
    message_id: Mapped[str] = column(String(200), PROOF, unique=True)
    in_reply_to: Mapped[str] = column(String(998), SENDING, default="")
    created_at: Mapped[datetime] = column(Instant, PROOF)

    state: Mapped[DeliveryState] = column(words(DeliveryState), PROOF, default=DeliveryState.PENDING)
    why: Mapped[str] = column(String(64), PROOF, default="")
    due_at: Mapped[datetime | None] = column(Instant, WORKING)
    rung_at: Mapped[datetime | None] = column(Instant, WORKING)
    attempts: Mapped[int] = column(Integer, PROOF, default=0)
    handed_at: Mapped[datetime | None] = column(Instant, PROOF)
    settled_at: Mapped[datetime | None] = column(Instant, PROOF)
    code: Mapped[int | None] = column(Integer, PROOF)
    enhanced: Mapped[str | None] = column(String(16), PROOF)
    reply: Mapped[str] = column(String(1000), PROOF, default="")

    # Whose row this is, by its lease, and how many owners it had (the epoch fences an owner that wakes late).
    lease_owner: Mapped[str | None] = column(String(120), WORKING)
    lease_epoch: Mapped[int] = column(Integer, WORKING, default=0)
    # The state of a row that is looked for by it: of all but those that wait for their first attempt, leave, or have left.
    standing: Mapped[str | None] = mapped_column(
        String(24), Computed(_STANDING, persisted=True), info={"keeping": WORKING}
    )

    # How many attempts ended in a doubt that no later word has ended: there are at most so many copies, and the last one.
    doubts: Mapped[int] = column(Integer, PROOF, default=0, server_default=text("0"))
    # Since when the row is in doubt, until it is tried again or somebody decides to leave it so.
    doubted_at: Mapped[datetime | None] = column(Instant, PROOF)

    # Dated facts beside the state: a delivery status notification may come before our own settling.
    bounced_at: Mapped[datetime | None] = column(Instant, PROOF)
    # By what its report was tied to it; of what a former version read, unknown where it was surely about it.
    bounced_by: Mapped[MatchedBy | None] = column(words(MatchedBy), PROOF)
    bounce_code: Mapped[str | None] = column(String(16), PROOF)
    bounce_reason: Mapped[str] = column(String(400), PROOF, default="")
    # Verbatim, of a report that names its recipient; the reason is our sentence.
    bounce_words: Mapped[str] = column(String(1000), PROOF, default="", server_default=text("''"))
    complained_at: Mapped[datetime | None] = column(Instant, PROOF)
    answered_at: Mapped[datetime | None] = column(Instant, LINK)

    @property
    def told(self) -> Explanation:
        """What became of this mail, in the words that staff and judges read; the page and the proof say the same."""
        return explanations.of_delivery(
            self.state,
            why=self.why,
            code=self.code,
            enhanced=self.enhanced,
            reply=self.reply,
            bounced_for=self.bounce_reason if self.bounced_at is not None else None,
            doubts=self.doubts,
            tried_for=self.settled_at - self.handed_at if self.settled_at and self.handed_at else None,
        )

    @property
    def whole_reply(self) -> str:
        """The last reply to this mail with its code, as a person is shown it."""
        return f"{self.code} {self.reply}".strip() if self.code is not None else self.reply

    @property
    def is_left_in_doubt(self) -> bool:
        """Whether somebody of the team decided not to send again what may have arrived."""
        return self.state is DeliveryState.IN_DOUBT and self.doubted_at is None and self.why in set(DoubtReason)

    @staticmethod
    def stands(*states: DeliveryState) -> ColumnElement[bool]:
        """Whether a mail is in one of these states, none of them a step of a mail that simply leaves.

        Of a mail that waits or is at the wire this is to be asked with `due_at IS NOT NULL`: it is put off.
        """
        return and_(Delivery.standing.is_not(None), Delivery.standing.in_([state.value for state in states]))

    @staticmethod
    def may_be_told() -> ColumnElement[bool]:
        """Whether a late word on its last attempt still counts: it is in doubt, or waits again and nobody has claimed it."""
        waits_again = and_(
            Delivery.state == DeliveryState.PENDING, Delivery.why == AFTER_DOUBT, Delivery.lease_owner.is_(None)
        )
        return or_(Delivery.state == DeliveryState.IN_DOUBT, waits_again)

    @staticmethod
    def kept_back(why: str, *, now: datetime) -> dict[str, Any]:
        """Give the values of a row that will not leave after all: skipped, or in doubt where it may have left before."""
        return {
            "state": case((Delivery.doubts > 0, DeliveryState.IN_DOUBT.value), else_=DeliveryState.SKIPPED.value),
            "why": why,
            "settled_at": now,
            "due_at": None,
            "lease_owner": None,
        }

    @staticmethod
    def of_campaign(campaign_id: int) -> Select[Delivery]:
        """The rows of a campaign, in the order of the launch."""
        return select(Delivery).where(Delivery.campaign_id == campaign_id).order_by(Delivery.id)

    @staticmethod
    def to_contacts(contact_ids: list[int]) -> Select[Delivery]:
        """The mails to these contacts, the last first."""
        return select(Delivery).where(Delivery.contact_id.in_(contact_ids)).order_by(Delivery.id.desc())

    @staticmethod
    def known_as(message_ids: list[str]) -> Select[Delivery]:
        """The mails sent under these Message-IDs."""
        return select(Delivery).where(Delivery.message_id.in_(message_ids)).order_by(Delivery.id.desc())
