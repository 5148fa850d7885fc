"""Whom of the register does a members file name, and what does the register know of them? Only reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.actions import members
from service.actions.staging import BATCH, Staged
from service.core import addresses
from service.core.names import fold
from service.core.roster import MemberRow
from service.core.roster.changes import DETAILS, KnownMember, compare, keys_of, row_name
from service.core.roster.contacts import KnownContact
from service.models.mailing_list import MailingList, Subscription
from service.models.member import Consent, Contact, Member

_COLUMNS = ("number", "kind", "given_name", "family_name", "notes", *DETAILS)
_MEMBER = (Member.id, Member.number, Member.organisation, Member.given_name, Member.family_name)
_NUMBERED = select(Member.number, Member.id)
_MOST_PARAMETERS = 1000
_BY_NUMBER, _BY_NAME, _BY_CONTACT = range(3)

_Groups = dict[int, list[MemberRow]]


def recognise(session: Session, staged: Staged) -> set[int]:
    """Keep in the staged file which rows are which members, and return the ids of those of the register.

    Numbers first, then names:

    1. Rows with a number are who bears it. A new number may belong to a member without one, known by address and name.
    2. Rows without a number are who bears their name at one of their addresses once the rows of 1 are taken in: a known
       member, under the name that he gets and at the addresses that he had and gets; else a newcomer of 1.
    3. A person alone who is nobody yet is the structure for which he reads, under his name, at all his addresses.
    4. All others are new.

    Of one member the rows of 1 speak before those of 2, and these before those of 3. So what a step takes in leaves names
    and addresses by which an earlier one, and itself, finds as they are, and the same file finds the same members again.
    """
    by_hand = _changed_by_hand(session)
    is_empty = session.scalar(select(Member.id).limit(1)) is None
    if not is_empty:
        _find_by_number(session, staged, by_hand)
    called: dict[int, str] = {}
    alone: list[int] = []
    for batch in staged.unnumbered(common=is_empty):
        alone += _find_by_name(session, staged, _gathered(batch), by_hand, called)
    if not is_empty:
        for start in range(0, len(alone), BATCH):
            _find_by_contact(session, staged, _gathered(staged.some(alone[start : start + BATCH])))
    return staged.known_ids()


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


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who reads at an address of the register: the member, and the contact."""

    key: str
    member_id: int
    is_numbered: bool
    name: str
    is_structure: bool
    contact: str


class _Register:
    """The members that a batch of rows with numbers may name."""

    def __init__(self, session: Session, groups: Iterable[list[MemberRow]], by_hand: dict[str, list[_Reader]]) -> None:
        self._by_number: dict[str, int] = {}
        self._by_address: dict[str, _Reader] = {}
        numbers = {number: rows for rows in groups if (number := _number(rows))}
        for some in _some(numbers):
            for known_number, member_id in session.execute(_NUMBERED.where(Member.number.in_(some))):
                self._by_number[str(known_number)] = member_id
        at = _keys(row for number, rows in numbers.items() if number not in self._by_number for row in rows)
        people = list(_readers_at(session, at))
        for one in people:
            self._by_address.setdefault(_key(one.key, one.name), one)
        # Who reads for his structure is the same person where a file names him alone.
        for one in people:
            if one.is_structure:
                self._by_address.setdefault(_key(one.key, one.contact), one)
        for one in (one for key in at for one in by_hand.get(key, ())):
            self._by_address.setdefault(_key(one.key, one.name), one)

    def find(self, rows: Sequence[MemberRow], numbered: set[int]) -> int | None:
        """Find a member by number; a number that is new may belong to who is known by address and name and has none."""
        number = _number(rows)
        if number in self._by_number:
            return self._by_number[number]
        for key in (key for row in rows for key in keys_of(row)):
            found = self._by_address.get(key)
            if found is not None and not found.is_numbered and found.member_id not in numbered:
                numbered.add(found.member_id)
                return found.member_id
        return None


def _find_by_number(session: Session, staged: Staged, by_hand: dict[str, list[_Reader]]) -> None:
    # Members without a number who got one from the file: another number at the same address is somebody else.
    numbered: set[int] = set()
    for batch in staged.numbered():
        groups = _gathered(batch)
        register = _Register(session, groups.values(), by_hand)
        found = ((group, register.find(rows, numbered)) for group, rows in groups.items())
        staged.name(_BY_NUMBER, [(group, member_id) for group, member_id in found if member_id is not None])


def _find_by_name(
    session: Session,
    staged: Staged,
    groups: _Groups,
    by_hand: dict[str, list[_Reader]],
    called: dict[int, str],
) -> list[int]:
    """Find who bears the name at an address; return the groups that may be a contact of a structure, and nobody else.

    `called` keeps from one batch to the next what those are called who have rows already: many may share an address.
    """
    at = _keys(row for rows in groups.values() for row in rows)
    register, said = list(_readers_at(session, at)), staged.at(at)
    hand = [one for key in at for one in by_hand.get(key, ())]
    names = {one.member_id: one.name for one in (*register, *hand)}
    here = {*names, *(who for _, who in said)}
    called |= _named_by_file(session, staged, here - called.keys())
    names |= {who: called[who] for who in here & called.keys()}
    places = {*((one.member_id, one.key) for one in register), *((who, key) for key, who in said)}
    index: dict[str, int] = {}
    # Of two who bear one name at one address, who was there first counts; a newcomer is written after them.
    for who, key in sorted(places, key=lambda one: (one[0] < 0, abs(one[0]))):
        index.setdefault(_key(key, names[who]), who)
    for one in hand:
        index.setdefault(_key(one.key, names[one.member_id]), one.member_id)
    taken = {key for _, key in places}
    found: dict[int, int] = {}
    alone: list[int] = []
    for group, rows in groups.items():
        bearer = next((index[key] for row in rows for key in keys_of(row) if key in index), None)
        if bearer is not None:
            found[group] = bearer
        elif not any(row.organisation for row in rows) and _keys(rows) <= taken:
            alone.append(group)
    staged.name(_BY_NAME, found.items())
    return alone


