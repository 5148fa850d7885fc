"""Members that the register does not know yet, gathered for a chunk of the file and written in one go (ORM objects cost three times as much)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from service.core import addresses
from service.core.roster import MemberRow
from service.core.vocabulary import MemberKind
from service.models.member import Contact, Member, search_text


@dataclass(eq=False, slots=True)
class Newcomer:
    """A member to be, from the first row that names him; further rows add contacts."""

    row: MemberRow
    now: datetime
    contacts: list[dict[str, Any]] = field(default_factory=list)
    main_key: str | None = None

    def __post_init__(self) -> None:
        self.add(self.row)
        if not self.contacts:
            self.contacts.append(contact_values(self.row, None, position=0, now=self.now))

    @property
    def name(self) -> str:
        """What the member is called."""
        return self.row.organisation or f"{self.row.given_name} {self.row.family_name}".strip()

    def add(self, row: MemberRow) -> bool:
        """Take the contacts of a row in; True when one was new."""
        known = {contact["email_key"] for contact in self.contacts}
        new = [email for email in row.emails if addresses.key(email) not in known]
        for email in new:
            self.contacts.append(contact_values(row, email, position=len(self.contacts), now=self.now))
        if row.is_main and row.emails:
            self.main_key = addresses.key(row.emails[0])
        return bool(new)


def write(session: Session, newcomers: Sequence[Newcomer]) -> tuple[list[int], list[int]]:
    """Write them, and return the numbers of the members, in order, and of all their contacts."""
    if not newcomers:
        return [], []
    member_ids = list(
        session.scalars(
            insert(Member).returning(Member.id, sort_by_parameter_order=True),
            [_member_values(one) for one in newcomers],
        )
    )
    contacts = [
        contact | {"member_id": member_id, "is_main": contact is _main(one)}
        for member_id, one in zip(member_ids, newcomers, strict=True)
        for contact in one.contacts
    ]
    return member_ids, list(session.scalars(insert(Contact).returning(Contact.id), contacts))


def details(row: MemberRow) -> dict[str, Any]:
    """Give what a row says of the member himself, beside his number and name."""
    return {
        "organisation": row.organisation,
        "college": row.college,
        "category": row.category,
        "shares": row.shares,
        "telephone": row.phone,
        "address": row.address,
        "address_extra": row.address_extra,
        "postcode": row.postcode,
        "city": row.city,
        "country": row.country,
        "member_since": row.member_since,
        "notes": dict(row.notes),
    }


def contact_values(row: MemberRow, email: str | None, *, position: int, now: datetime) -> dict[str, Any]:
    """Give the columns of a contact that a row names."""
    return {
        "given_name": row.given_name,
        "family_name": row.family_name,
        "email": email,
        "email_key": addresses.key(email) if email else None,
        "imported_email": email,
        "position": position,
        "is_main": False,
        "link_version": 1,
        "created_at": now,
    }


def _member_values(one: Newcomer) -> dict[str, Any]:
    row, organisation = one.row, bool(one.row.organisation)
    said = [
        one.name,
        row.number or "",
        *(f"{contact['given_name']} {contact['family_name']} {contact['email'] or ''}" for contact in one.contacts),
    ]
    return details(row) | {
        "number": row.number,
        "kind": MemberKind.ORGANISATION if organisation else MemberKind.PERSON,
        "given_name": "" if organisation else row.given_name,
        "family_name": "" if organisation else row.family_name,
        "search": search_text(said),
        "created_at": one.now,
        "updated_at": one.now,
    }


def _main(one: Newcomer) -> dict[str, Any]:
    """The contact that the file names as the main one, else the first."""
    return next(
        (contact for contact in one.contacts if one.main_key and contact["email_key"] == one.main_key), one.contacts[0]
    )
