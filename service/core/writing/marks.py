"""How does a personal field travel through Jinja, MJML and Markdown without being read by any of them?

As one private-use character: a letter to every parser, impossible to type (typed ones are taken out), cut out again at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from service.core import french
from service.core.writing import fields
from service.core.writing.printable import printable

_FIRST = 0xF0000
_MARK = re.compile("[\U000f0000-\U000fffff]")


@dataclass(frozen=True, slots=True)
class Marked:
    """What a mark stands for: a value by its name, with the words used when it is empty."""

    name: str
    fallback: str | None = None


@dataclass(slots=True)
class Marks:
    """The marks given out while one mail is written."""

    _given: list[Marked] = field(default_factory=list)

    def mark(self, name: str, fallback: str | None = None) -> str:
        """Gives the character that stands for a value."""
        marked = Marked(name, fallback)
        if marked not in self._given:
            self._given.append(marked)
        return chr(_FIRST + self._given.index(marked))

    def put(self, text: str) -> str:
        """Replaces the {fields} of a typed text by their marks; slips stay as typed."""
        return "".join(self._put(piece) for piece in fields.split(printable(text)))

    def cut(self, text: str) -> Iterator[str | Marked]:
        """Cuts a finished text into its constant runs and what its marks stand for."""
        end = 0
        for found in _MARK.finditer(text):
            if found.start() > end:
                yield text[end : found.start()]
            end = found.end()
            if ord(found[0]) - _FIRST < len(self._given):
                yield self._given[ord(found[0]) - _FIRST]
        if end < len(text):
            yield text[end:]

    def _put(self, piece: str | fields.FieldUse | fields.Slip) -> str:
        if isinstance(piece, fields.FieldUse):
            return self.mark(piece.name, french.typeset(piece.fallback) if piece.fallback else None)
        return piece.typed if isinstance(piece, fields.Slip) else piece
