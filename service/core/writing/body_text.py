"""How does the body read as plain text? Printed from the Markdown itself, 72 columns wide, never from the HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from service.core import french
from service.core.writing.markdown import Block, Break, Button, Heading, Inline, Items, Paragraph, Quote, Rule, Run

COLUMNS = 72

# What a personal field is taken to be wide when lines are cut; the cut is the same for every member (P1).
_FIELD_WIDTH = 10
_FIRST_MARK = "\U000f0000"


def print_text(blocks: Iterable[Block]) -> str:
    """Writes the body as plain text; narrow no-break spaces become U+00A0, which old fonts know."""
    return plain("\n".join(_spaced(tuple(blocks), COLUMNS)))


def plain(text: str) -> str:
    """Replaces the narrow no-break space, for text/plain."""
    return text.replace(french.NARROW, french.NO_BREAK)


def wrap(text: str, columns: int = COLUMNS) -> list[str]:
    """Cuts a paragraph at ordinary spaces; a word longer than a line, such as an address, stays whole."""
    lines: list[str] = []
    for typed_line in text.split("\n"):
        line = ""
        for word in typed_line.split(" "):
            if word and line and _width(line) + 1 + _width(word) > columns:
                lines.append(line)
                line = word
            elif word:
                line = f"{line} {word}" if line else word
        lines.append(line)
    return lines


def _spaced(blocks: Sequence[Block], columns: int) -> list[str]:
    lines: list[str] = []
    for number, block in enumerate(blocks):
        if number and not isinstance(blocks[number - 1], Heading):
            lines.append("")
        lines += _block(block, columns)
    return lines


def _block(block: Block, columns: int) -> list[str]:
    match block:
        case Heading(level=level, words=words):
            lines = wrap(_words(words), columns)
            return [*lines, ("=" if level == 2 else "-") * max(map(_width, lines))]
        case Paragraph(words=words):
            return wrap(_words(words), columns)
        case Button(label=label, url=url):
            return wrap(_pointed(label, url), columns)
        case Items():
            return _items(block, columns)
        case Quote(blocks=inner):
            return [f"> {line}".rstrip() for line in _spaced(inner, columns - 2)]
        case Rule():
            return ["- - -"]


def _items(block: Items, columns: int) -> list[str]:
    lines: list[str] = []
    for number, item in enumerate(block.items):
        sign = "- " if block.start is None else f"{block.start + number}. "
        inner = [line for part in item for line in _block(part, columns - len(sign))] or [""]
        lines.append((sign + inner[0]).rstrip())
        lines += [(" " * len(sign) + line).rstrip() for line in inner[1:]]
    return lines


def _words(words: Sequence[Inline]) -> str:
    """A link is `Texte : https://…` at the end of its line, and stands in brackets inside a sentence."""
    parts: list[str] = []
    for number, word in enumerate(words):
        if isinstance(word, Break):
            parts.append("\n")
            continue
        ends_here = number + 1 == len(words) or isinstance(words[number + 1], Break)
        parts.append(_link(word, ends_here) if word.url else word.text)
    return "".join(parts)


def _link(run: Run, ends_here: bool) -> str:
    url = (run.url or "").removeprefix("mailto:")
    if run.text.strip() in (url, run.url):
        return run.text
    return _pointed(run.text, url) if ends_here else f"{run.text} ({url})"


def _pointed(label: str, url: str) -> str:
    return f"{label}{french.NO_BREAK}: {url.removeprefix('mailto:')}"


def _width(text: str) -> int:
    return sum(_FIELD_WIDTH if character >= _FIRST_MARK else 1 for character in text)
