"""How like two questions are: the same thing in other words is found, another thing in the same tone is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from service.core.likeness import Words, likeness, nearest

ALIKE = (
    (
        "Quelle place pour les sociétaires dans la nouvelle stratégie ?",
        "Bonjour, la nouvelle STRATEGIE laisse-t-elle une place au sociétariat ?",
    ),
    (
        "Comment le budget 2025 est-il financé après la perte de 2024 ?",
        "Qui finance le budget 2025, vu la perte de 2024 ?",
    ),
    (
        "Les documents de l’assemblée générale seront-ils envoyés par la poste ?",
        "Pouvez-vous envoyer par la poste les documents de l'assemblée générale ?",
    ),
)
OTHER = (
    (
        "Quelle place pour les sociétaires dans la nouvelle stratégie ?",
        "Quelle place pour me garer près de la gare le jour de l’assemblée ?",
    ),
    (
        "Bonjour, pourriez-vous me dire quand a lieu le prochain rendez-vous ?",
        "Bonjour, pourriez-vous me dire comment racheter mes parts ?",
    ),
    ("Merci beaucoup, bonne journée à vous", "Merci beaucoup pour tout, bonne journée"),
    ("Oui", "Oui"),
    ("", ""),
)


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_the_same_question_in_other_words_is_found(one: str, other: str) -> None:
    assert nearest(Words.of(1, one), [Words.of(2, other)]) == [2]


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_another_question_in_the_same_tone_is_not(one: str, other: str) -> None:
    assert nearest(Words.of(1, one), [Words.of(2, other)]) == []


def test_the_most_alike_come_first_and_a_question_is_not_like_itself() -> None:
    asked = "Quelle place pour les sociétaires dans la nouvelle stratégie ?"
    others = [
        Words.of(1, asked),
        Words.of(2, "La place des sociétaires dans la nouvelle organisation des bureaux"),
        Words.of(3, asked),
    ]
    assert nearest(Words.of(1, asked), others) == [3, 2]
    assert nearest(Words.of(1, asked), others, most=1) == [3]


@given(some.text(max_size=60), some.text(max_size=60))
def test_likeness_is_a_share_and_the_same_both_ways(one: str, other: str) -> None:
    first, second = Words.of(1, one), Words.of(2, other)
    assert 0.0 <= likeness(first, second) <= 1.0000001
    assert likeness(first, second) == likeness(second, first)
