"""Whom of the register does a members file name, and what does the register know of them? Only reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.actions import members
from service.actions.staging import Staged
from service.core import addresses
from service.core.names import fold
from service.core.roster import MemberRow
from service.core.roster.changes import DETAILS, KnownMember, keys_of
from service.core.roster.contacts import KnownContact
from service.models.mailing_list import MailingList, Subscription
from service.models.member import Consent, Contact, Member

_COLUMNS = ("number", "kind", "given_name", "family_name", "notes", *DETAILS)
_MOST_PARAMETERS = 1000


def recognise(session: Session, staged: Staged) -> set[int]:
    """Keep in the staged file which rows are which members, found by number, else by address and name; return their ids."""
    if session.scalar(select(Member.id).limit(1)) is None:
        return set()
    by_hand, ids = _changed_by_hand(session), set[int]()
    # Members without a number who got one from the file: another number at the same address is somebody else.
    numbered: set[int] = set()
    for batch in staged.groups():
        register = _Register(session, [row for _, row in batch], by_hand)
        found: list[tuple[int, int]] = []
        for group, rows in groupby(batch, key=lambda one: one[0]):
            member_id = register.find([row for _, row in rows], numbered)
            if member_id is not None:
                found.append((group, member_id))
        staged.name(found)
        ids.update(member_id for _, member_id in found)
    return ids


def known(session: Session, ids: Sequence[int]) -> dict[int, KnownMember]:
    """Load what the register knows of these members."""
    contacts: dict[int, list[KnownContact]] = {member_id: [] for member_id in ids}
    read_by = select(
        Contact.id,
        Contact.given_name,
        Contact.family_name,
        Contact.email,
        Contact.imported_email,
        Contact.is_main,
        Contact.member_id,
    )
    in_order = read_by.where(Contact.member_id.in_(ids)).order_by(Contact.position, Contact.id)
    for contact_id, given, family, email, imported, is_main, member_id in session.execute(in_order):
        contacts[member_id].append(KnownContact(contact_id, given, family, email, imported, is_main))
    consents = _consents(session, ids)
    rows = session.execute(select(Member.id, *(getattr(Member, name) for name in _COLUMNS)).where(Member.id.in_(ids)))
    return {
        member_id: KnownMember(
            member_id,
            dict(zip(_COLUMNS, values, strict=True)),
            tuple(contacts[member_id]),
            consents.get(member_id),
        )
        for member_id, *values in rows
    }


def present(session: Session) -> Iterator[tuple[int, str]]:
    """Give the id and the name of the members of today, in the order of a list of names."""
    query = (
        select(Member.id, Member.organisation, Member.given_name, Member.family_name)
        .where(Member.is_present())
        .order_by(*members.by_name())
    )
    for member_id, organisation, given, family in session.execute(query.execution_options(yield_per=_MOST_PARAMETERS)):
        yield member_id, organisation or f"{given} {family}".strip()


def readers(session: Session) -> Iterator[tuple[str, int]]:
    """Give each address of the register with the member who reads it."""
    query = select(Contact.email_key, Contact.member_id).where(Contact.email_key.is_not(None))
    for key, member_id in session.execute(query.execution_options(yield_per=_MOST_PARAMETERS)):
        yield str(key), member_id


def outside(session: Session, mailing_list: MailingList, ids: Sequence[int]) -> list[int]:
    """List the contacts of these members who were never on a list (who left it was)."""
    ever = select(Subscription.contact_id).where(Subscription.list_id == mailing_list.id)
    query = select(Contact.id).where(Contact.member_id.in_(ids), Contact.id.not_in(ever)).order_by(Contact.id)
    return list(session.scalars(query))


class _Register:
    """The members that a batch of rows may name."""

    def __init__(self, session: Session, rows: Sequence[MemberRow], by_hand: dict[str, tuple[int, bool]]) -> None:
        self._by_hand = by_hand
        self._by_number: dict[str, int] = {}
        self._by_address: dict[str, tuple[int, bool]] = {}
        for some in _some({row.number for row in rows if row.number}):
            for number, member_id in session.execute(select(Member.number, Member.id).where(Member.number.in_(some))):
                self._by_number[str(number)] = member_id
        columns = (
            Contact.email_key,
            Member.id,
            Member.number,
            Member.organisation,
            Member.given_name,
            Member.family_name,
            Contact.given_name,
            Contact.family_name,
        )
        for some in _some({addresses.key(email) for row in rows for email in row.emails}):
            query = select(*columns).join(Member).where(Contact.email_key.in_(some)).order_by(Member.id)
            people = [(str(key), member_id, number, names) for key, member_id, number, *names in session.execute(query)]
            for key, member_id, number, names in people:
                self._by_address.setdefault(_key(key, *names[:3]), (member_id, number is not None))
            # Who reads for his structure is the same person where a file names him alone.
            for key, member_id, number, (structure, _, _, given, family) in people:
                if structure:
                    self._by_address.setdefault(_key(key, "", given, family), (member_id, number is not None))

    def find(self, rows: Sequence[MemberRow], numbered: set[int]) -> int | None:
        """Find a member by number, else by address and name; a number that is new may belong to a known address."""
        number = next((row.number for row in rows if row.number), None)
        if number and number in self._by_number:
            return self._by_number[number]
        for key in (key for row in rows for key in keys_of(row)):
            member_id, has_number = self._by_address.get(key) or self._by_hand.get(key) or (None, False)
            if member_id is None or (number and (has_number or member_id in numbered)):
                continue
            if number:
                numbered.add(member_id)
            return member_id
        return None


def _changed_by_hand(session: Session) -> dict[str, tuple[int, bool]]:
    """Give the members by the address that the last file said, where a hand changed it since."""
    query = (
        select(
            Contact.imported_email, Member.id, Member.number, Member.organisation, Member.given_name, Member.family_name
        )
        .join(Member)
        .where(Contact.imported_email.is_not(None), Contact.email.is_distinct_from(Contact.imported_email))
        .order_by(Member.id)
    )
    found: dict[str, tuple[int, bool]] = {}
    for email, member_id, number, organisation, given, family in session.execute(query):
        found.setdefault(_key(addresses.key(email or ""), organisation, given, family), (member_id, number is not None))
    return found


def _consents(session: Session, ids: Sequence[int]) -> dict[int, tuple[bool, object, str]]:
    last = select(func.max(Consent.id)).where(Consent.member_id.in_(ids)).group_by(Consent.member_id)
    query = select(Consent.member_id, Consent.given, Consent.given_on, Consent.source).where(Consent.id.in_(last))
    return {member_id: (given, given_on, source) for member_id, given, given_on, source in session.execute(query)}


def _key(email_key: str, organisation: str, given: str, family: str) -> str:
    return f"{email_key}\0{fold(organisation or f'{given} {family}')}"


def _some(these: Iterable[str | None]) -> Iterator[list[str]]:
    source = (one for one in these if one)
    while some := list(islice(source, _MOST_PARAMETERS)):
        yield some
