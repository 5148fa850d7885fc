"""Which column of a members file is what, whatever way its heading is written?"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from service.core.refusals import Refusal
from service.core.roster.fields import Field

REASON_HEADING = "motif du refus"  # the column that we add to a file of refused rows, and skip when it comes back
SEARCHED_ROWS = 20  # a title, a date and an empty row often stand above the headings

Record = tuple[int, list[str]]  # the number a spreadsheet shows, and the cells

_SYNONYMS = {
    Field.EMAIL: (
        "e-mail, mail, courriel, mél, adresse email, adresse mail, adresse e-mail, adresse courriel, adresse "
        "électronique, adresse de courriel, adresse de messagerie, email address, contact email, contact "
        "mail, email contact, mail contact, email du contact, email 1, email 2, email 3, mail 1, mail 2, mail "
        "3, courriel 1, courriel 2, autre email, autre mail, email secondaire, mail secondaire, email "
        "principal, mail principal, emails, mails, courriels"
    ),
    Field.GIVEN_NAME: ("prénoms, prénom du contact, prénom contact, prénom usuel, first name, firstname, given name"),
    Field.FAMILY_NAME: (
        "nom de famille, noms, nom du contact, nom contact, nom usuel, nom d'usage, nom du sociétaire, nom "
        "sociétaire, nom du membre, nom membre, last name, lastname, family name, surname"
    ),
    Field.ORGANISATION: (
        "raison sociale, organisme, organisation, dénomination, dénomination sociale, nom de la structure, "
        "nom structure, société, entreprise, association, établissement, nom de l'organisme, nom de "
        "l'organisation, personne morale, structures, entité, company, organization"
    ),
    Field.COLLEGE: ("collèges, collège de vote, collège électoral, collège du sociétaire"),
    Field.CATEGORY: (
        "catégories, catégorie de sociétaire, catégorie d'associé, catégorie de membre, catégorie du sociétaire"
    ),
    Field.NUMBER: (
        "n°, no, num, n° sociétaire, n° de sociétaire, numéro sociétaire, numéro de sociétaire, num "
        "sociétaire, n° du sociétaire, numéro du sociétaire, n° membre, n° de membre, numéro membre, numéro "
        "de membre, n° adhérent, n° d'adhérent, numéro adhérent, numéro d'adhérent, n° associé, n° d'associé, "
        "numéro d'associé, numéro associé, matricule, member number"
    ),
    Field.SHARES: (
        "part, nombre de parts, nb de parts, nb parts, nbre de parts, nbr de parts, nombre parts, parts "
        "sociales, part sociale, nombre de parts sociales, nb de parts sociales, nb parts sociales, n° de "
        "parts, parts souscrites, nombre de parts souscrites, parts détenues, nombre de parts détenues, "
        "shares"
    ),
    Field.PHONE: (
        "tél, tel., téléphones, numéro de téléphone, n° de téléphone, n° téléphone, n° tél, num tél, "
        "portable, mobile, téléphone portable, tél portable, téléphone mobile, tél mobile, téléphone fixe, "
        "tél fixe, fixe, phone"
    ),
    Field.ADDRESS: (
        "adresse postale, adresse 1, adresse ligne 1, rue, voie, n° et rue, numéro et rue, n° et voie, numéro "
        "et voie, adresse complète, adresse du siège, siège social, adresse du sociétaire, address"
    ),
    Field.ADDRESS_EXTRA: (
        "complément d'adresse, complément adresse, adresse complément, adresse 2, adresse ligne 2, adresse "
        "suite, suite adresse, compl. adresse, bâtiment"
    ),
    Field.POSTCODE: ("cp, code postale, codepostal, c.p., zip, postcode, postal code"),
    Field.CITY: ("commune, villes, localité, ville du siège, city"),
    Field.COUNTRY: ("country, pays du siège"),
    Field.MEMBER_SINCE: (
        "sociétaire depuis, associé depuis, adhérent depuis, date d'adhésion, date adhésion, date de "
        "l'adhésion, adhésion, date d'entrée, date entrée, date de souscription, date souscription, date "
        "d'admission, membre depuis le, sociétaire depuis le, depuis le, depuis, member since"
    ),
    Field.IS_MAIN: ("principal, contact référent, référent, interlocuteur principal, est contact principal"),
    Field.CONVOCATION_CONSENT: (
        "accord convocation, accord pour convocation électronique, accord de convocation électronique, accord "
        "convocation par mail, accord convocation par email, convocation électronique, convocation par mail, "
        "convocation par email, convocation par courriel, accord électronique, accord convocation par "
        "courriel, accord pour la convocation électronique, accord à la convocation électronique, "
        "consentement convocation électronique"
    ),
    Field.CONSENT_ON: (
        "date accord, date de l'accord, accord donné le, accord le, date du consentement, date de consentement"
    ),
    Field.CONSENT_SOURCE: (
        "source accord, source d'accord, origine de l'accord, origine accord, source du consentement"
    ),
}


@dataclass(frozen=True, slots=True)
class Headings:
    """The row of headings: its number, its titles as written, and the field of each column (None: unknown).

    Several columns may be e-mails (each is a contact); any other field has one column.
    """

    row: int
    titles: tuple[str, ...]
    columns: tuple[Field | None, ...]

    @property
    def known(self) -> frozenset[Field]:
        """The fields that have a column."""
        return frozenset(column for column in self.columns if column is not None)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The titles that we do not know: their cells are kept as notes."""
        return tuple(self.title(index) for index in self.noted if self.titles[index].strip())

    @property
    def noted(self) -> tuple[int, ...]:
        """The columns kept as notes: neither known nor our own reason for a refusal."""
        own = _fold(REASON_HEADING)
        return tuple(
            index
            for index, (title, column) in enumerate(zip(self.titles, self.columns, strict=True))
            if column is None and _fold(title) != own
        )

    def title(self, index: int) -> str:
        """Gives the title of a column, or its letter where it has none (so beyond the last heading)."""
        title = self.titles[index] if index < len(self.titles) else ""
        return " ".join(title.split()) or f"colonne {_letters(index)}"

    def assign(self, columns: Sequence[Field | None]) -> Headings:
        """Gives the same row with the fields a person chose; refuses when a field other than email is chosen twice."""
        chosen = [column for column in columns if column is not None and column is not Field.EMAIL]
        for column in chosen:
            if chosen.count(column) > 1:
                raise Refusal(f"Deux colonnes sont «\u00a0{column}\u00a0»\u00a0: gardez-en une seule.", field=column)
        padded = [*columns, *[None] * len(self.titles)][: len(self.titles)]
        return replace(self, columns=tuple(padded))

    def require(self) -> None:
        """Refuses when a column that an import cannot do without is missing, and says which headings were found."""
        missing = []
        if not self.known & {Field.FAMILY_NAME, Field.ORGANISATION}:
            missing.append("«\u00a0nom\u00a0» ou «\u00a0structure\u00a0»")
        if not self.known & {Field.EMAIL, Field.NUMBER}:
            missing.append("«\u00a0email\u00a0» ou «\u00a0numéro\u00a0»")
        if not missing:
            return
        found = ", ".join(
            f"«\u00a0{' '.join(title.split())[:40]}\u00a0»" for title in self.titles[:30] if title.strip()
        )
        raise Refusal(
            f"Il manque la colonne {' et la colonne '.join(missing)}. En-têtes trouvés, ligne {self.row}\u00a0: "
            f"{found or 'aucun'}. Rien n’a été importé\u00a0: nommez la colonne dans le fichier, puis recommencez.",
            field="headings",
        )


