"""Which member does each data row name, or what in it must be corrected?"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from service.core import addresses
from service.core.refusals import Refusal
from service.core.roster import cells as cell
from service.core.roster.fields import LENGTHS, NAME_LENGTH, NOTE_LENGTH, Field, MemberRow, RefusedCell, RowRead
from service.core.roster.headings import Headings
from service.core.roster.repeats import FirstRows
from service.core.roster.sheets import Sheet

T = TypeVar("T")

_FRANCE = frozenset(
    {"", "france", "fr", "fra", "france métropolitaine", "france metropolitaine", "république française"}
)
_SHOWN = 200  # characters of a refused value that a report repeats


def read(sheet: Sheet, headings: Headings | None = None) -> Generator[RowRead, None, None]:
    """Reads the data rows one by one, each giving a member or its refused cells; memory holds a few bytes an e-mail.

    `headings` are those of the sheet unless a person assigned the columns otherwise. Refuses at once when a needed
    column is missing, and at the end when there was no data row.
    """
    chosen = headings or sheet.headings
    chosen.require()
    return _read(sheet, chosen)


def _read(sheet: Sheet, headings: Headings) -> Generator[RowRead, None, None]:
    seen = FirstRows()
    where = {column: headings.columns.index(column) for column in Field if column in headings.known - {Field.EMAIL}}
    emails = [index for index, column in enumerate(headings.columns) if column is Field.EMAIL]
    empty = True
    for number, texts in sheet.rows():
        empty = False
        row = _Row(number, texts, headings, where, emails)
        if sheet.fixed_width:
            row.refuse_overflow()
        member = row.member()
        if member is not None:
            row.refuse_repeated(member, seen)
        yield RowRead(number, tuple(texts), None if row.refused else member, tuple(row.refused))
    if empty:
        raise Refusal(
            "Le fichier n’a que des en-têtes, rien en dessous\u00a0: vérifiez que c’est le bon, puis recommencez.",
            field="file",
        )


@dataclass(slots=True)
class _Row:
    """One row being read: what is refused in it gathers here, so that a person sees every fault at once."""

    number: int
    texts: list[str]
    headings: Headings
    where: dict[Field, int]
    emails: list[int]
    refused: list[RefusedCell] = field(default_factory=list)

    def member(self) -> MemberRow | None:
        """Gives the member, or nothing once a cell of it is refused."""
        texts = {column: self._text(column, index) for column, index in self.where.items()}

        def text(column: Field) -> str:
            return texts.get(column, "")

        country = text(Field.COUNTRY)
        emails = self._addresses()
        self._refuse_nameless(texts, emails)
        member = MemberRow(
            row=self.number,
            number=text(Field.NUMBER) or None,
            given_name=text(Field.GIVEN_NAME),
            family_name=text(Field.FAMILY_NAME),
            organisation=text(Field.ORGANISATION),
            college=text(Field.COLLEGE),
            category=text(Field.CATEGORY),
            shares=self._value(Field.SHARES, text(Field.SHARES), cell.read_count),
            phone=_phone(text(Field.PHONE), country),
            address=text(Field.ADDRESS),
            address_extra=text(Field.ADDRESS_EXTRA),
            postcode=_postcode(text(Field.POSTCODE), country),
            city=text(Field.CITY),
            country=country,
            member_since=self._value(Field.MEMBER_SINCE, text(Field.MEMBER_SINCE), cell.read_date),
            is_main=self._value(Field.IS_MAIN, text(Field.IS_MAIN), cell.read_yes),
            emails=emails,
            convocation_consent=self._value(Field.CONVOCATION_CONSENT, text(Field.CONVOCATION_CONSENT), cell.read_yes),
            consent_on=self._value(Field.CONSENT_ON, text(Field.CONSENT_ON), cell.read_date),
            consent_source=text(Field.CONSENT_SOURCE),
            notes=self._notes(),
        )
        return None if self.refused else member

    def refuse_overflow(self) -> None:
        """Refuses a row with more cells than there are headings: its columns have most likely shifted."""
        extra = self.texts[len(self.headings.titles) :]
        if any(text.strip() for text in extra):
            self._refuse(
                self.headings.title(len(self.headings.titles) - 1),
                " ".join(extra),
                "La ligne a plus de cellules que d’en-têtes\u00a0: un texte contient sans doute le séparateur, "
                "entourez-le de guillemets droits.",
            )

    def refuse_repeated(self, member: MemberRow, seen: FirstRows) -> None:
        """Refuses the row whose member and e-mails all stood in an earlier one, and remembers those of this row."""
        who = member.number or f"{member.family_name}\0{member.given_name}\0{member.organisation}"
        by = Field.NUMBER if member.number else Field.EMAIL
        said = [f"{by}\0{who.casefold()}\0{addresses.key(email)}" for email in member.emails or ("",)]
        firsts = [seen.first(each, self.number) for each in said]
        if self.number not in firsts:
            value = member.number or ", ".join(member.emails)
            first = firsts[0]
            self._refuse(
                by,
                value,
                f"Cette ligne répète la ligne {first} (même sociétaire, même adresse)\u00a0: supprimez l’une des deux.",
            )

    def _text(self, column: Field, index: int) -> str:
        text = cell.clean(self._raw(index))
        return self._value(column, text, partial(_checked, column)) or "" if text else ""

    def _addresses(self) -> tuple[str, ...]:
        found: dict[str, str] = {}
        for index in self.emails:
            for typed in _addresses_in(self._raw(index)):
                email = self._value(Field.EMAIL, typed, _email)
                if email:
                    found.setdefault(addresses.key(email), email)
        return tuple(found.values())

    def _refuse_nameless(self, texts: dict[Field, str], emails: tuple[str, ...]) -> None:
        faulty = {refused.column for refused in self.refused}
        if not (
            texts.get(Field.FAMILY_NAME)
            or texts.get(Field.ORGANISATION)
            or faulty & {Field.FAMILY_NAME, Field.ORGANISATION}
        ):
            column = Field.FAMILY_NAME if Field.FAMILY_NAME in self.where else Field.ORGANISATION
            self._refuse(column, "", "Il manque le nom de la personne ou de la structure\u00a0: écrivez l’un des deux.")
        if not (emails or texts.get(Field.NUMBER) or faulty & {Field.EMAIL, Field.NUMBER}):
            column = Field.EMAIL if self.emails else Field.NUMBER
            self._refuse(
                column,
                "",
                "Il manque l’adresse e-mail ou le numéro de sociétaire\u00a0: écrivez au moins l’un des deux.",
            )

    def _notes(self) -> tuple[tuple[str, str], ...]:
        filled = [(self.headings.title(index), cell.clean(self._raw(index))) for index in self.headings.noted]
        beyond = range(len(self.headings.titles), len(self.texts))
        filled += [(self.headings.title(index), cell.clean(self._raw(index))) for index in beyond]
        notes = tuple((title, text) for title, text in filled if text)
        for title, text in notes:
            self._value(title, text, partial(cell.refuse_longer, limit=NOTE_LENGTH))
        return notes

    def _raw(self, index: int) -> str:
        return self.texts[index] if index < len(self.texts) else ""

    def _value(self, column: str, text: str, read_one: Callable[[str], T]) -> T | None:
        try:
            return read_one(text)
        except Refusal as refusal:
            self._refuse(column, text, refusal.sentence)
            return None

    def _refuse(self, column: str, value: str, reason: str) -> None:
        shown = value if len(value) <= _SHOWN else f"{value[: _SHOWN - 1]}…"
        self.refused.append(RefusedCell(self.number, str(column), shown, reason))


def _checked(column: Field, text: str) -> str:
    cell.refuse_formula(text)
    cell.refuse_longer(text, LENGTHS.get(column, NAME_LENGTH))
    if column in (Field.NUMBER, Field.PHONE, Field.POSTCODE):
        cell.refuse_abridged(text)
    return text


def _email(typed: str) -> str:
    cell.refuse_formula(typed)
    return addresses.normalise(typed)


def _addresses_in(text: str) -> list[str]:
    if not cell.clean(text):
        return []
    # A formula may hold commas and an @: it is one cell, and refused as such.
    if text.lstrip().startswith("="):
        return [cell.clean(text)]
    found = [text]
    for separator in (r"[;\r\n]+", r"[,/|]+", r"\s+(?:(?:et|ou|&|-)\s+)?"):
        found = [part for piece in found for part in _split(piece, separator)]
    return found


def _split(piece: str, separator: str) -> list[str]:
    """Splits only what gives addresses: in «jean@exemple,fr» or «Jean <jean@…>» the sign does not stand between two."""
    parts = [part for part in re.split(separator, piece) if cell.clean(part)]
    return parts if all("@" in part and part.count("<") == part.count(">") for part in parts) else [piece]


def _postcode(text: str, country: str) -> str:
    if country.casefold() not in _FRANCE or not text.replace(" ", "").isdecimal():
        return text
    digits = text.replace(" ", "")
    return digits.zfill(5) if len(digits) == 4 else digits


def _phone(text: str, country: str) -> str:
    # Nine digits are a French number whose leading 0 a spreadsheet ate.
    eaten = country.casefold() in _FRANCE and re.fullmatch(r"[1-9]\d{8}", text, re.ASCII)
    return f"0{text}" if eaten else text
