"""The changes of a members file written to the register, by batches: one statement a kind of change, no objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Table, insert, update
from sqlalchemy.orm import Session

from service.actions import lists
from service.core import addresses
from service.core.roster.changes import MemberChange
from service.core.roster.contacts import ContactChange
from service.core.vocabulary import Channel
from service.models.base import Base
from service.models.mailing_list import MailingList
from service.models.member import Consent, Contact, Member

_WORDING = "importé du fichier des sociétaires"
_EMPTY: dict[str, object] = {
    "organisation": "",
    "given_name": "",
    "family_name": "",
    "college": "",
    "category": "",
    "telephone": "",
} | {
    "address": "",
    "address_extra": "",
    "postcode": "",
    "city": "",
    "country": "",
    "number": None,
    "shares": None,
    "member_since": None,
    "notes": {},
}


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be written of some members; `joining` are the contacts of the register who come on each list."""

    changes: list[MemberChange]
    joining: dict[int, list[int]]


def write(session: Session, batch: Batch, targets: Sequence[MailingList], *, now: datetime) -> None:
    """Write one batch, and subscribe its new contacts; who left a list stays out."""
    new = [change for change in batch.changes if change.member_id is None]
    old = [(change.member_id, change) for change in batch.changes if change.member_id is not None]
    made = _create(session, new, now=now)
    _update(session, old, now=now)
    ids = [*zip(made, new, strict=True), *old]
    contact_ids = _contacts(session, ids, now=now)
    _consents(session, ids, now=now)
    for target in targets:
        joining = [*batch.joining.get(target.id, ()), *contact_ids]
        lists.subscribe(session, target, joining, channel=Channel.IMPORT, wording=_WORDING, now=now)
    # Rows that stay in the session would make the memory grow with the file.
    session.flush()


def _create(session: Session, changes: Sequence[MemberChange], *, now: datetime) -> list[int]:
    if not changes:
        return []
    values = [_EMPTY | one.values | {"search": one.search, "created_at": now, "updated_at": now} for one in changes]
    return list(session.scalars(insert(_table(Member)).returning(Member.id, sort_by_parameter_order=True), values))


def _update(session: Session, changes: Iterable[tuple[int, MemberChange]], *, now: datetime) -> None:
    _update_all(
        session,
        Member,
        (
            {"id": member_id, **one.values, "search": one.search, "updated_at": now}
            for member_id, one in changes
            if one.values or one.contacts
        ),
    )


def _contacts(session: Session, changes: Sequence[tuple[int, MemberChange]], *, now: datetime) -> list[int]:
    """Write the contacts, and return the ids of the new ones."""
    all_of_them = [(member_id, contact) for member_id, one in changes for contact in one.contacts]
    # The database allows one main contact at a time: the old one steps down before another is chosen.
    down = (one for _, one in all_of_them if one.was_main and not one.is_main)
    _update_all(session, Contact, ({"id": one.contact_id, "is_main": False} for one in down))
    known = (one for _, one in all_of_them if one.contact_id is not None)
    _update_all(session, Contact, ({"id": one.contact_id, **_columns(one)} for one in known))
    new = [
        {**_columns(one), "member_id": member_id, "position": one.position, "link_version": 1, "created_at": now}
        for member_id, one in all_of_them
        if one.contact_id is None
    ]
    return list(session.scalars(insert(_table(Contact)).returning(Contact.id), new)) if new else []


def _columns(contact: ContactChange) -> dict[str, object]:
    return {
        "given_name": contact.given_name,
        "family_name": contact.family_name,
        "email": contact.email,
        "email_key": addresses.key(contact.email) if contact.email else None,
        "imported_email": contact.imported_email,
        "is_main": contact.is_main,
    }


def _consents(session: Session, changes: Iterable[tuple[int, MemberChange]], *, now: datetime) -> None:
    said = [(member_id, change.consent) for member_id, change in changes if change.consent is not None]
    rows = [
        {
            "member_id": member_id,
            "given": given,
            "given_on": given_on,
            "source": source,
            "channel": Channel.IMPORT,
            "recorded_at": now,
        }
        for member_id, (given, given_on, source) in said
    ]
    if rows:
        session.execute(insert(_table(Consent)), rows)


def _table(kind: type[Base]) -> Table:
    # The bare table: an insert through the classes takes twice as long.
    return kind.metadata.tables[kind.__tablename__]


def _update_all(session: Session, table: type[Member | Contact], rows: Iterable[dict[str, object]]) -> None:
    # One statement for all the rows that change the same columns, in any order.
    alike: dict[tuple[str, ...], list[dict[str, object]]] = {}
    for row in rows:
        alike.setdefault(tuple(row), []).append(row)
    for some in alike.values():
        session.execute(update(table), some)
