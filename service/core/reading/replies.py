"""Which words of a letter are the writer's own? The letter is cut in three; nothing is thrown away."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from service.core.reading import inclusions, markup, quotes, signatures
from service.core.reading.marks import Line, Mark, put

# HTML is read when the plain text holds clearly fewer words (programs that write « open this in a browser »).
_POORER = 0.7
# A million empty lines took 4 s; no letter is that long, and what lies below such a length belongs to what is above it.
_JUDGED_LINES = 20_000

_RULES: tuple[Callable[[list[Line]], list[Line]], ...] = (quotes.mark, signatures.mark, inclusions.keep)


@dataclass(frozen=True, slots=True)
class Reply:
    """The three pieces of a letter; each line of it is in exactly one of them."""

    reply: str
    signature: str
    quoted: str


def cut(text: str, html: str = "") -> Reply:
    """Cuts a letter into the writer's words, the signature and the quoted message; when unsure the words stay a reply.

    The plain text is read where it is as rich as the HTML; else the marks of mail programs in the HTML come first.
    """
    return _cut(text, html)


# The rules of the kinds and the reading itself ask for the same letter one after the other; the last one is kept.
@functools.lru_cache(maxsize=1)
def _cut(text: str, html: str) -> Reply:
    plain = [Line(line) for line in text.replace("\r\n", "\n").split("\n")]
    rich = markup.lines(html) if html.strip() else []
    lines = rich if rich and _count(plain) < _POORER * _count(rich) else plain
    judged = lines[:_JUDGED_LINES]
    for rule in _RULES:
        judged = rule(judged)
    judged = _keep_the_doubtful(_keep_answered_quotes(judged))
    return _gather(judged + [Line(line.text, judged[-1].mark) for line in lines[_JUDGED_LINES:]])


def _count(lines: list[Line]) -> int:
    return sum(len(line.text.split()) for line in lines)


def _keep_answered_quotes(lines: list[Line]) -> list[Line]:
    """Answers between quotes make no sense without them: quotes before the last of the writer's words are kept.

    A message quoted whole, in one piece under its introduction or before all answers, is no context and goes.
    """
    own = [number for number, line in enumerate(lines) if line.own]
    runs = _quote_runs(lines)
    answered = [run for run in runs if own and run[1] <= own[-1]]
    whole = len(answered) == 1 and (_introduced(lines, answered[0][0]) or answered[0][0] < own[0])
    if whole:
        return lines
    kept = list(lines)
    for start, end in answered:
        put(Mark.OWN, kept, start, end)
    return kept


def _quote_runs(lines: list[Line]) -> list[tuple[int, int]]:
    """Finds the stretches of quoted lines, parted by words of the writer; blank lines do not part them."""
    runs: list[tuple[int, int]] = []
    for number, line in enumerate(lines):
        if line.mark is not Mark.QUOTE:
            continue
        between = lines[runs[-1][1] : number] if runs else []
        if runs and not any(each.own for each in between):
            runs[-1] = (runs[-1][0], number + 1)
        else:
            runs.append((number, number + 1))
    return runs


def _introduced(lines: list[Line], start: int) -> bool:
    before = next((line for line in reversed(lines[:start]) if not line.blank), None)
    return before is not None and before.mark is Mark.ATTRIBUTION


def _keep_the_doubtful(lines: list[Line]) -> list[Line]:
    """An unmarked quote with nothing above it may hold the answer below, or between: it is all kept."""
    if any(line.own for line in lines):
        return lines
    return signatures.mark([Line(line.text) if line.mark is Mark.TAIL else line for line in lines])


def _gather(lines: list[Line]) -> Reply:
    def joined(*marks: Mark) -> str:
        return "\n".join(line.text.rstrip() for line in lines if line.mark in marks).strip("\n \t\u00a0")

    return Reply(joined(Mark.OWN), joined(Mark.SIGNATURE), joined(Mark.ATTRIBUTION, Mark.QUOTE, Mark.TAIL))
