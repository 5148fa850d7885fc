"""Do two people ask the same? How like the words of two questions are, whatever their order, endings and accents."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from service.core.names import fold

# What every letter holds and no question is about.
_COMMON_WORDS = (
    "alors apres aucun aussi autre avant avec avoir bien bonjour bonne bonsoir car cela celle celui ces cet cette chaque cher"
    " chere comme comment cordialement dans depuis des donc dont elle elles encore entre est etait etes etre fait faire faut"
    " hello ici ils je jour jours journee la le les leur leurs lors madame mais merci mes meme moi mon monsieur ne nos notre"
    " nous on ont ou par pas peut peux plus pour pourquoi pouvez pouvoir puis quand que quel quelle quelles quels qui quoi sans"
    " savoir serait ses si soit son sont sur ta tous tout toute toutes tres trop un une va vers vos votre voudrais vous"
)
_COMMON = frozenset(_COMMON_WORDS.split())
_WORD = re.compile(r"[a-z0-9]{3,}")
# « sociétaire », « sociétaires » and « sociétariat » begin alike.
_STEM = 6
_READ = 4_000
_LIKE, _SHARED = 0.5, 3


@dataclass(frozen=True, slots=True)
class Words:
    """The words that a question turns on, of the question of this number."""

    number: int
    stems: frozenset[str]

    @classmethod
    def of(cls, number: int, text: str) -> Words:
        """Read the words of a question."""
        found = _WORD.findall(fold(text[:_READ]))
        return cls(number, frozenset(word[:_STEM] for word in found if word not in _COMMON))


def likeness(one: Words, other: Words) -> float:
    """Say from 0 to 1 how like two questions are: the share of their words that both have (Ochiai)."""
    shared = len(one.stems & other.stems)
    return float(shared / (len(one.stems) * len(other.stems)) ** 0.5) if shared else 0.0


def nearest(one: Words, others: Iterable[Words], *, most: int = 3) -> list[int]:
    """Name the questions that are likely to ask the same, the most alike first; few words in common are no sign of it."""
    scored = (
        (likeness(one, other), other.number)
        for other in others
        if other.number != one.number and len(one.stems & other.stems) >= _SHARED
    )
    alike = sorted((score, number) for score, number in scored if score >= _LIKE)
    return [number for _, number in reversed(alike)][:most]
