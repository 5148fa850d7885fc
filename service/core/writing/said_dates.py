"""Which days does a French text name, and do they exist? « vendredi 26 mai », « 3 et 4 juin 2027 », « mardi 12/05 »."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from service.core.french import MONTHS, WEEKDAYS, date_in_words

_SHORT_MONTHS = {
    "janv": 1, "jan": 1, "fevr": 2, "fev": 2, "avr": 4, "juil": 7, "sept": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
# A day without its year is one to come, or one of the last month; or of the last four, where only then it was that weekday.
_LOOKED_BACK, _LOOKED_BACK_FOR_A_WEEKDAY = timedelta(days=31), timedelta(days=122)
_LONGEST = 60


def _bare(words: str) -> str:
    """Without accents, in small letters, as long as it was: a place found in it is a place in the text."""
    plain = []
    for letter in words:
        base = unicodedata.normalize("NFD", letter)[0].lower()
        plain.append(base if len(base) == 1 else letter)
    return "".join(plain)


_SPACE = "[ \u00a0\u202f\n]"
_MONTH_OF = {_bare(month): number for number, month in enumerate(MONTHS, 1)} | _SHORT_MONTHS
_WEEKDAY = "|".join(WEEKDAYS)
_MONTH = "|".join([*map(_bare, MONTHS), *(rf"{short}\.?" for short in sorted(_SHORT_MONTHS, key=len, reverse=True))])
_ITEM = rf"(?:(?:{_WEEKDAY}),?{_SPACE}+)?(?:le{_SPACE}+)?(?:1er|\d{{1,2}})"
_AND = rf"{_SPACE}*(?:,|et|ou|au|a|puis|-|\u2013){_SPACE}*(?:le{_SPACE}+|du{_SPACE}+|au{_SPACE}+)?"
_IN_WORDS = re.compile(
    rf"(?<![\w/])(?P<days>{_ITEM}(?:{_AND}{_ITEM}){{0,6}}){_SPACE}+(?P<month>{_MONTH})(?:{_SPACE}+(?P<year>(?:19|20)\d\d))?(?!\w)"
)
_ONE = re.compile(rf"(?:(?P<weekday>{_WEEKDAY}),?{_SPACE}+)?(?:le{_SPACE}+)?(?P<day>1er|\d{{1,2}})")
# Without the name of its day it may be a fraction, or a number of a law.
_IN_FIGURES = re.compile(
    rf"(?<!\w)(?P<weekday>{_WEEKDAY}),?{_SPACE}+(?:le{_SPACE}+)?(?P<day>\d{{1,2}})[/.](?P<month>\d{{1,2}})"
    r"(?:[/.](?P<year>(?:20)?\d\d))?(?![\w/])"
)


@dataclass(frozen=True, slots=True)
class SaidDate:
    """A day as a text names it: in which words, and which day that is; None for one that does not exist."""

    words: str
    day: date | None
    # 0 is Monday; None where the text does not name it.
    weekday: int | None

    @property
    def fault(self) -> str:
        """Say in French what is wrong with it; empty when nothing is."""
        if self.day is None:
            return f"«\u00a0{self.words}\u00a0» n’existe pas dans le calendrier."
        if self.weekday is None or self.weekday == self.day.weekday():
            return ""
        whole = date_in_words(self.day).partition(" ")
        return f"Vous écrivez «\u00a0{self.words}\u00a0»\u00a0: le {whole[2]} est un {whole[0]}."


def read(text: str, *, today: date) -> list[SaidDate]:
    """List the days that a text names, in its order; one without a year is the next, or one of the last month."""
    bare = _bare(text)
    found = [*_of_figures(text, bare, today), *_of_words(text, bare, today)]
    return [said for _, said in sorted(found, key=lambda one: one[0])]


def _of_words(text: str, bare: str, today: date) -> Iterator[tuple[int, SaidDate]]:
    for found in _IN_WORDS.finditer(bare):
        month, year = _MONTH_OF[found["month"].rstrip(".")], int(found["year"]) if found["year"] else None
        items = list(_ONE.finditer(bare, found.start("days"), found.end("days")))
        for item in items:
            # The last one stands before its month; of the others the month is said once, at the end.
            end = found.end() if item is items[-1] else item.end()
            words = " ".join(text[item.start() : end].split())
            if item is not items[-1]:
                words += f" {text[found.start('month') : found.end('month')]}"
            number = 1 if item["day"] == "1er" else int(item["day"])
            yield item.start(), _said(words, item["weekday"], number, month, year, today)


def _of_figures(text: str, bare: str, today: date) -> Iterator[tuple[int, SaidDate]]:
    for found in _IN_FIGURES.finditer(bare):
        year = int(found["year"]) if found["year"] else None
        full = year + 2000 if year is not None and year < 100 else year
        words = text[found.start() : found.end()]
        yield found.start(), _said(words, found["weekday"], int(found["day"]), int(found["month"]), full, today)


def _said(words: str, weekday: str | None, day: int, month: int, year: int | None, today: date) -> SaidDate:
    number = WEEKDAYS.index(weekday) if weekday else None
    named = _made(year, month, day) if year is not None else _without_year(day, month, number, today)
    return SaidDate(words[:_LONGEST], named, number)


def _without_year(day: int, month: int, weekday: int | None, today: date) -> date | None:
    every = [one for more in (-1, 0, 1) if (one := _made(today.year + more, month, day))]
    to_come = next((one for one in every if one >= today - _LOOKED_BACK), None)
    before = next((one for one in every if today - _LOOKED_BACK_FOR_A_WEEKDAY <= one < today), None)
    was_then = before is not None and before.weekday() == weekday and not (to_come and to_come.weekday() == weekday)
    return before if was_then else to_come


def _made(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
