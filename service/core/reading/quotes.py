"""Which lines of a letter are the message it answers? Ordered rules; when unsure a line stays the writer's."""

from __future__ import annotations

import re

from service.core.reading import heads, introductions
from service.core.reading.marks import Line, Mark, put

_QUOTED = re.compile(r"[ \t\u00a0]{0,4}>")
# « X <x@y », wrapped before the bracket that closes the address: « >: » or « > a écrit : » is no quoted line.
_OPEN_BRACKET = re.compile(r"<[^<>]*(?:<[^<>]*>\s*)?")
_CLOSED_BELOW = re.compile(rf"\s*>\s*(?:{introductions.WROTE}\s*)?[:：]\s*", re.IGNORECASE)
# A link in brackets whose end was wrapped: one word that closes the bracket.
_OPEN_LINK = re.compile(r".*[(<\[]https?://[^\s()<>\[\]]+", re.IGNORECASE)
_END_OF_LINK = re.compile(r"[^\s()<>\[\]]+[)>\]][.,]?\s*")
_ADDRESS_LINES = 2
_LONGEST = 400
_WRAPPED = 60
_FEW = 6
_ANNOUNCED = re.compile(r"[^\d@<>]{2,80}[:：]\s*")
_TO_COME = {Mark.ATTRIBUTION, Mark.TAIL}


def mark(lines: list[Line]) -> list[Line]:
    """Marks the quoted lines, what introduces them, and the unmarked quote that runs to the end of the letter."""
    result = list(lines)
    for rule in (_mark_quoted, introductions.mark, _unmark_lonely, _mark_tail, _unmark_above):
        rule(result)
    return result


def _mark_quoted(lines: list[Line]) -> None:
    """A line with « > » is quoted, and so is an empty one between two of them."""
    for number, line in enumerate(lines):
        if line.mark is Mark.OWN and _QUOTED.match(line.text) and not _is_no_quote(lines, number):
            put(Mark.QUOTE, lines, number, number + 1)
    before = -1
    for number, line in enumerate(lines):
        if line.mark is Mark.QUOTE:
            gap = lines[before + 1 : number] if before >= 0 else []
            if gap and all(each.blank for each in gap):
                put(Mark.QUOTE, lines, before + 1, number)
            before = number
        elif _wraps_on(lines, number):
            put(Mark.QUOTE, lines, number, number + 1)
            before = number
        elif not line.blank:
            before = -1


def _is_no_quote(lines: list[Line], number: int) -> bool:
    return _closes_address(lines, number) or heads.encloses(lines[number].text)


def _closes_address(lines: list[Line], number: int) -> bool:
    above = " ".join(line.text for line in lines[max(0, number - _ADDRESS_LINES) : number])[-_LONGEST:]
    at = above.find("<")
    return (
        at >= 0
        and bool(_CLOSED_BELOW.fullmatch(lines[number].text))
        and bool(_OPEN_BRACKET.fullmatch(above, at))
        and not lines[number - 1].blank
    )


def _wraps_on(lines: list[Line], number: int) -> bool:
    """A long quoted line whose end was wrapped without its mark: it goes on in small letters, and the quote follows."""
    if not 0 < number < len(lines) - 1 or lines[number].blank or lines[number - 1].mark is not Mark.QUOTE:
        return False
    before, text = lines[number - 1].text.rstrip(), lines[number].text
    if _OPEN_LINK.fullmatch(before) and _END_OF_LINK.fullmatch(text):
        return True
    breaks = len(before) >= _WRAPPED and before[-1] not in ".?!:;…" and not text[0].isupper() and not text[0].isspace()
    return breaks and bool(_QUOTED.match(lines[number + 1].text))


def _unmark_lonely(lines: list[Line]) -> None:
    """One line with « > » in the whole letter, introduced by nothing, is the writer's (« > 50 % des voix ? »); so are a few
    that are the whole letter, or the list that « Mes questions : » announces.
    """
    quoted = [number for number, line in enumerate(lines) if line.mark in {Mark.QUOTE, Mark.ATTRIBUTION}]
    if not 0 < len(quoted) <= _FEW or not all(_QUOTED.match(lines[number].text) for number in quoted):
        return
    if len(quoted) == 1 or not any(line.own for line in lines) or _announces(lines, quoted[0]):
        for number in quoted:
            put(Mark.OWN, lines, number, number + 1)


def _announces(lines: list[Line], quote: int) -> bool:
    return quote > 0 and lines[quote - 1].own and _ANNOUNCED.fullmatch(lines[quote - 1].text) is not None


def _mark_tail(lines: list[Line]) -> None:
    """What follows the head of a message is quoted to the end, unless the quote has marks: then they tell its end."""
    for number, line in enumerate(lines):
        if not line.own:
            continue
        length = 1 if _separates(line.text) else heads.length(lines, number)
        if not length:
            continue
        start = heads.with_rule_above(lines, number)
        quote = _marked_quote_below(lines, number + length)
        put(Mark.ATTRIBUTION if quote else Mark.TAIL, lines, start, quote or len(lines))
        if not quote:
            return


def _unmark_above(lines: list[Line]) -> None:
    """What has marks above the introduction of the quote is the writer's, since nothing was quoted there yet: a few lines
    that begin the letter, or cling to what he says (« … ? », « >= 50 % me paraît mieux »).
    """
    first = next((number for number, line in enumerate(lines) if line.mark in _TO_COME), len(lines))
    marked = [number for number in range(first) if lines[number].mark is Mark.QUOTE] if first < len(lines) else []
    if not marked or len(marked) > _FEW:
        return
    start = marked[0]
    clings = start > 0 and lines[start - 1].own
    begins = not any(line.own for line in lines[:start]) and lines[first].mark is Mark.ATTRIBUTION
    if clings or begins:
        for number in marked:
            put(Mark.OWN, lines, number, number + 1)


def _separates(text: str) -> bool:
    return heads.separates(text) or introductions.is_dashed(text)


def _marked_quote_below(lines: list[Line], start: int) -> int:
    """Finds the quote with marks that stands right below a head (0: there is none)."""
    number = start
    while number < len(lines) and (lines[number].blank or (length := heads.length(lines, number))):
        number += 1 if lines[number].blank else length
    return number if number < len(lines) and lines[number].mark is Mark.QUOTE else 0
