"""Which contacts does a member have after the file: who is renamed, replaced, added, and who is the main one?"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field

from service.core import addresses
from service.core.names import fold
from service.core.roster.fields import Field, MemberRow
from service.core.roster.report import Change, Difference, Remark

CONTACT = "contact"  # the column that people are told of when a contact is renamed


@dataclass(frozen=True, slots=True)
class KnownContact:
    """A contact of the register; an `email` that is not the `imported_email` was changed by hand."""

    id: int
    given_name: str
    family_name: str
    email: str | None
    imported_email: str | None
    is_main: bool


@dataclass(frozen=True)
class ContactChange:
    """A contact as it is to be: `contact_id` None makes it. Without slots, as MemberChange."""

    contact_id: int | None
    given_name: str
    family_name: str
    email: str | None
    imported_email: str | None
    is_main: bool
    was_main: bool
    position: int


@dataclass(slots=True)
class Draft:
    """A contact while the rows are read."""

    known: KnownContact | None
    given_name: str
    family_name: str
    email: str | None
    imported_email: str | None
    is_main: bool = False
    is_settled: bool = False

    @property
    def is_replaceable(self) -> bool:
        """Whether the file may change this address: nobody did it by hand since the last import."""
        return self.email == self.imported_email

    @property
    def name(self) -> str:
        """The two names."""
        return f"{self.given_name} {self.family_name}".strip()


@dataclass(slots=True)
class Readers:
    """The contacts of one member, compared with his rows."""

    rows: Sequence[MemberRow]
    known: Sequence[KnownContact]
    is_person: bool
    drafts: list[Draft] = field(default_factory=list)
    changed_rows: set[int] = field(default_factory=set)
    changes: list[Change] = field(default_factory=list)
    conflicts: list[Difference] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    keys_in_file: frozenset[str] = frozenset()

    def compare(self) -> None:
        """Take the rows in, in their order: the first row that names an address speaks for it."""
        self.drafts = [
            Draft(one, one.given_name, one.family_name, one.email, one.imported_email, one.is_main)
            for one in self.known
        ]
        named = self._named()
        self.keys_in_file = frozenset(named)
        found: dict[str, Draft] = {}
        for key, (email, row) in named.items():
            draft = self._recognise(email, row)
            if draft is not None:
                found[key] = draft
        if not named:
            self._rename_the_only_one()
        unnamed = [draft for draft in self.drafts if not self._is_in_file(draft, named)]
        for key, (email, row) in named.items():
            if self._at(key) is None:
                found[key] = self._settle(unnamed, row, email)
        if not self.drafts or (not self.known and not self.rows[0].emails):
            self.drafts.insert(0, _new(self.rows[0], None))
        self._choose_main(found)

    def written(self) -> Iterator[ContactChange]:
        """Give the contacts to write."""
        for position, draft in enumerate(self.drafts):
            known = draft.known
            now = (draft.given_name, draft.family_name, draft.email, draft.imported_email, draft.is_main)
            if known is None:
                yield ContactChange(None, *now, was_main=False, position=position)
            elif now != (known.given_name, known.family_name, known.email, known.imported_email, known.is_main):
                yield ContactChange(known.id, *now, was_main=known.is_main, position=position)

    def keys(self) -> Iterator[str]:
        """Give the keys of the addresses that the member has in the end."""
        yield from dict.fromkeys(addresses.key(draft.email) for draft in self.drafts if draft.email)

    def _named(self) -> dict[str, tuple[str, MemberRow]]:
        named: dict[str, tuple[str, MemberRow]] = {}
        for row in self.rows:
            for email in row.emails:
                named.setdefault(addresses.key(email), (email, row))
        return named

    def _recognise(self, email: str, row: MemberRow) -> Draft | None:
        """Find who reads this address, or had it from a file before it was changed by hand; he gets the row's names."""
        draft = self._at(addresses.key(email))
        if draft is not None and not draft.is_replaceable and not self._names_both(draft):
            # The file has caught up with the hand: what it says later counts again.
            self._told(row, Field.EMAIL, f"{draft.imported_email or ''}", draft.email or "")
            draft.imported_email = draft.email
        draft = draft or self._imported_at(addresses.key(email))
        # Both addresses of a contact changed by hand may stand in the file: the first row that names him speaks for him.
        if draft is not None and not draft.is_settled:
            self._rename(draft, row)
            draft.is_settled = True
        return draft

    def _names_both(self, draft: Draft) -> bool:
        # A file that says the old address beside the new one has not caught up: it would bring the old one back.
        return draft.imported_email is not None and addresses.key(draft.imported_email) in self.keys_in_file

    def _is_in_file(self, draft: Draft, named: Container[str]) -> bool:
        if draft.email:
            return addresses.key(draft.email) in named
        return any(_is_named(draft, row) for row in self.rows if not row.emails)

    def _rename_the_only_one(self) -> None:
        if self.is_person and len(self.drafts) == 1:
            self._rename(self.drafts[0], self.rows[0])

    def _rename(self, draft: Draft, row: MemberRow) -> None:
        before = draft.name
        given, family = names_after(draft.given_name, draft.family_name, row)
        if (given, family) != (draft.given_name, draft.family_name):
            draft.given_name, draft.family_name = given, family
            self._told(row, CONTACT, before, draft.name)

    def _settle(self, unnamed: list[Draft], row: MemberRow, email: str) -> Draft:
        """Let an address that we do not know replace the one of a contact whom the file names no more, or add a contact."""
        # Who bears the row's name is the likelier one; then, whom the file may change.
        likeliest = min(unnamed, key=lambda one: (not _is_named(one, row), not one.is_replaceable), default=None)
        replaced = self._imported_at(addresses.key(email)) or likeliest
        if replaced is None:
            draft = _new(row, email)
            self.drafts.append(draft)
            self._told(row, Field.EMAIL, "", email)
            return draft
        # Two addresses of a contact changed by hand may both stand in the file: he is settled once.
        unnamed[:] = [one for one in unnamed if one is not replaced]
        if not replaced.is_replaceable:
            self.conflicts.append(Difference(row.row, 0, "", replaced.email or "", email))
            return replaced
        self._told(row, Field.EMAIL, replaced.email or "", email)
        replaced.email = replaced.imported_email = email
        self._rename(replaced, row)
        return replaced

    def _choose_main(self, found: dict[str, Draft]) -> None:
        """Give the member one main contact: the first that the file names, else who it was, else the first."""
        wishes = [(row, found[addresses.key(row.emails[0])]) for row in self.rows if row.is_main and row.emails]
        current = next((draft for draft in self.drafts if draft.is_main), None)
        chosen = wishes[0][1] if wishes else current or self.drafts[0]
        for row, draft in wishes[1:]:
            if draft is not chosen:
                self.remarks.append(
                    Remark(
                        row.row,
                        Field.IS_MAIN,
                        "oui",
                        f"La ligne {wishes[0][0].row} est déjà le contact principal de ce sociétaire, qui n’en a qu’un : "
                        "c’est elle qui compte. Écrivez « non » sur l’une des deux.",
                    )
                )
        if chosen is current:
            return
        if current is not None:
            current.is_main = False
        chosen.is_main = True
        if wishes and self.known:
            self._told(wishes[0][0], Field.IS_MAIN, _shown(current), _shown(chosen))

    def _at(self, key: str) -> Draft | None:
        return next((draft for draft in self.drafts if draft.email and addresses.key(draft.email) == key), None)

    def _imported_at(self, key: str) -> Draft | None:
        return next(
            (
                draft
                for draft in self.drafts
                if draft.imported_email and not draft.is_replaceable and addresses.key(draft.imported_email) == key
            ),
            None,
        )

    def _told(self, row: MemberRow, column: str, before: str, after: str) -> None:
        self.changed_rows.add(row.row)
        self.changes.append(Change(row.row, None, "", column, before, after))


def names_after(given: str, family: str, row: MemberRow) -> tuple[str, str]:
    """Give the names that a row leaves: filled cells win, and a whole name in one cell says the two that are known."""
    is_one_cell = (given and not row.given_name) or (family and not row.family_name)
    if is_one_cell and fold(f"{given} {family}") == fold(f"{row.given_name} {row.family_name}"):
        return given, family
    return row.given_name or given, row.family_name or family


def _new(row: MemberRow, email: str | None) -> Draft:
    return Draft(None, row.given_name, row.family_name, email, email)


def _is_named(draft: Draft, row: MemberRow) -> bool:
    return fold(draft.name) == fold(f"{row.given_name} {row.family_name}")


def _shown(draft: Draft | None) -> str:
    return (draft.email or draft.name) if draft else ""
