"""Is French set as a careful printer would set it?"""

from __future__ import annotations

from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core import french

# « _ » stands for U+00A0 and « ~ » for U+202F in these tables.
SET = [
    ("Bonjour!", "Bonjour~!"),
    ("Où en sommes-nous ?", "Où en sommes-nous~?"),
    ("Quoi ?!", "Quoi~?!"),
    ("un ; deux", "un~; deux"),
    ("Objet: la suite", "Objet_: la suite"),
    ("Quand : demain", "Quand_: demain"),
    ("Ordre du jour :", "Ordre du jour_:"),
    ("« mot »", "«_mot_»"),
    ("«mot»", "«_mot_»"),
    ("« vraiment ? »", "«_vraiment~?_»"),
    ("l'été, aujourd'hui, qu'{prénom}", "l’été, aujourd’hui, qu’{prénom}"),
    ("etc...", "etc…"),
    ("12 mai 2023", "12_mai 2023"),
    ("le 1er septembre", "le 1er_septembre"),
    ("de 14 h 30 à 17 h", "de 14_h_30 à 17_h"),
    ("50 % des voix, 3 parts", "50_% des voix, 3_parts"),
    ("12 000 € et 1 250 000 voix", "12~000_€ et 1~250~000_voix"),
    ("n° 5", "n°_5"),
    ("(vraiment ?)", "(vraiment~?)"),
]

UNTOUCHED = [
    "à 14:30",
    "https://passerelles.example/a?b=c;d!e",
    "voir https://passerelles.example/?q=l'eau...",
    "`a ? b : c`",
    "{prénom|cher ami !}",
    "01 23 45 67 89",
    "en 2023 300",
    "3 maisons",
    "....",
    "a::b",
    "",
]


def printed(text: str) -> str:
    return text.replace("_", "\u00a0").replace("~", "\u202f")


@pytest.mark.parametrize(("typed", "expected"), SET)
def test_french_is_set(typed: str, expected: str) -> None:
    assert french.typeset(typed) == printed(expected)


@pytest.mark.parametrize("typed", UNTOUCHED)
def test_what_is_not_french_prose_stays_as_typed(typed: str) -> None:
    assert french.typeset(typed) == typed


@given(st.text(alphabet=st.sampled_from("aé1 0.:;!?«»'{}\u00a0\u202f\n/"), max_size=30))
def test_setting_twice_changes_nothing(text: str) -> None:
    once = french.typeset(text)
    assert french.typeset(once) == once


@given(st.text(max_size=40))
def test_only_spaces_apostrophes_and_dots_ever_change(text: str) -> None:
    def bare(words: str) -> str:
        kept = words.replace("’", "'").replace("…", "...").replace("\U000ffffd", "")
        return "".join(c for c in kept if c not in " \u00a0\u202f")

    assert bare(french.typeset(text)) == bare(text)


def test_a_subject_holds_no_narrow_space() -> None:
    assert french.typeset_subject("Où en sommes-nous ?") == "Où en sommes-nous\u00a0?"


def test_dates_hours_and_counts_are_written_in_words() -> None:
    assert french.date_in_words(date(2023, 5, 12)) == "vendredi 12\u00a0mai 2023"
    assert french.date_in_words(date(2023, 9, 1), with_year=False) == "vendredi 1er\u00a0septembre"
    assert french.hour(time(9)) == "9\u00a0h"
    assert french.hour(time(14, 30)) == "14\u00a0h\u00a030"
    assert french.hour(time(0, 5)) == "0\u00a0h\u00a005"
    assert french.count(0, "personne", "personnes") == "0\u00a0personne"
    assert french.count(1, "personne", "personnes") == "1\u00a0personne"
    assert french.count(312, "personne", "personnes") == "312\u00a0personnes"
    assert french.number(1000) == "1\u202f000"


def test_de_joins_a_name_as_people_say_it() -> None:
    names = ["La Mednum", "Les Passerelles", "Le Relais", "Alternatives", "Écohabitat", "Coop du Lac"]
    assert [french.de(name) for name in names] == [
        "de La Mednum",
        "des Passerelles",
        "du Relais",
        "d’Alternatives",
        "d’Écohabitat",
        "de Coop du Lac",
    ]


def test_de_elides_before_a_mute_h_and_before_y_and_a_consonant() -> None:
    elided = [
        "Hortense",
        "Hélène",
        "Hubert",
        "Horst",
        "Honoré",
        "Harmonie",
        "hortense@membre.example",
        "Ysaline",
        "Yves",
        "idriss",
    ]
    whole = [
        "Yasmine",
        "Yoann",
        "Halles du Lac",
        "Hangar 12",
        "HUB des Quais",
        "Hauts Murs",
        "y@membre.example",
        "Zoé",
        "",
    ]
    assert [french.de(name) for name in elided] == [f"d’{name}" for name in elided]
    assert [french.de(name) for name in whole] == [f"de {name}" for name in whole]


def test_what_somebody_gets_no_more_is_named_between_quotation_marks() -> None:
    a, b, c = (f"«\u00a0{one}\u00a0»" for one in "ABC")
    assert [french.neither(names) for names in ([], ["A"], ["A", "B"], ["A", "B", "C"])] == [
        "", a, f"{a} ni {b}", f"{a}, {b} ni {c}",
    ]  # fmt: skip


def test_names_are_listed_as_people_say_them() -> None:
    assert [french.listed(names) for names in ([], ["Ada"], ["Ada", "Bo"], ["Ada", "Bo", "Cy"])] == [
        "", "Ada", "Ada et Bo", "Ada, Bo et Cy",
    ]  # fmt: skip
