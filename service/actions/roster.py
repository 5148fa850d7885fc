"""The members file taken into the register: created, updated, unchanged; what staff changed by hand wins; nobody is removed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from service.actions import journal, lists, newcomers
from service.actions.newcomers import Newcomer
from service.core import addresses
from service.core.names import fold
from service.core.roster import MemberRow, RefusedCell, RowRead
from service.core.vocabulary import Channel, MemberKind
from service.models.mailing_list import MailingList
from service.models.member import Consent, Contact, Member

CHUNK = 500
_WORDING = "importé du fichier des sociétaires"


@dataclass(slots=True)
class Imported:
    """What an import did; `rows` counts the data rows of the file, refused ones too."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    absent: int = 0
    conflicts: list[Difference] = field(default_factory=list)
    shared: int = 0
    refused: list[RefusedCell] = field(default_factory=list)
    refused_rows: list[RowRead] = field(default_factory=list)
    # The members that the file names; who is not among them is only proposed as gone.
    named: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Difference:
    """An address changed by hand since the last import, which the file contradicts: the hand wins."""

    row: int
    member_id: int
    kept: str
    in_file: str


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A row that names an address which its member did not have; `counted` when it is among the updated ones already."""

    row: MemberRow
    counted: bool


@dataclass(slots=True)
class _Import:
    """The state of one import: what was touched, and who must wait for the whole file to be known."""

    session: Session
    now: datetime
    done: Imported
    touched: set[int] = field(default_factory=set)
    contact_ids: list[int] = field(default_factory=list)
    # Members that this very file brought: all their contacts come from it, so it replaces none of them.
    created: set[int] = field(default_factory=set)
    # The keys of the addresses that the file names for each member of earlier files.
    named: dict[int, tuple[str, ...]] = field(default_factory=dict)
    # Which contact an unknown address replaces is clear when all the rows of its member are known: at the end.
    waiting: dict[int, list[_Waiting]] = field(default_factory=dict)


def take_in(
    session: Session,
    rows: Iterable[RowRead],
    *,
    list_slugs: Sequence[str],
    now: datetime,
    by: int | None = None,
    told: Callable[[int], None] = lambda _: None,
) -> Imported:
    """Take the good rows of a members file in; `told` hears how many rows are done.

    Members are found by number, else by address and name. An address changed by hand since the last import is kept and
    reported; a member absent from the file is counted, never removed; a list that somebody left stays left.
    """
    targets = [lists.find(session, slug) for slug in dict.fromkeys(list_slugs)]
    work = _Import(session, now, Imported())
    source = iter(rows)
    while chunk := list(islice(source, CHUNK)):
        _take_chunk(work, chunk)
        told(work.done.rows)
    for member_id, waiting in work.waiting.items():
        _settle_addresses(work, session.get_one(Member, member_id), waiting)
    session.flush()
    _subscribe(work, targets)
    work.done.absent = (session.scalar(select(func.count()).select_from(Member.present().subquery())) or 0) - _present(
        work
    )
    work.done.shared = _shared_addresses(session)
    work.done.named = work.touched
    if work.done.created or work.done.updated:
        journal.note(session, "members.import", now=now, by=by, created=work.done.created, updated=work.done.updated)
    return work.done


def _take_chunk(work: _Import, chunk: list[RowRead]) -> None:
    known = _Known(work.session, [read.member for read in chunk if read.member])
    named: dict[Member, None] = {}
    for read in chunk:
        work.done.rows += 1
        if read.member is None:
            work.done.refused.extend(read.refused)
            work.done.refused_rows.append(read)
            continue
        member = known.find(read.member)
        if member is None:
            known.welcome(Newcomer(read.member, work.now))
            work.done.created += 1
            continue
        if isinstance(member, Member):
            named[member] = None
        known.remember(member, read.member)
        if member.add(read.member) if isinstance(member, Newcomer) else _update(work, member, read.member):
            work.done.updated += 1
        else:
            work.done.unchanged += 1
    work.session.flush()
    for known_member in named:
        work.contact_ids.extend(contact.id for contact in known_member.contacts)
    member_ids, contact_ids = newcomers.write(work.session, known.newcomers)
    work.contact_ids.extend(contact_ids)
    work.touched.update(member_ids)
    work.created.update(member_ids)
    for member_id, newcomer in zip(member_ids, known.newcomers, strict=True):
        _consent(work, member_id, newcomer.row)
    work.session.flush()
    # Rows that stay in the session would make the memory grow with the file.
    work.session.expunge_all()


class _Known:
    """The members that a chunk may name: those of the register, and the newcomers among its own rows."""

    def __init__(self, session: Session, rows: Sequence[MemberRow]) -> None:
        self.newcomers: list[Newcomer] = []
        self.by_number: dict[str, Member | Newcomer] = {}
        self.by_address: dict[tuple[str, str], Member | Newcomer] = {}
        numbers = [row.number for row in rows if row.number]
        keys = {addresses.key(email) for row in rows for email in row.emails}
        with_contacts = select(Member).options(selectinload(Member.contacts))
        for member in session.scalars(with_contacts.where(Member.number.in_(numbers))):
            self.by_number[member.number or ""] = member
        at_these = select(Contact.member_id).where(Contact.email_key.in_(keys))
        for member in session.scalars(with_contacts.where(Member.id.in_(at_these))):
            for contact in member.contacts:
                if contact.email_key:
                    self.by_address[contact.email_key, fold(member.name)] = member

    def find(self, row: MemberRow) -> Member | Newcomer | None:
        """Find a member by number, else by address and name; a number that is new may belong to a known address."""
        if row.number and row.number in self.by_number:
            return self.by_number[row.number]
        for email in row.emails:
            member = self.by_address.get((addresses.key(email), _name(row)))
            if member is not None and (not row.number or (isinstance(member, Member) and member.number is None)):
                return member
        return None

    def welcome(self, newcomer: Newcomer) -> None:
        """Take in somebody whom the register does not know."""
        self.newcomers.append(newcomer)
        self.remember(newcomer, newcomer.row)

    def remember(self, member: Member | Newcomer, row: MemberRow) -> None:
        """Let later rows of the same chunk find this member."""
        if row.number:
            self.by_number[row.number] = member
        for email in row.emails:
            self.by_address[addresses.key(email), fold(member.name)] = member


def _update(work: _Import, member: Member, row: MemberRow) -> bool:
    """Bring a known member up to what the file says; filled cells win, empty ones change nothing."""
    first_row = member.id not in work.touched
    work.touched.add(member.id)
    changed = _overwrite(member, row, first_row=first_row)
    if first_row:
        changed |= _consent(work, member.id, row)
    if member.id in work.created:
        changed |= _add_contacts(work, member, row)
    else:
        changed |= _correct_names(work, member, row, first_row=first_row)
    changed |= _choose_main(work, member, row)
    if changed:
        member.updated_at = work.now
        member.refresh_search()
    if any(_at(member, email) is None for email in row.emails):
        work.waiting.setdefault(member.id, []).append(_Waiting(row, counted=changed))
    return changed


def _overwrite(member: Member, row: MemberRow, *, first_row: bool) -> bool:
    """Further rows of a member name contacts: only the first says what the member is."""
    told = newcomers.details(row) if first_row else {}
    if first_row and not row.organisation and member.kind is MemberKind.PERSON:
        told |= {"given_name": row.given_name, "family_name": row.family_name}
    if row.number and member.number is None:
        told["number"] = row.number
    told = {
        name: value for name, value in told.items() if value not in (None, "", {}) and getattr(member, name) != value
    }
    for name, value in told.items():
        setattr(member, name, value)
    return bool(told)


def _correct_names(work: _Import, member: Member, row: MemberRow, *, first_row: bool) -> bool:
    """Give the contacts at the row's addresses the names of the row: the first row that names an address speaks for it."""
    named = work.named.get(member.id, ())
    fresh = {addresses.key(email): email for email in row.emails if addresses.key(email) not in named}
    work.named[member.id] = (*named, *fresh)
    readers = [_at(member, email) or _imported_at(member, email) for email in fresh.values()]
    if first_row and not row.emails and len(member.contacts) == 1 and member.kind is MemberKind.PERSON:
        readers = [member.contacts[0]]
    # Not any(): it would stop at the first contact that changes.
    return sum(_rename(contact, row) for contact in readers if contact is not None) > 0


