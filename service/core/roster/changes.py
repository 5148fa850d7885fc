"""What does the file change about one member, his rows compared with what the register knows of him?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from service.core import addresses, french
from service.core.names import fold, search_text
from service.core.roster.contacts import CONTACT, ContactChange, Draft, KnownContact, Readers, names_after
from service.core.roster.fields import Field, MemberRow
from service.core.roster.report import Change, Difference, Remark
from service.core.vocabulary import MemberKind

# The columns of a member, and the column of the file that fills each.
DETAILS = {
    "organisation": Field.ORGANISATION,
    "college": Field.COLLEGE,
    "category": Field.CATEGORY,
    "shares": Field.SHARES,
    "telephone": Field.PHONE,
    "address": Field.ADDRESS,
    "address_extra": Field.ADDRESS_EXTRA,
    "postcode": Field.POSTCODE,
    "city": Field.CITY,
    "country": Field.COUNTRY,
    "member_since": Field.MEMBER_SINCE,
}
_NAMES = {"given_name": Field.GIVEN_NAME, "family_name": Field.FAMILY_NAME}
_IN_ROW = {"telephone": "phone"}

ConsentSaid = tuple[bool, object, str]  # given, the day or None, the source


@dataclass(frozen=True, slots=True)
class KnownMember:
    """A member of the register: `values` holds his columns by name, `consent` his last choice."""

    id: int
    values: dict[str, object]
    contacts: tuple[KnownContact, ...]
    consent: ConsentSaid | None = None

    @property
    def name(self) -> str:
        """What the member is called."""
        return _called(self.values)


@dataclass(frozen=True)
class MemberChange:
    """What is to be written about one member: `member_id` None makes him; `search` is what he is found by.

    Without slots, which make packing and unpacking five times as slow.
    """

    member_id: int | None
    values: dict[str, object]
    contacts: tuple[ContactChange, ...]
    consent: ConsentSaid | None
    search: str

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be written."""
        return self.member_id is not None and not (self.values or self.contacts or self.consent)


@dataclass(slots=True)
class Comparison:
    """One member compared: what is to be written, and what people are told of it; `changed_rows` bring something.

    `name` and `contacts` are what he is called and who reads for him in the end.
    """

    change: MemberChange
    name: str
    contacts: Sequence[Draft]
    keys: tuple[str, ...]
    rows: tuple[int, ...]
    changed_rows: set[int]
    changes: list[Change]
    conflicts: list[Difference]
    remarks: list[Remark]

    @property
    def further_changed(self) -> int:
        """How many rows after the first bring something."""
        return len(self.changed_rows.intersection(self.rows[1:]))


def compare(rows: Sequence[MemberRow], known: KnownMember | None) -> Comparison:
    """Compare the rows of one member, in the order of the file, with the register; `known` None is a new member.

    Filled cells win, empty ones change nothing; of two rows that differ about the member, the first counts and the other
    is remarked. An address changed by hand since the last import is kept. The same file again changes nothing.
    """
    work = _Work(rows, known)
    values = work.details()
    work.remark_other_persons()
    readers = Readers(rows, known.contacts if known else (), is_person=work.is_person)
    readers.compare()
    consent = work.consent()
    name = _called({**(known.values if known else {}), **values})
    member_id = known.id if known else None
    changes = [] if known is None else [*work.changes, *_without_doubles(readers.changes, work.changes)]
    change = MemberChange(
        member_id, values, tuple(readers.written()), consent, search_text(_said(name, rows, known, readers))
    )
    return Comparison(
        change,
        name,
        readers.drafts,
        tuple(readers.keys()),
        tuple(row.row for row in rows),
        work.changed_rows | readers.changed_rows,
        [Change(one.row, member_id, name, one.column, one.before, one.after) for one in changes],
        [Difference(one.row, member_id or 0, name, one.kept, one.in_file) for one in readers.conflicts],
        [*work.remarks, *readers.remarks],
    )


