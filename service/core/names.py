"""How are names compared and searched: without accents, case or punctuation."""

from __future__ import annotations

import re
import unicodedata

_GAPS = re.compile(r"[^a-z0-9@.+_]+")
# Letters that Unicode does not take apart into a plain one and an accent, as people type them who have not the key.
_LETTERS = str.maketrans(
    {"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h", "ŧ": "t"}
)


def fold(text: str) -> str:
    """Give the searchable form of a text: `Élodie D’Août` becomes `elodie d aout`."""
    plain = unicodedata.normalize("NFKD", text).casefold().translate(_LETTERS)
    bare = "".join(character for character in plain if not unicodedata.combining(character))
    return _GAPS.sub(" ", bare).strip()