def _rename(contact: Contact, row: MemberRow) -> bool:
    before = (contact.given_name, contact.family_name)
    contact.given_name = row.given_name or contact.given_name
    contact.family_name = row.family_name or contact.family_name
    return (contact.given_name, contact.family_name) != before


def _settle_addresses(work: _Import, member: Member, waiting: list[_Waiting]) -> None:
    """At the end of the file: pair the addresses that we do not know with the contacts that the file names no more."""
    unnamed = [contact for contact in member.contacts if contact.email_key not in work.named[member.id]]
    for one in waiting:
        new = (email for email in one.row.emails if _at(member, email) is None)
        changed = sum(_settle_address(work, member, unnamed, one.row, email) for email in new) > 0
        changed |= _choose_main(work, member, one.row)
        if changed:
            member.updated_at = work.now
        if changed and not one.counted:
            work.done.updated += 1
            work.done.unchanged -= 1
    member.refresh_search()
    work.session.flush()
    work.contact_ids.extend(contact.id for contact in member.contacts)


def _settle_address(work: _Import, member: Member, unnamed: list[Contact], row: MemberRow, email: str) -> bool:
    """Let an address replace the one of a contact, or add a contact; True unless an address changed by hand is kept."""
    imported = _imported_at(member, email)
    # Who bears the row's name is the likelier one; then, whom the file may change.
    replaced = imported or min(unnamed, key=lambda one: (not _is_named(one, row), not _replaceable(one)), default=None)
    if replaced is None:
        _add_contact(work, member, row, email)
        return True
    if replaced in unnamed:
        unnamed.remove(replaced)
        if not _replaceable(replaced):
            work.done.conflicts.append(Difference(row.row, member.id, replaced.email or "", email))
            return False
        replaced.email = replaced.imported_email = email
        replaced.email_key = addresses.key(email)
        _rename(replaced, row)
        return True
    return False


