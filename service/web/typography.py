"""How do the pages' own words get their French spaces? Set once, when a template is compiled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from service.core.french import typeset

# What may stand inside a text but is none: tags and character references.
_NOT_TEXT = re.compile(r"(<[^>]*>|<[^>]*\Z|&#?\w+;)")
# Stands for a value that a template puts there, so that « {{ name }} » is set as with a word inside.
_WORD = "\U000f0000"


class FrenchSpaces(Extension):
    """Sets the text of each template, so that « Enregistré ? » may be typed with ordinary spaces; tags stay as typed."""

    def filter_stream(self, stream: TokenStream) -> Iterable[Token]:
        """Set each piece of text of a template."""
        return _set(list(stream))


def _set(tokens: list[Token]) -> Iterator[Token]:
    inside_tag = False
    for index, token in enumerate(tokens):
        if token.type != "data":
            yield token
            continue
        before = index > 0 and tokens[index - 1].type == "variable_end"
        after = index + 1 < len(tokens) and tokens[index + 1].type == "variable_begin"
        text, inside_tag = _set_piece(token.value, inside_tag, before=before, after=after)
        yield Token(token.lineno, "data", text)


def _set_piece(piece: str, inside_tag: bool, *, before: bool, after: bool) -> tuple[str, bool]:
    """Set one piece that may begin or end inside a tag; give it with whether a tag is open at its end."""
    head = ""
    if inside_tag:
        head, closed, piece = piece.partition(">")
        if not closed:
            return head, True
        head, before = head + closed, False
    parts = _NOT_TEXT.split(piece)
    open_at_end = len(parts) > 1 and parts[-2].startswith("<") and not parts[-2].endswith(">")
    if before:
        parts[0] = _WORD + parts[0]
    if after and not open_at_end:
        parts[-1] += _WORD
    set_parts = [part if index % 2 else typeset(part) for index, part in enumerate(parts)]
    return head + "".join(set_parts).replace(_WORD, ""), open_at_end
