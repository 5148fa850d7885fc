"""Mailing lists: what a member can leave; subscriptions, and the append-only record of every change (P9)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, String, UniqueConstraint, case, func, select
from sqlalchemy.orm import Mapped
from sqlalchemy.sql import Select

from service.core.reading import severity
from service.core.vocabulary import Channel, MailClass, SkipReason
from service.models.base import CONSENT, OPPOSITION, ORGANISING, Base, Instant, column, number, ref, words
from service.models.member import Contact, Member


class MailingList(Base):
    """A kind of message that one can receive or leave; its class is the legal one of what goes to it."""

    __tablename__ = "mailing_list"

    id: Mapped[int] = number()
    slug: Mapped[str] = column(String(64), ORGANISING, unique=True)
    name: Mapped[str] = column(String(200), ORGANISING)
    mail_class: Mapped[MailClass] = column(words(MailClass), ORGANISING)
    created_at: Mapped[datetime] = column(Instant, ORGANISING)

    def readers(self) -> Select[Contact]:
        """The contacts subscribed to this list, of members who have not left."""
        return (
            select(Contact)
            .join(Subscription, Subscription.contact_id == Contact.id)
            .join(Member, Member.id == Contact.member_id)
            .where(Subscription.list_id == self.id, Subscription.left_at.is_(None), Member.is_present())
            .order_by(Contact.id)
        )

    @staticmethod
    def named(slug: str) -> Select[MailingList]:
        """The list of this slug."""
        return select(MailingList).where(MailingList.slug == slug)


class Subscription(Base):
    """Where one contact stands on one list now; how it came there is in `SubscriptionChange`."""

    __tablename__ = "subscription"
    __table_args__ = (UniqueConstraint("contact_id", "list_id"),)

    id: Mapped[int] = number()
    contact_id: Mapped[int] = ref("contact.id", CONSENT, ondelete="CASCADE", index=False)
    list_id: Mapped[int] = ref("mailing_list.id", CONSENT)
    since: Mapped[datetime] = column(Instant, CONSENT)
    left_at: Mapped[datetime | None] = column(Instant, CONSENT)

    @staticmethod
    def count_of(list_id: int) -> Select[int]:
        """How many contacts are on a list now, of members who have not left: as many as `MailingList.readers` names."""
        return (
            select(func.count())
            .select_from(Subscription)
            .join(Contact, Contact.id == Subscription.contact_id)
            .join(Member, Member.id == Contact.member_id)
            .where(Subscription.list_id == list_id, Subscription.left_at.is_(None), Member.is_present())
        )


class SubscriptionChange(Base):
    """One change of one subscription: never updated nor deleted, by trigger (P9)."""

    __tablename__ = "subscription_change"

    id: Mapped[int] = number()
    contact_id: Mapped[int] = ref("contact.id", CONSENT)
    list_id: Mapped[int] = ref("mailing_list.id", CONSENT)
    subscribed: Mapped[bool] = column(Boolean, CONSENT)
    channel: Mapped[Channel] = column(words(Channel), CONSENT)
    wording: Mapped[str] = column(String(400), CONSENT)
    at: Mapped[datetime] = column(Instant, CONSENT)


# Why an address is barred whose mail came back too often (`reason`).
SCORE = "score"


class Suppression(Base):
    """An address that must not be written to, known by its fingerprint alone (P7).

    The reason is the code under which its server said that it does not exist, `score`, or an objection.
    """

    __tablename__ = "suppression"

    id: Mapped[int] = number()
    address_hmac: Mapped[str] = column(String(64), OPPOSITION, unique=True)
    reason: Mapped[str] = column(String(64), OPPOSITION)
    at: Mapped[datetime] = column(Instant, OPPOSITION)

    @staticmethod
    def skips() -> Select[str]:
        """Why no mail goes to each of these addresses, as the row of a mail says it."""
        return select(
            case(
                (Suppression.reason == SCORE, SkipReason.RETURNED.value),
                (Suppression.reason.in_(sorted(severity.UNKNOWN)), SkipReason.UNKNOWN.value),
                else_=SkipReason.OBJECTED.value,
            )
        )