def _at(member: Member, email: str) -> Contact | None:
    """The contact who reads this address."""
    key = addresses.key(email)
    return next((contact for contact in member.contacts if contact.email_key == key), None)


def _imported_at(member: Member, email: str) -> Contact | None:
    """The contact whom a file gave this address, and who had it changed by hand since."""
    key = addresses.key(email)
    return next(
        (
            contact
            for contact in member.contacts
            if contact.imported_email and not _replaceable(contact) and addresses.key(contact.imported_email) == key
        ),
        None,
    )


def _is_named(contact: Contact, row: MemberRow) -> bool:
    return fold(f"{contact.given_name} {contact.family_name}") == fold(f"{row.given_name} {row.family_name}")


def _replaceable(contact: Contact) -> bool:
    """Whether the file may change this address: nobody did it by hand since the last import."""
    return contact.email == contact.imported_email


def _add_contacts(work: _Import, member: Member, row: MemberRow) -> bool:
    added = [email for email in row.emails if _at(member, email) is None]
    for email in added:
        _add_contact(work, member, row, email)
    return bool(added)


def _add_contact(work: _Import, member: Member, row: MemberRow, email: str) -> None:
    member.contacts.append(Contact(**newcomers.contact_values(row, email, position=len(member.contacts), now=work.now)))


def _choose_main(work: _Import, member: Member, row: MemberRow) -> bool:
    """Give the member one main contact: the one that the file names, else the first."""
    named = next(
        (one for one in member.contacts if row.is_main and row.emails and one is _at(member, row.emails[0])), None
    )
    current = member.main_contact
    chosen = named or current or next(iter(member.contacts), None)
    if chosen is None or chosen is current:
        return False
    if current is not None:
        current.is_main = False
        # The database allows one main contact at a time: this one steps down first.
        work.session.flush()
    chosen.is_main = True
    return True


def _consent(work: _Import, member_id: int, row: MemberRow) -> bool:
    """Keep the member's choice about electronic convocation, when the file tells a new one (P4)."""
    if row.convocation_consent is None:
        return False
    last = work.session.scalar(
        select(Consent).where(Consent.member_id == member_id).order_by(Consent.id.desc()).limit(1)
    )
    said = (row.convocation_consent, row.consent_on, row.consent_source)
    if last is not None and (last.given, last.given_on, last.source) == said:
        return False
    work.session.add(
        Consent(
            member_id=member_id,
            given=row.convocation_consent,
            given_on=row.consent_on,
            source=row.consent_source,
            channel=Channel.IMPORT,
            recorded_at=work.now,
        )
    )
    return True


def _subscribe(work: _Import, targets: Sequence[MailingList]) -> None:
    statutory = work.session.scalar(MailingList.named(lists.STATUTORY))
    if statutory is not None:
        lists.subscribe(
            work.session, statutory, work.contact_ids, channel=Channel.IMPORT, wording=_WORDING, now=work.now
        )
    for target in targets:
        lists.subscribe(work.session, target, work.contact_ids, channel=Channel.IMPORT, wording=_WORDING, now=work.now)


def _present(work: _Import) -> int:
    """How many of the members that the file names have not left."""
    touched = sorted(work.touched)
    return sum(
        work.session.scalar(
            select(func.count()).where(Member.id.in_(touched[start : start + CHUNK]), Member.is_present())
        )
        or 0
        for start in range(0, len(touched), CHUNK)
    )


def _shared_addresses(session: Session) -> int:
    """How many addresses several members share (a couple, an office): accepted, and told."""
    shared = (
        select(Contact.email_key)
        .where(Contact.email_key.is_not(None))
        .group_by(Contact.email_key)
        .having(func.count(Contact.member_id.distinct()) > 1)
    )
    return session.scalar(select(func.count()).select_from(shared.subquery())) or 0


def _name(row: MemberRow) -> str:
    return fold(row.organisation or f"{row.given_name} {row.family_name}")