@dataclass(slots=True)
class _Work:
    """The member himself, apart from his contacts."""

    rows: Sequence[MemberRow]
    known: KnownMember | None
    changed_rows: set[int] = field(default_factory=set)
    changes: list[Change] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    @property
    def is_person(self) -> bool:
        """Whether nobody, the file nor the register, calls this member an organisation."""
        known = self.known.values.get("kind") if self.known else MemberKind.PERSON
        return known == MemberKind.PERSON and not any(row.organisation for row in self.rows)

    def details(self) -> dict[str, object]:
        """Give the columns of the member to write."""
        values = {name: told for name, column in DETAILS.items() if (told := self._told(name, column)) is not None}
        values |= self._identity()
        notes = self._notes()
        if notes is not None:
            values["notes"] = notes
        return values

    def remark_other_persons(self) -> None:
        """Tell that another person under the same number is taken for a contact."""
        first = self.rows[0]
        for row in self.rows[1:]:
            if self.is_person and not is_same_person(first, row):
                self.remarks.append(
                    Remark(
                        row.row,
                        Field.NUMBER,
                        row.number or "",
                        f"Ce numéro est déjà celui {french.de(_person(first))} (ligne {first.row}) : {_person(row)} est pris pour un "
                        "contact de ce sociétaire, sans voix. Si c’est un autre sociétaire, corrigez son numéro.",
                    )
                )
            elif row.organisation and not first.organisation and not is_same_person(first, row):
                self.remarks.append(
                    Remark(
                        row.row,
                        Field.ORGANISATION,
                        row.organisation,
                        f"La ligne {first.row} a le même numéro sans structure : {_person(first)} est pris pour un contact "
                        f"{french.de(row.organisation)}. Si c’est un autre sociétaire, corrigez son numéro.",
                    )
                )

    def consent(self) -> ConsentSaid | None:
        """Give the choice about electronic convocation when the file tells a new one (P4): the first row that tells it."""
        told: ConsentSaid | None = None
        teller = 0
        for row in self.rows:
            said = (
                None
                if row.convocation_consent is None
                else (row.convocation_consent, row.consent_on, row.consent_source)
            )
            if said is None:
                self._remark_consent_without_choice(row)
                continue
            if told is None:
                told, teller = said, row.row
            elif told != said:
                self._remark_other(row.row, Field.CONVOCATION_CONSENT, "oui" if said[0] else "non", teller)
        known = self.known.consent if self.known else None
        if told is None or told == known:
            return None
        self._changed(teller, Field.CONVOCATION_CONSENT, _consent_words(known), _consent_words(told))
        return told

    def _remark_consent_without_choice(self, row: MemberRow) -> None:
        """Tell that the day and the source of an agreement say nothing without the choice."""
        for column, value in ((Field.CONSENT_ON, shown(row.consent_on)), (Field.CONSENT_SOURCE, row.consent_source)):
            if value:
                self.remarks.append(
                    Remark(
                        row.row,
                        column,
                        value,
                        "La ligne ne dit pas si le sociétaire est d’accord, et cette cellule ne compte pas. Écrivez « oui » ou « non » "
                        f"dans la colonne « {Field.CONVOCATION_CONSENT} », ou videz cette cellule.",
                    )
                )

    def _told(self, name: str, column: Field) -> object | None:
        """Give what the file says in a column when the register says something else."""
        attribute = _IN_ROW.get(name, name)
        filled = [(row.row, value) for row in self.rows if (value := getattr(row, attribute)) not in (None, "")]
        return self._first(name, column, filled) if filled else None

    def _identity(self) -> dict[str, object]:
        """Give the number, the kind and the names."""
        numbers = [(row.row, row.number) for row in self.rows if row.number]
        known = self.known.values if self.known else {}
        values: dict[str, object] = {}
        if numbers and not known.get("number"):
            values["number"] = numbers[0][1]
            self._changed(numbers[0][0], Field.NUMBER, "", numbers[0][1] or "")
        if self.known is None:
            values["kind"] = MemberKind.PERSON if self.is_person else MemberKind.ORGANISATION
        elif known.get("kind") == MemberKind.PERSON and not self.is_person:
            return values | {"kind": MemberKind.ORGANISATION, "given_name": "", "family_name": ""}
        if self.is_person:
            first = self.rows[0]
            before = str(known.get("given_name") or ""), str(known.get("family_name") or "")
            for (name, column), value in zip(_NAMES.items(), names_after(*before, first), strict=True):
                if value and value != known.get(name):
                    values[name] = value
                    self._changed(first.row, column, known.get(name), value)
        return values

    def _notes(self) -> dict[str, str] | None:
        """Give the notes when one is new: what the file says of a title replaces what was noted under it."""
        noted = self.known.values.get("notes") if self.known else None
        before = dict(noted) if isinstance(noted, dict) else {}
        titles = dict.fromkeys(title for row in self.rows for title, _ in row.notes)
        told = {title: self._note(title, before.get(title)) for title in titles}
        new = {title: text for title, text in told.items() if text is not None}
        return before | new if new else None

    def _note(self, title: str, before: str | None) -> str | None:
        filled = ((row.row, text) for row in self.rows for name, text in row.notes if name == title)
        teller, told = next(filled)
        for number, text in filled:
            if fold(text) != fold(told):
                self._remark_other(number, title, text, teller)
        if told == before:
            return None
        self._changed(teller, title, before, told)
        return told

    def _first(self, name: str, column: Field, filled: Sequence[tuple[int, object]]) -> object | None:
        teller, told = filled[0]
        for number, value in filled[1:]:
            if _plain(value) != _plain(told):
                self._remark_other(number, column, shown(value), teller)
        before = self.known.values.get(name) if self.known else None
        if told == before:
            return None
        self._changed(teller, column, before, told)
        return told

    def _changed(self, row: int, column: str, before: object, after: object) -> None:
        self.changed_rows.add(row)
        if self.known is None:
            return
        self.changes.append(Change(row, None, "", column, shown(before), shown(after)))

    def _remark_other(self, row: int, column: str, value: str, teller: int) -> None:
        self.remarks.append(
            Remark(
                row,
                column,
                value,
                f"La ligne {teller} dit autre chose du même sociétaire, et c’est elle qui compte. Écrivez la même chose sur "
                "les deux lignes, ou videz cette cellule.",
            )
        )


