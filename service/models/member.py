"""Members (sociétaires), who hold one vote each, and their contacts, who receive the mail."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Date,
    Index,
    Integer,
    String,
    Text,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.orm import Mapped, relationship
from sqlalchemy.sql import Select

from service.core.names import search_text
from service.core.vocabulary import Channel, LeavingReason, MemberKind
from service.models.base import CONSENT, REGISTER, SENDING, Base, Instant, column, json_object, number, ref, words

# Each accented letter, both cases: SQLite's lower() knows ASCII alone. Ligatures sort with their first letter.
_ACCENTED = "àâäáãåçéèêëíîïìñóôöòõúùûüýÿœæÀÂÄÁÃÅÇÉÈÊËÍÎÏÌÑÓÔÖÒÕÚÙÛÜÝŸŒÆ"
_PLAIN = "aaaaaaceeeeiiiinooooouuuuyyoaaaaaaaceeeeiiiinooooouuuuyyoa"


def in_alphabet(name: ColumnElement[str] | Mapped[str]) -> ColumnElement[str]:
    """Give what a name is sorted by: « Éditions » stands before « Ville », as in a French directory."""
    return func.lower(func.translate(name, _ACCENTED, _PLAIN))


def called(given_name: str, family_name: str) -> str:
    """Give the two names of a person as one; either may be empty."""
    return f"{given_name} {family_name}".strip()


class Member(Base):
    """A person or an organisation that holds one vote."""

    __tablename__ = "member"

    id: Mapped[int] = number()
    number: Mapped[str | None] = column(String(64), REGISTER, unique=True)
    kind: Mapped[MemberKind] = column(words(MemberKind), REGISTER)
    given_name: Mapped[str] = column(String(200), REGISTER, default="")
    family_name: Mapped[str] = column(String(200), REGISTER, default="")
    organisation: Mapped[str] = column(String(200), REGISTER, default="")
    college: Mapped[str] = column(String(200), REGISTER, default="")
    category: Mapped[str] = column(String(200), REGISTER, default="")
    shares: Mapped[int | None] = column(Integer, REGISTER)
    telephone: Mapped[str] = column(String(64), REGISTER, default="")
    address: Mapped[str] = column(String(400), REGISTER, default="")
    address_extra: Mapped[str] = column(String(400), REGISTER, default="")
    postcode: Mapped[str] = column(String(32), REGISTER, default="")
    city: Mapped[str] = column(String(200), REGISTER, default="")
    country: Mapped[str] = column(String(100), REGISTER, default="")
    member_since: Mapped[date | None] = column(Date, REGISTER)
    left_on: Mapped[date | None] = column(Date, REGISTER)
    left_reason: Mapped[str | None] = column(String(24), REGISTER)
    # Names, number and addresses without accents or case, kept up by `refresh_search`.
    search: Mapped[str] = column(Text, REGISTER, default="")
    notes: Mapped[dict[str, str]] = column(json_object(), REGISTER, default=dict)
    created_at: Mapped[datetime] = column(Instant, REGISTER)
    updated_at: Mapped[datetime] = column(Instant, REGISTER)

    contacts: Mapped[list[Contact]] = relationship(
        back_populates="member", order_by="Contact.position", cascade="all, delete-orphan"
    )

    @property
    def name(self) -> str:
        """What the member is called on a page: the organisation, or the person's two names."""
        return self.organisation or called(self.given_name, self.family_name)

    @property
    def main_contact(self) -> Contact | None:
        """Who receives the statutory mail of this member."""
        return next((contact for contact in self.contacts if contact.is_main), None)

    def refresh_search(self) -> None:
        """Write down again what a search finds this member by."""
        self.search = search_text(
            [self.name, self.number or "", *(f"{one.name} {one.email or ''}" for one in self.contacts)]
        )

    @staticmethod
    def is_present() -> ColumnElement[bool]:
        """Whether a member is one today: a departure recorded for a later day changes nothing before it."""
        return or_(Member.left_on.is_(None), Member.left_on > func.current_date())

    @staticmethod
    def is_dead() -> ColumnElement[bool]:
        """Whether the register says that a member died."""
        return Member.left_reason == LeavingReason.DECES.value

    @staticmethod
    def present() -> Select[Member]:
        """The members of today."""
        return select(Member).where(Member.is_present())


class Contact(Base):
    """Somebody who reads mail for a member; each member has one main contact at least, even without an address."""

    __tablename__ = "contact"
    __table_args__ = (
        # One main contact a member, kept by both databases.
        Index(
            "uq_contact_main", "member_id", unique=True, sqlite_where=text("is_main"), postgresql_where=text("is_main")
        ),
    )

    id: Mapped[int] = number()
    member_id: Mapped[int] = ref("member.id", ondelete="CASCADE")
    given_name: Mapped[str] = column(String(200), REGISTER, default="")
    family_name: Mapped[str] = column(String(200), REGISTER, default="")
    email: Mapped[str | None] = column(String(254), REGISTER)
    email_key: Mapped[str | None] = column(String(254), REGISTER, index=True)
    # What the last file said: an address that differs from it was changed by the member or the staff, and wins.
    imported_email: Mapped[str | None] = column(String(254), REGISTER)
    is_main: Mapped[bool] = column(Boolean, REGISTER, default=False)
    position: Mapped[int] = column(Integer, REGISTER, default=0)
    # Raised to revoke every personal link mailed so far.
    link_version: Mapped[int] = column(Integer, SENDING, default=1)
    created_at: Mapped[datetime] = column(Instant, REGISTER)

    member: Mapped[Member] = relationship(back_populates="contacts")

    @property
    def name(self) -> str:
        """What the contact is called: his own two names, or the organisation when nobody is named."""
        return called(self.given_name, self.family_name) or self.member.name

    @staticmethod
    def at(email_key: str) -> Select[Contact]:
        """The contacts who read this address, of members who have not left first."""
        return (
            select(Contact)
            .join(Member)
            .where(Contact.email_key == email_key)
            .order_by(Member.left_on.is_not(None), Contact.is_main.desc(), Contact.id)
        )


class Consent(Base):
    """A dated choice about electronic convocation, append-only by trigger (P4, P9): the last row counts."""

    __tablename__ = "consent"

    id: Mapped[int] = number()
    member_id: Mapped[int] = ref("member.id")
    given: Mapped[bool] = column(Boolean, CONSENT)
    given_on: Mapped[date | None] = column(Date, CONSENT)
    source: Mapped[str] = column(String(400), CONSENT, default="")
    channel: Mapped[Channel] = column(words(Channel), CONSENT)
    recorded_at: Mapped[datetime] = column(Instant, CONSENT)