def guess(cells: Sequence[str]) -> tuple[Field | None, ...]:
    """Gives the field of each heading: case, accents, blanks and punctuation are ignored, usual synonyms are known.

    Of two columns for one field, the one with the very name of the contract wins, else the first; e-mails all stay.
    """
    found = [_field(cell) for cell in cells]
    for field in Field:
        rivals = [index for index, column in enumerate(found) if column is field]
        if field is Field.EMAIL or len(rivals) < 2:
            continue
        winner = next((index for index in rivals if _fold(cells[index]) == _fold(field)), rivals[0])
        for index in rivals:
            found[index] = field if index == winner else None
    return tuple(found)


def locate(records: Iterable[Record]) -> Headings | None:
    """Finds the headings: among the records given, the first with the most known fields, else the first with a text."""
    best: Headings | None = None
    for number, cells in records:
        if not any(cell.strip() for cell in cells):
            continue
        candidate = Headings(number, tuple(cells), guess(cells))
        if best is None or len(candidate.known) > len(best.known):
            best = candidate
    return best


def _field(heading: str) -> Field | None:
    without_remark = re.sub(r"[(\[].*?[)\]]", " ", heading)
    return _BY_HEADING.get(_fold(heading)) or _BY_HEADING.get(_fold(without_remark))


def _fold(heading: str) -> str:
    plain = unicodedata.normalize("NFKD", heading.replace("°", "o").replace("œ", "oe")).casefold()
    return "".join(char for char in plain if char.isalnum())


def _letters(index: int) -> str:
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


_BY_HEADING = {
    _fold(name): field
    for field in Field
    for name in (field.value, *(n for n in _SYNONYMS[field].split(",") if _fold(n)))
}
