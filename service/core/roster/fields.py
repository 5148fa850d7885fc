"""What does the members file say of one member, and what is said of a cell that cannot be read?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Field(StrEnum):
    """The columns we know, under the headings of the contract."""

    EMAIL = "email"
    GIVEN_NAME = "prénom"
    FAMILY_NAME = "nom"
    ORGANISATION = "structure"
    COLLEGE = "collège"
    CATEGORY = "catégorie"
    NUMBER = "numéro"
    SHARES = "parts"
    PHONE = "téléphone"
    ADDRESS = "adresse"
    ADDRESS_EXTRA = "complément"
    POSTCODE = "code postal"
    CITY = "ville"
    COUNTRY = "pays"
    MEMBER_SINCE = "membre depuis"
    IS_MAIN = "contact principal"
    CONVOCATION_CONSENT = "accord convocation électronique"
    CONSENT_ON = "date d'accord"
    CONSENT_SOURCE = "source de l'accord"


# The longest text a column takes, in characters; the columns not named here take NAME_LENGTH.
NAME_LENGTH = 200
NOTE_LENGTH = 2000
LENGTHS = {
    Field.NUMBER: 50,
    Field.PHONE: 50,
    Field.POSTCODE: 20,
    Field.CONSENT_SOURCE: 400,
    Field.COUNTRY: 100,
    Field.EMAIL: 2000,
}


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One row of the file, read and found good: a member and the contacts (e-mails) named with it.

    `row` is the number a spreadsheet shows; None means that the file does not say; `notes` holds the unknown columns
    that are filled, as (heading, text).
    """

    row: int
    number: str | None
    given_name: str
    family_name: str
    organisation: str
    college: str
    category: str
    shares: int | None
    phone: str
    address: str
    address_extra: str
    postcode: str
    city: str
    country: str
    member_since: date | None
    is_main: bool | None
    emails: tuple[str, ...]
    convocation_consent: bool | None
    consent_on: date | None
    consent_source: str
    notes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RefusedCell:
    """Why a row is not taken: `column` is our own heading (a Field's value), `reason` a French sentence."""

    row: int
    column: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class RowRead:
    """A data row as it stands in the file, and what it gave: a member, or one or several refused cells."""

    row: int
    cells: tuple[str, ...]
    member: MemberRow | None
    refused: tuple[RefusedCell, ...]
