"""How French is set: the spaces of typography, dates and hours in words, counts with their noun."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import date, time

NO_BREAK = "\u00a0"
NARROW = "\u202f"

WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
MONTHS = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)  # fmt: skip

# An author's words may hold marks (private-use characters that stand for a field or the edge of a run):
# they count as letters, so that « l'{prénom} » and « **Quoi** ! » are set like any other words.
_MARK = "\U000f0000-\U0010ffff"
_HOLE = "\U000ffffd"
_EDGE = "[\U00100000-\U0010ffff]*"
_SPACE = f"[ {NO_BREAK}{NARROW}]"
_VOWELS = frozenset("aeiouœæ")
# Words whose h keeps « de » whole, of those that structures are called by.
_ASPIRATED = re.compile(
    r"(?:hall|halles?|hameaux?|handicap|hangars?|hasard|hauts?|hautes?|havre|herissons?|heros|hetres?|hiboux?|hollande|hongrie|"
    r"hors|houblon|houx|hubs?|huit|huttes?)\b"
)
_UNITS = (
    "€|%|h|min|s|km|m|cm|mm|m²|kg|g|t|Ko|Mo|Go|k€|M€|euros?|ans?|mois|jours?|semaines?|heures?|minutes?|"
    "parts?|voix|personnes?|sociétaires?|" + "|".join(MONTHS)
)

# What is never touched: addresses, code and fields as they are typed.
_UNTOUCHED = re.compile(r"(?:https?://|mailto:|www\.)\S+|`[^`\n]*`|\{[^{}\n]*\}", re.IGNORECASE)

_Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


def _thousands(found: re.Match[str]) -> str:
    return re.sub(_SPACE, NARROW, found[0])


_RULES: tuple[_Rule, ...] = (
    (re.compile(r"(?<!\.)\.\.\.(?!\.)"), "…"),
    (re.compile(rf"(?<=[^\W_])({_EDGE})'(?=[\w«“{_MARK}])"), r"\1’"),
    (re.compile(rf"«{_SPACE}*(?=[^\s»])"), f"«{NO_BREAK}"),
    (re.compile(rf"(?<=[^\s«]){_SPACE}*({_EDGE}){_SPACE}*»"), rf"\1{NO_BREAK}»"),
    (re.compile(rf"(?<=[^\s;!?])({_EDGE}){_SPACE}+({_EDGE})([;!?])"), rf"\1{NARROW}\2\3"),
    (re.compile(rf"(?<=[\w»)\]%€…{_MARK}])([;!?])(?=[\s!?»)\]{_MARK}]|$)"), rf"{NARROW}\1"),
    (re.compile(rf"(?<=[^\s:])({_EDGE}){_SPACE}+({_EDGE}):(?!:)"), rf"\1{NO_BREAK}\2:"),
    (re.compile(rf"(?<=[\w»)\]%€…{_MARK}]):(?=[\s{_MARK}]|$)"), f"{NO_BREAK}:"),
    (re.compile(rf"(?<![\w.,])(?<!\d{_SPACE})[1-9]\d{{0,2}}(?:{_SPACE}\d{{3}})+(?![\d])(?!{_SPACE}\d)"), _thousands),
    (re.compile(rf"(?<=\d)(er)? (?=(?:{_UNITS})(?!\w))"), rf"\1{NO_BREAK}"),
    (re.compile(rf"(?<=\d{NO_BREAK}h) (?=\d\d(?!\d))"), NO_BREAK),
    (re.compile(r"\b([nN]°) (?=\d)"), rf"\1{NO_BREAK}"),
)


def typeset(text: str) -> str:
    """Sets French text: narrow no-break space before ; ! ?, no-break space before : and inside « », ’ and ….

    Addresses, `code`, {fields} and hours such as 14:30 stay as typed. Setting a text twice changes nothing.
    Rules: Lexique des règles typographiques en usage à l'Imprimerie nationale, as fvsch.com/espaces-ponctuation tables them.
    """
    kept: list[str] = []

    def put_aside(found: re.Match[str]) -> str:
        kept.append(found[0])
        return _HOLE

    text = _UNTOUCHED.sub(put_aside, text.replace(_HOLE, ""))
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    pieces = text.split(_HOLE)
    return pieces[0] + "".join(word + piece for word, piece in zip(kept, pieces[1:], strict=True))


def typeset_subject(text: str) -> str:
    """Sets a subject line: as `typeset`, with U+00A0 alone, since list views of old clients show a box for U+202F."""
    return typeset(text).replace(NARROW, NO_BREAK)


def date_in_words(day: date, with_year: bool = True) -> str:
    """Writes a date as people say it: « vendredi 12 mai 2023 », « 1er » for the first of the month."""
    number = "1er" if day.day == 1 else str(day.day)
    words = f"{WEEKDAYS[day.weekday()]} {number}{NO_BREAK}{MONTHS[day.month - 1]}"
    return f"{words} {day.year}" if with_year else words


def hour(moment: time) -> str:
    """Writes an hour: « 9 h », « 14 h 30 »."""
    words = f"{moment.hour}{NO_BREAK}h"
    return f"{words}{NO_BREAK}{moment.minute:02}" if moment.minute else words


def number(value: int) -> str:
    """Writes a whole number with a narrow no-break space between thousands: « 12 000 »."""
    return f"{value:,}".replace(",", NARROW)


def count(n: int, singular: str, plural: str) -> str:
    """Writes a number with its noun; in French nought and one are singular: « 0 personne », « 1 000 personnes »."""
    return f"{number(n)}{NO_BREAK}{singular if abs(n) < 2 else plural}"


def listed(words: Sequence[str]) -> str:
    """Writes several names in one: « A », « A et B », « A, B et C »; nothing of none."""
    *others, last = words or [""]
    return f"{', '.join(others)} et {last}" if others else last


def sentence(words: str) -> str:
    """Begins a sentence with these words: the first letter becomes a capital, the rest stays."""
    return words[:1].upper() + words[1:]


def de(name: str) -> str:
    """Joins « de » and a name: « de La Mednum », « des Passerelles », « du Relais », « d’Alternatives »."""
    for article, contracted in (("Les ", "des "), ("Le ", "du ")):
        if name.startswith(article):
            return contracted + name.removeprefix(article)
    return f"d’{name}" if _is_elided(name) else f"de {name}"


def _is_elided(name: str) -> bool:
    """Whether a name begins with the sound of a vowel; the h of a given name is taken as mute: « d’Hortense »."""
    plain = "".join(one for one in unicodedata.normalize("NFKD", name) if not unicodedata.combining(one)).casefold()
    if plain.startswith("h"):
        return not _ASPIRATED.match(plain)
    # « d’Yves », « d’Ysaline », but « de Yasmine », « de Yoann ».
    return plain[:1] in _VOWELS or (plain[:1] == "y" and plain[1:2].isalpha() and plain[1:2] not in _VOWELS)


def neither(names: Sequence[str]) -> str:
    """Writes what somebody gets no more, each between quotation marks: « A », « A » ni « B »; nothing of none."""
    *others, last = [f"«{NO_BREAK}{name}{NO_BREAK}»" for name in names] or [""]
    return f"{', '.join(others)} ni {last}" if others else last