def _named_by_file(session: Session, staged: Staged, who: Iterable[int]) -> dict[int, str]:
    """Give what those are called in the end whom the file names already."""
    rows = staged.rows_of(sorted(who))
    before = _known(session, rows)
    return {one: compare(of_one, before.get(one)).name for one, of_one in rows.items()}


def _find_by_contact(session: Session, staged: Staged, groups: _Groups) -> None:
    """Find the structures for which people read at all their addresses, under their name, once the file is taken in."""
    at = _keys(row for rows in groups.values() for row in rows)
    structures = {one.member_id for one in _readers_at(session, at) if one.is_structure}
    who = structures | {one for _, one in staged.at(at) if one > 0}
    rows, before = staged.rows_of(sorted(who)), _known(session, who)
    by_key = {key: group for group, of_group in groups.items() for row in of_group for key in keys_of(row)}
    for member_id in sorted(who):
        of_file, member = rows.get(member_id, []), before[member_id]
        named = _contact_names(of_file, member)
        possible = {by_key[key] for key in (_key(*one) for one in named.items()) if key in by_key}
        found = _standing(_bearing(named, {group: groups[group] for group in sorted(possible)}), of_file, member)
        staged.name(_BY_CONTACT, ((group, member_id) for group in found))
        by_key = {key: group for key, group in by_key.items() if group not in found} if found else by_key


def _contact_names(rows: Sequence[MemberRow], member: KnownMember) -> dict[str, str]:
    """Give the folded names of the contacts that a structure has or gets, by address."""
    named = {
        addresses.key(one.email): fold(f"{one.given_name} {one.family_name}") for one in member.contacts if one.email
    }
    is_structure = bool(member.values["organisation"])
    if rows:
        compared = compare(rows, member)
        named |= {addresses.key(one.email): fold(one.name) for one in compared.contacts if one.email}
        is_structure = is_structure or "organisation" in compared.change.values
    return named if is_structure else {}


def _bearing(named: dict[str, str], groups: _Groups) -> _Groups:
    """Give the groups whose name all their addresses bear."""
    return {
        group: rows
        for group, rows in groups.items()
        if all(named.get(key) == fold(row_name(rows[0])) for key in _keys(rows))
    }


def _standing(groups: _Groups, rows: Sequence[MemberRow], member: KnownMember) -> _Groups:
    """Give the groups that still bear the names of these contacts when all of them are taken in."""
    while groups:
        named = _contact_names([*rows, *(row for of_group in groups.values() for row in of_group)], member)
        standing = _bearing(named, groups)
        if len(standing) == len(groups):
            break
        groups = standing
    return groups


def _known(session: Session, who: Iterable[int]) -> dict[int, KnownMember]:
    ids = sorted(one for one in who if one > 0)
    parts = (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
    return {member_id: one for part in parts for member_id, one in known(session, part).items()}


def _readers_at(session: Session, keys: Iterable[str]) -> Iterator[_Reader]:
    columns = (Contact.email_key, *_MEMBER, Contact.given_name, Contact.family_name)
    for some in _some(keys):
        query = select(*columns).join(Member).where(Contact.email_key.in_(some)).order_by(Member.id)
        for key, *of_member, given, family in session.execute(query):
            yield _reader(str(key), of_member, f"{given} {family}")


def _changed_by_hand(session: Session) -> dict[str, list[_Reader]]:
    """Give the members by the address that the last file said, where a hand changed it since."""
    query = (
        select(Contact.imported_email, *_MEMBER)
        .join(Member)
        .where(Contact.imported_email.is_not(None), Contact.email.is_distinct_from(Contact.imported_email))
        .order_by(Member.id)
    )
    found: dict[str, list[_Reader]] = {}
    for email, *of_member in session.execute(query):
        key = addresses.key(email or "")
        found.setdefault(key, []).append(_reader(key, of_member, ""))
    return found


def _reader(key: str, of_member: Sequence[Any], contact: str) -> _Reader:
    member_id, number, structure, given, family = of_member
    return _Reader(key, member_id, number is not None, structure or f"{given} {family}", bool(structure), contact)


def _consents(session: Session, ids: Sequence[int]) -> dict[int, tuple[bool, object, str]]:
    last = select(func.max(Consent.id)).where(Consent.member_id.in_(ids)).group_by(Consent.member_id)
    query = select(Consent.member_id, Consent.given, Consent.given_on, Consent.source).where(Consent.id.in_(last))
    return {member_id: (given, given_on, source) for member_id, given, given_on, source in session.execute(query)}


def _key(email_key: str, name: str) -> str:
    return f"{email_key}\0{fold(name)}"


def _keys(rows: Iterable[MemberRow]) -> set[str]:
    return {addresses.key(email) for row in rows for email in row.emails}


def _number(rows: Iterable[MemberRow]) -> str:
    return next((row.number for row in rows if row.number), "")


def _gathered(batch: Iterable[tuple[int, MemberRow]]) -> _Groups:
    return {group: [row for _, row in rows] for group, rows in groupby(batch, key=lambda one: one[0])}


def _some(these: Iterable[str | None]) -> Iterator[list[str]]:
    source = (one for one in these if one)
    while some := list(islice(source, _MOST_PARAMETERS)):
        yield some
