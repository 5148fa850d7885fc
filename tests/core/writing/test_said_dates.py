"""The days that a text names, and what is wrong with them."""

from __future__ import annotations

from datetime import date

import pytest

from service.core.writing import said_dates

TODAY = date(2026, 11, 28)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("Rendez-vous le vendredi 28 mai 2027 à 14 h.", ["2027-05-28"]),
        ("VENDREDI 28 MAI", ["2027-05-28"]),
        ("le 1er janvier", ["2027-01-01"]),
        ("le 1er\u00a0janvier\u00a02027", ["2027-01-01"]),
        # A year is not always said: it is the next such day, or one of the last month.
        ("le 12 novembre", ["2026-11-12"]),
        ("le 3 octobre", ["2027-10-03"]),
        ("samedi 3 octobre", ["2026-10-03"]),
        ("lundi 3 et mardi 4 mai 2027", ["2027-05-03", "2027-05-04"]),
        ("du 3 au 5 juin", ["2027-06-03", "2027-06-05"]),
        ("le 3, le 4 ou le 5 févr.", ["2027-02-03", "2027-02-04", "2027-02-05"]),
        ("mercredi 12/05, jeudi 13.5.27", ["2027-05-12", "2027-05-13"]),
        ("de 12 à 14 h le vendredi 28 mai", ["2027-05-28"]),
        ("Les 3/4 des voix, l’article 12, 26 maisons, la loi du 47-1775", []),
        ("le 5 décembres", []),
    ],
)
def test_days_are_read_as_people_write_them(text: str, days: list[str]) -> None:
    assert [str(said.day) for said in said_dates.read(text, today=TODAY)] == days


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "mercredi 1er janvier 2027",
            "Vous écrivez «\u00a0mercredi 1er janvier 2027\u00a0»\u00a0: le 1er\u00a0janvier 2027 est un vendredi.",
        ),
        ("jeudi 26 mai", "Vous écrivez «\u00a0jeudi 26 mai\u00a0»\u00a0: le 26\u00a0mai 2027 est un mercredi."),
        ("mardi 12/05", "Vous écrivez «\u00a0mardi 12/05\u00a0»\u00a0: le 12\u00a0mai 2027 est un mercredi."),
        ("31 avril 2027", "«\u00a031 avril 2027\u00a0» n’existe pas dans le calendrier."),
        ("29 février 2027", "«\u00a029 février 2027\u00a0» n’existe pas dans le calendrier."),
        ("29 février 2028", ""),
        ("mercredi 26 mai", ""),
        ("le 26 mai", ""),
    ],
)
def test_a_weekday_that_is_not_the_days_and_a_day_that_is_none_are_told(text: str, fault: str) -> None:
    (said,) = said_dates.read(text, today=TODAY)
    assert said.fault == fault


def test_a_long_text_of_numbers_is_read_at_once() -> None:
    # Backtracking would take years.
    assert said_dates.read("1, " * 20_000 + "lundi " * 5_000 + "12 " * 20_000, today=TODAY) == []
