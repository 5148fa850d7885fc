"""How are names compared and searched: without accents, case or punctuation."""

from __future__ import annotations

import re
import unicodedata

_GAPS = re.compile(r"[^a-z0-9@.+_]+")


def fold(text: str) -> str:
    """Give the searchable form of a text: `Élodie D’Août` becomes `elodie d aout`."""
    plain = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("Œ", "OE").replace("æ", "ae")).casefold()
    bare = "".join(character for character in plain if not unicodedata.combining(character))
    return _GAPS.sub(" ", bare).strip()