def _without_doubles(told: Sequence[Change], of_member: Sequence[Change]) -> list[Change]:
    """A person's new name is told once, not again for the contact that he is."""
    renamed = {one.row for one in of_member if one.column in _NAMES.values()}
    return [one for one in told if one.column != CONTACT or one.row not in renamed]


def is_same_person(one: MemberRow, other: MemberRow) -> bool:
    """Whether two rows name one person: accents, case and a missing first name do not count."""
    given = fold(one.given_name), fold(other.given_name)
    return fold(one.family_name) == fold(other.family_name) and (given[0] == given[1] or not all(given))


def row_name(row: MemberRow) -> str:
    """Give what a row calls its member."""
    return row.organisation or _person(row)


def shown(value: object) -> str:
    """Write a value as people read it."""
    if value is None:
        return ""
    return f"{value:%d/%m/%Y}" if hasattr(value, "strftime") else str(value)


def _said(name: str, rows: Sequence[MemberRow], known: KnownMember | None, readers: Readers) -> Iterator[str]:
    number = known.values.get("number") if known else None
    yield name
    yield str(number or next((row.number for row in rows if row.number), ""))
    for draft in readers.drafts:
        yield f"{draft.given_name} {draft.family_name}".strip() or name
        yield draft.email or ""


def _called(values: dict[str, object]) -> str:
    return str(values.get("organisation") or "") or (
        f"{values.get('given_name') or ''} {values.get('family_name') or ''}".strip()
    )


def _person(row: MemberRow) -> str:
    return f"{row.given_name} {row.family_name}".strip()


def _plain(value: object) -> object:
    return fold(value) if isinstance(value, str) else value


def _consent_words(said: ConsentSaid | None) -> str:
    if said is None:
        return ""
    told = ("oui" if said[0] else "non", shown(said[1]), said[2])
    return ", ".join(word for word in told if word)


def keys_of(row: MemberRow) -> tuple[str, ...]:
    """Give the keys by which a row without a number is known: each address with the member's name."""
    return tuple(f"{addresses.key(email)}\0{fold(row_name(row))}" for email in row.emails)
