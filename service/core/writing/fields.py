"""Which personal fields does a text use, and which braces in it are slips?"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

FIRST_NAME = "prénom"
NAME = "nom"
STRUCTURE = "structure"
COLLEGE = "collège"
NUMBER = "numéro"

FIELDS = (FIRST_NAME, NAME, STRUCTURE, COLLEGE, NUMBER)

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}|[{}]")
# Each search stops where the next address begins: a text of nothing but addresses stays linear.
_FIELD_IN_ADDRESS = re.compile(
    r"\]\(\s*<?(?:(?!\]\()[^\s)])*?(?<!\{)(\{[^{}\n]*\})|https?://(?:(?!https?://)[^\s{}<>])*(?<!\{)(\{[^{}\n]*\})"
)


@dataclass(frozen=True, slots=True)
class FieldUse:
    """One personal field as a text uses it, with the words that stand in when the member has none."""

    name: str
    fallback: str | None = None


@dataclass(frozen=True, slots=True)
class Slip:
    """Braces that say nothing we know: printed as typed, and told to the author."""

    typed: str


def find(text: str) -> list[FieldUse]:
    """Lists the personal fields in the order of the text, each as often as it is used."""
    return [piece for piece in split(text) if isinstance(piece, FieldUse)]


def faults(text: str) -> list[str]:
    """Says in French what is wrong with the braces of a text; empty when all is well."""
    sentences = [_fault(piece.typed) for piece in split(text) if isinstance(piece, Slip)]
    for found in _FIELD_IN_ADDRESS.finditer(text):
        field = found[1] or found[2]
        sentences.append(
            f"{field} est dans l’adresse d’un lien. Un lien est le même pour tous\u00a0: retirez ce champ."
        )
    return list(dict.fromkeys(sentences))


def split(text: str) -> Iterator[str | FieldUse | Slip]:
    """Cuts a text into words, fields and slips; « {{ » and « }} » become plain braces."""
    end = 0
    for found in _BRACES.finditer(text):
        if found.start() > end:
            yield text[end : found.start()]
        end = found.end()
        yield _piece(found)
    if end < len(text):
        yield text[end:]


def _piece(found: re.Match[str]) -> str | FieldUse | Slip:
    if found[0] in ("{{", "}}"):
        return found[0][0]
    if found[1] is None:
        return Slip(found[0])
    word, bar, fallback = found[1].partition("|")
    name = _BY_FOLDED_NAME.get(_fold(word))
    if name is None:
        return Slip(found[0])
    return FieldUse(name, fallback.strip() if bar and fallback.strip() else None)


def _fold(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word)
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).casefold().split())


_BY_FOLDED_NAME = {_fold(name): name for name in FIELDS}


def _fault(typed: str) -> str:
    if typed in ("{", "}"):
        other = "fermée" if typed == "{" else "ouverte"
        return f"Une accolade «\u00a0{typed}\u00a0» n’est pas {other}. Complétez le champ, ou tapez {typed}{typed} pour une accolade."
    word = typed[1:-1].partition("|")[0]
    near = difflib.get_close_matches(_fold(word), list(_BY_FOLDED_NAME), n=1, cutoff=0.5)
    if near:
        return f"{typed} n’existe pas. Vouliez-vous {{{_BY_FOLDED_NAME[near[0]]}}}\u202f?"
    known = ", ".join(f"{{{name}}}" for name in FIELDS)
    return f"{typed} n’existe pas. Les champs sont\u00a0: {known}."
