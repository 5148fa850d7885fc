"""What does the text of one cell say: a word, a date, a number, a yes or a no?"""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from service.core.refusals import Refusal

_SPREADSHEET_FAULT = re.compile(
    r"#(REF!|N/A|N/D|VALUE!|VALEUR ?!|DIV/0 ?!|NAME\?|NOM ?\?|NUM!|NOMBRE ?!|NULL!|NUL ?!|SPILL!|CALC!|#+)|Err ?:\d+",
    re.IGNORECASE,
)
_SCIENTIFIC = re.compile(r"\d([.,]\d+)?E\+\d+", re.IGNORECASE)
_MIDNIGHT = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?Z?)?"
_ISO_DATE = re.compile(rf"(?P<year>\d{{4}})[-/](?P<month>\d{{1,2}})[-/](?P<day>\d{{1,2}}){_MIDNIGHT}")
_FRENCH_DATE = re.compile(rf"(?P<day>\d{{1,2}})[-/. ](?P<month>\d{{1,2}})[-/. ](?P<year>\d{{4}}){_MIDNIGHT}")
_SHORT_YEAR = re.compile(r"\d{1,2}[-/. ]\d{1,2}[-/. ]\d{2}")
_YES = frozenset(("oui", "o", "x", "1", "vrai", "v", "yes", "y", "true", "ok", "✓", "✔", "☑"))
_NO = frozenset(("non", "n", "0", "faux", "f", "no", "false", "✗", "✘", "☐"))

# A cell that a spreadsheet would take for a formula (S12), its full-width forms included, after any apostrophes.
_WOULD_RUN = re.compile("'*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")


def guard(text: str) -> str:
    """Puts an apostrophe before a text that a spreadsheet would run as a formula (S12); `unguard` takes it off."""
    return f"'{text}" if _WOULD_RUN.match(text) else text


def unguard(text: str) -> str:
    """Takes off the one apostrophe that `guard`, or a spreadsheet's user, put before such a text."""
    return text[1:] if text.startswith("'") and _WOULD_RUN.match(text, 1) else text


def clean(text: str) -> str:
    """Gives the text in NFC, without control or invisible characters, blanks stripped and each run of them made one."""
    if not text.isprintable():
        text = "".join(char for char in text if char.isspace() or _is_seen(char))
    return " ".join(unicodedata.normalize("NFC", text).split())


def refuse_formula(text: str) -> None:
    """Refuses a formula, whose result we do not have, and the error a formula left."""
    if text.startswith("="):
        raise Refusal(
            "La cellule contient une formule et non son résultat\u00a0: remplacez-la par sa valeur "
            "(copier, puis collage spécial «\u00a0valeurs\u00a0»)."
        )
    if text.startswith(("#", "E", "e")) and _SPREADSHEET_FAULT.fullmatch(text):
        raise Refusal(
            f"La cellule contient l’erreur de tableur «\u00a0{text}\u00a0»\u00a0: écrivez la valeur à la place."
        )


def refuse_abridged(text: str) -> None:
    """Refuses a long number that a spreadsheet cut to the form 6,12E+08."""
    if _SCIENTIFIC.fullmatch(text):
        raise Refusal(
            "Le tableur a abrégé ce numéro\u00a0: mettez la colonne au format «\u00a0Texte\u00a0», "
            "puis retapez-le en entier."
        )


def refuse_longer(text: str, limit: int) -> None:
    """Refuses a text longer than `limit` characters."""
    if len(text) > limit:
        raise Refusal(f"Le texte a {len(text)} caractères, la colonne en accepte {limit}\u00a0: raccourcissez-le.")


def read_date(text: str) -> date | None:
    """Reads 31/12/2024, 31.12.2024, 2024-12-31, an hour after it left aside; empty is None."""
    if not text:
        return None
    found = _FRENCH_DATE.fullmatch(text) or _ISO_DATE.fullmatch(text)
    if _SHORT_YEAR.fullmatch(text):
        raise Refusal(
            f"La date «\u00a0{text}\u00a0» est ambiguë\u00a0: écrivez l’année en quatre chiffres, comme 31/12/2024."
        )
    if not found:
        raise Refusal(f"«\u00a0{_shown(text)}\u00a0» n’est pas une date\u00a0: écrivez-la sous la forme 31/12/2024.")
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        raise Refusal(
            f"La date «\u00a0{text}\u00a0» n’existe pas\u00a0: vérifiez le jour et le mois (jj/mm/aaaa)."
        ) from None
    if not 1800 <= day.year <= 2200:
        raise Refusal(
            f"L’année de «\u00a0{text}\u00a0» n’est pas plausible\u00a0: écrivez la date sous la forme 31/12/2024."
        )
    return day


def read_count(text: str) -> int | None:
    """Reads a whole number, 0 or more: «3», «3,0», «1 000»; empty is None."""
    if not text:
        return None
    digits = re.sub(r"(?<=\d)[ '’](?=\d{3}(?!\d))", "", text)
    found = re.fullmatch(r"(\d{1,9})(?:[.,]0{1,2})?", digits, re.ASCII)
    if not found:
        raise Refusal(
            f"«\u00a0{_shown(text)}\u00a0» n’est pas un nombre entier\u00a0: écrivez-le en chiffres, sans virgule."
        )
    return int(found[1])


def read_yes(text: str) -> bool | None:
    """Reads oui/non and the usual ways to say them; empty is None."""
    word = text.casefold()
    if not word:
        return None
    if word in _YES or word in _NO:
        return word in _YES
    raise Refusal(
        f"«\u00a0{_shown(text)}\u00a0» ne veut dire ni oui ni non\u00a0: écrivez «\u00a0oui\u00a0» ou "
        "«\u00a0non\u00a0», ou laissez la cellule vide."
    )


def _is_seen(char: str) -> bool:
    # Cf holds zero-width marks, soft hyphens and direction overrides; the two joiners spell words in some scripts.
    category = unicodedata.category(char)
    return category not in ("Cc", "Cs") and (category != "Cf" or char in "\u200c\u200d")


def _shown(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
