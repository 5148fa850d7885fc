"""What did the author write? A strict Markdown, read into blocks that the two printers (HTML, text) share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from service.core import french


@dataclass(frozen=True, slots=True)
class Run:
    """Words of one look: plain, bold, or the text of a link."""

    text: str
    bold: bool = False
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Break:
    """A line ended on purpose."""


Inline = Run | Break


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; the mail's title is level 1, so these are 2 or 3."""

    level: int
    words: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph."""

    words: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Button:
    """`[bouton: Texte](https://…)` on a line alone."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list; `start` is None for bullets, else the first number."""

    start: int | None
    items: tuple[tuple[Block, ...], ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of someone else."""

    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across."""


Block = Heading | Paragraph | Button | Items | Quote | Rule

_EDGE = "\U00100000"
_BARE_ADDRESS = re.compile(r"https?://[^\s<>\"«»\U000f0000-\U0010ffff]+")
_AFTER_ADDRESS = ".,;:!?…’'*_"
_BUTTON = re.compile(r"\s*bouton\s*:\s*", re.IGNORECASE)
_LINK = re.compile(r"(?:https?://[^\s/]|mailto:[^\s@]+@)[^\s\U000f0000-\U0010ffff]*", re.IGNORECASE)


class _Parser(MarkdownIt):
    def __init__(self) -> None:
        super().__init__("zero", {"html": False, "maxNesting": 20})
        self.enable(["heading", "list", "blockquote", "hr", "newline", "escape", "emphasis", "link", "autolink"])

    def validateLink(self, url: str) -> bool:  # noqa: N802 (markdown-it's name)
        return _LINK.fullmatch(url) is not None and "%F3%B" not in url.upper()


_PARSER = _Parser()


def read(text: str) -> tuple[Block, ...]:
    """Reads Markdown: headings, **bold**, lists, links (http, https, mailto), quotes, rules, hard breaks.

    Anything else, raw HTML and images included, is words like others. French is set on the way, on words only.
    """
    return _settle_levels(tuple(_blocks(SyntaxTreeNode(_PARSER.parse(text)).children)))


def links(blocks: Iterable[Block]) -> Iterator[tuple[str, str]]:
    """Lists every link and button with its words and its address, in the order of the text."""
    for block in blocks:
        match block:
            case Heading(words=words) | Paragraph(words=words):
                yield from ((word.text, word.url) for word in words if isinstance(word, Run) and word.url)
            case Button(label=label, url=url):
                yield label, url
            case Items(items=items):
                for item in items:
                    yield from links(item)
            case Quote(blocks=inner):
                yield from links(inner)
            case Rule():
                pass


def addresses(blocks: Iterable[Block]) -> Iterator[str]:
    """Lists the address of every link and button, in the order of the text."""
    return (url for _, url in links(blocks))


def link_texts(blocks: Iterable[Block]) -> Iterator[str]:
    """Lists the words of every link in a paragraph or heading, as they are read; buttons are not among them."""
    for block in blocks:
        match block:
            case Heading(words=words) | Paragraph(words=words):
                yield from (word.text for word in words if isinstance(word, Run) and word.url)
            case Items(items=items):
                for item in items:
                    yield from link_texts(item)
            case Quote(blocks=inner):
                yield from link_texts(inner)
            case Button() | Rule():
                pass


def as_typed(words: str) -> str:
    """Writes words on one line so that a body shows them as they are: no mark of them, and no {field}, means anything."""
    line = " ".join(words.split()).replace("{", "{{").replace("}", "}}")
    return re.sub(r"([!-/:-@\[-`|~])", r"\\\1", line)


def is_address(typed: str) -> bool:
    """Whether a link may lead there: http, https or mailto, without a space."""
    return _PARSER.validateLink(_PARSER.normalizeLink(typed)) if typed and not re.search(r"\s", typed) else False


def _blocks(nodes: Iterable[SyntaxTreeNode]) -> Iterator[Block]:
    for node in nodes:
        match node.type:
            case "heading":
                words = _words(node)
                if words:  # an empty heading is a trap for screen readers
                    yield Heading(int(node.tag[1]), words)
            case "paragraph":
                yield _button(node) or Paragraph(_words(node))
            case "bullet_list":
                yield Items(None, _items(node))
            case "ordered_list":
                yield Items(int(node.attrs.get("start", 1)), _items(node))
            case "blockquote":
                yield Quote(tuple(_blocks(node.children)))
            case "hr":
                yield Rule()
            case _:
                raise ValueError(f"Markdown block {node.type!r} is enabled but no printer knows it: add it to read()")


def _items(node: SyntaxTreeNode) -> tuple[tuple[Block, ...], ...]:
    return tuple(tuple(_blocks(item.children)) for item in node.children)


def _settle_levels(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    """Makes levels 2 and 3 of whatever was typed, never a 3 before the first 2: no level is skipped (RGAA 9.1)."""
    settled: list[Block] = []
    seen = False
    for block in blocks:
        if isinstance(block, Heading):
            block = replace(block, level=2 if block.level <= 2 or not seen else 3)
            seen = True
        settled.append(block)
    return tuple(settled)


def _button(paragraph: SyntaxTreeNode) -> Button | None:
    """A paragraph is a button when it is one link whose words begin with « bouton: »."""
    words = paragraph.children[0].children if paragraph.children else []
    if len(words) != 1 or words[0].type != "link":
        return None
    typed = "".join(run.text for run in _runs(words[0].children) if isinstance(run, Run))
    prefix = _BUTTON.match(typed)
    if prefix is None or prefix.end() == len(typed):
        return None
    return Button(french.typeset(typed[prefix.end() :].strip()), str(words[0].attrs["href"]))


def _words(block: SyntaxTreeNode) -> tuple[Inline, ...]:
    typed = _join(_runs(block.children[0].children if block.children else []))
    return tuple(_linked(_typeset(typed)))


def _runs(nodes: Iterable[SyntaxTreeNode], bold: bool = False, url: str | None = None) -> Iterator[Inline]:
    for node in nodes:
        match node.type:
            case "text":
                yield Run(node.content, bold, url)
            case "softbreak":
                yield Run(" ", bold, url)
            case "hardbreak":
                yield Break()
            case "strong":
                yield from _runs(node.children, True, url)
            case "em":  # italics are harder to read and are not offered: the signs stay words
                yield Run(node.markup, bold, url)
                yield from _runs(node.children, bold, url)
                yield Run(node.markup, bold, url)
            case "link":
                yield from _runs(node.children, bold, str(node.attrs["href"]))
            case _:
                raise ValueError(f"Markdown span {node.type!r} is enabled but no printer knows it: add it to _runs()")


def _join(words: Iterable[Inline]) -> list[Inline]:
    joined: list[Inline] = []
    for word in words:
        last = joined[-1] if joined else None
        if isinstance(word, Run) and isinstance(last, Run) and (last.bold, last.url) == (word.bold, word.url):
            joined[-1] = replace(last, text=last.text + word.text)
        else:
            joined.append(word)
    return joined


def _typeset(words: list[Inline]) -> list[Inline]:
    """Sets French across the edges of bold and links: « **Quoi** ! » needs its narrow space too."""
    if not words:
        return []
    whole = _EDGE.join("\n" if isinstance(word, Break) else word.text for word in words)
    texts = french.typeset(whole).split(_EDGE)
    return [
        replace(word, text=text) if isinstance(word, Run) else word for word, text in zip(words, texts, strict=True)
    ]


def _linked(words: Iterable[Inline]) -> Iterator[Inline]:
    """Makes links of the addresses typed bare."""
    for word in words:
        if isinstance(word, Break) or word.url:
            yield word
            continue
        end = 0
        for found in _BARE_ADDRESS.finditer(word.text):
            address = found[0].rstrip(_AFTER_ADDRESS)
            if address.endswith(")") and address.count("(") < address.count(")"):
                address = address[:-1]
            url = _PARSER.normalizeLink(address)
            if not _PARSER.validateLink(url):
                continue
            if found.start() > end:
                yield replace(word, text=word.text[end : found.start()])
            yield replace(word, text=address, url=url)
            end = found.start() + len(address)
        if end < len(word.text):
            yield replace(word, text=word.text[end:])
