"""How are names compared and searched: without accents, case or punctuation."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

# A search that holds more words or longer ones is no name: each word is a condition of the query.
_SOUGHT_WORDS, _SOUGHT_LENGTH = 8, 100
_GAPS = re.compile(r"[^a-z0-9@.+_]+")
# The accents of European languages, all of them combining; a look at each letter takes ten times as long.
_ACCENTS = re.compile("[\u0300-\u034e\u0350-\u036f]+")
# Letters that Unicode does not take apart into a plain one and an accent, as people type them who have not the key.
_LETTERS = str.maketrans(
    {"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h", "ŧ": "t"}
)


@lru_cache(maxsize=2048)
def fold(text: str) -> str:
    """Give the searchable form of a text: `Élodie D’Août` becomes `elodie d aout`."""
    if text.isascii():
        return _GAPS.sub(" ", text.casefold()).strip()
    plain = unicodedata.normalize("NFKD", text).casefold().translate(_LETTERS)
    bare = _ACCENTS.sub("", plain)
    if not bare.isascii():
        bare = "".join(character for character in bare if not unicodedata.combining(character))
    return _GAPS.sub(" ", bare).strip()


def search_text(said: Iterable[str]) -> str:
    """Give what a search looks in: without accents or case, each word once."""
    return " ".join(dict.fromkeys(fold(" ".join(said)).split()))


def sought(text: str) -> list[str]:
    """Give the words that a search asks for, each once and as typed: the first 8, the first 100 characters of each."""
    # What is beyond is cut before it is read: a text of a million words costs no more than one of eight.
    words = text[: _SOUGHT_WORDS * (_SOUGHT_LENGTH + 1)].split()
    return list(dict.fromkeys(word[:_SOUGHT_LENGTH] for word in words))[:_SOUGHT_WORDS]
