"""Do the pages' own words get their French spaces, and nothing else of a template change?"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some
from jinja2 import Environment, TemplateSyntaxError

from service.web import filters
from service.web.typography import FrenchSpaces

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2023, 5, 12, 8, 0, tzinfo=UTC)


def _rendered(source: str, **values: object) -> str:
    return Environment(autoescape=True, extensions=[FrenchSpaces]).from_string(source).render(**values)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>Prêt ?</p>", "<p>Prêt\u202f?</p>"),
        ("<p>Relire « {{ x }} » ?</p>", "<p>Relire «\u00a0X\u00a0»\u202f?</p>"),
        ("{{ x }} : oui", "X\u00a0: oui"),
        ("<b>Nom</b> : {{ x }}", "<b>Nom</b> : X"),
        ('<a href="/a?b : c" title="a ; b">ok ;</a>', '<a href="/a?b : c" title="a ; b">ok\u202f;</a>'),
        ('<a href="{{ x }} : ?">{{ x }} !</a>', '<a href="X : ?">X\u202f!</a>'),
        ('<input{% if x %} value="a : b"{% endif %}> fin !', '<input value="a : b"> fin\u202f!'),
        ("Noir &amp; blanc &#8239;; fin", "Noir &amp; blanc &#8239;; fin"),
        ("{# vu ? #}l'{{ x }}", "l’X"),
    ],
)
def test_words_are_set_and_tags_stay(source: str, expected: str) -> None:
    assert _rendered(source, x="X") == expected


@given(some.text(alphabet='<>"= abc;:!?«»&{}', max_size=60))
def test_only_spaces_and_quotes_ever_change(source: str) -> None:
    try:
        plain = Environment(autoescape=True).from_string(source).render()
    except TemplateSyntaxError:
        return
    spaces = str.maketrans("", "", " \u00a0\u202f")
    assert _rendered(source).translate(spaces) == plain.translate(spaces)


@pytest.mark.parametrize(
    ("away", "words"),
    [
        (timedelta(seconds=-30), "à l’instant"),
        (timedelta(minutes=-3), "il y a 3\u00a0min"),
        (timedelta(hours=-2), "il y a 2\u00a0h"),
        (timedelta(hours=-13), "hier"),
        (timedelta(days=-3), "il y a 3\u00a0j"),
        (timedelta(minutes=5), "dans 5\u00a0min"),
        (timedelta(days=1), "demain"),
        (timedelta(days=-40), "le 2\u00a0avril 2023"),
    ],
)
def test_ages_are_told_as_people_say_them(away: timedelta, words: str) -> None:
    assert filters.ago(NOW + away, NOW, PARIS) == words


def test_days_and_instants_are_told_in_the_cooperative_s_zone() -> None:
    late = datetime(2023, 5, 12, 22, 30, tzinfo=UTC)
    assert filters.day(late, PARIS) == "samedi 13\u00a0mai 2023"
    assert filters.moment(late, PARIS) == "samedi 13\u00a0mai 2023 à 0\u00a0h\u00a030"
    assert filters.day(date(2023, 5, 12), PARIS) == "vendredi 12\u00a0mai 2023"
