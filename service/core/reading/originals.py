"""What may a browser be shown of a letter as it was laid out? Only what the letter itself holds, and nothing that acts (S2)."""

from __future__ import annotations

import base64
import hashlib
import html as markup_of
import re
from dataclasses import dataclass

import nh3
from lxml import etree
from lxml import html as lxml_html

from service.core.reading import files, markup, mime
from service.core.reading.characters import clean_line
from service.core.reading.parsing import Message

# Looks for words that came without any: a letter's own styles may hide some of them, or lay them over others.
STYLE = (
    "body{margin:1rem;background:#fff;color:#1f1f1c;font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
    "img{max-width:100%;height:auto}blockquote{margin:.5rem 0;padding-left:1rem;border-left:3px solid #bbb}"
    "pre{white-space:pre-wrap}table{max-width:100%}"
)
# How a policy names it (CSP 3, 2.3.1).
STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_SHOWN = (
    "a abbr b big blockquote br caption center cite code col colgroup dd del div dl dt em font h1 h2 h3 h4 h5 h6 hr i img"
    " ins kbd li ol p pre q s samp small span strike strong sub sup table tbody td tfoot th thead tr tt u ul"
)
_ATTRIBUTES: dict[str, set[str]] = {
    "*": {"dir", "lang", "align"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start", "type"},
    "td": {"colspan", "rowspan", "valign"},
    "th": {"colspan", "rowspan", "valign"},
}
# What stands in these is no word of the letter.
_UNSEEN = {"script", "style", "title", "template", "noscript", "noembed", "noframes", "iframe", "object", "svg", "math"}
_INLINE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/\s]+=*", re.IGNORECASE)
_MOST_IMAGES = 5 * 2**20  # bytes of the images shown, together
# An element may be made anew for each that follows it, as many times as the tree is deep: beyond, the letter is shown as text.
_MOST_TAGS = 20_000
_MOST_LINKS = 100
_ADDRESS_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Link:
    """Where the words of a link lead; nobody is led there."""

    words: str
    address: str


@dataclass(frozen=True, slots=True)
class Original:
    """A letter as a document of its own, and where its links would lead. `is_laid_out` is false where it is bare text."""

    document: str
    links: tuple[Link, ...]
    is_laid_out: bool


def of(message: Message) -> Original:
    """Shows a letter without anything that runs, loads, leads away or hides: no style, no address, no field; no foreign image.

    Images are those that the letter carries (RFC 2392), of the kinds that hold dots alone. Never raises.
    """
    tree = markup.tree_of(message.html) if message.html and message.html.count("<") <= _MOST_TAGS else None
    if tree is None or markup.depth(tree) > markup.DEEPEST:
        said = message.text or message.html
        return Original(_document(f"<pre>{markup_of.escape(said)}</pre>"), (), is_laid_out=False)
    links = _links(tree)
    images = _Images(message.raw)
    body = nh3.clean(
        etree.tostring(tree, method="html", encoding="unicode"),
        tags=set(_SHOWN.split()),
        clean_content_tags=_UNSEEN,
        attributes=_ATTRIBUTES,
        attribute_filter=images.kept,
        url_schemes={"cid", "data"},
        strip_comments=True,
        link_rel=None,
    )
    return Original(_document(body), links, is_laid_out=True)


def _document(body: str) -> str:
    return (
        '<!doctype html><html lang="fr"><head><meta charset="utf-8"><title>Message d’origine</title>'
        f"<style>{STYLE}</style></head><body>{body}</body></html>"
    )


def _links(tree: lxml_html.HtmlElement) -> tuple[Link, ...]:
    found = []
    for element in tree.iter("a"):
        address = clean_line(element.get("href", ""))[:_ADDRESS_LENGTH]
        if address and not address.startswith("#"):
            words = clean_line(element.text_content())[:_ADDRESS_LENGTH]
            found.append(Link(words or "sans texte", address))
        if len(found) == _MOST_LINKS:
            break
    return tuple(dict.fromkeys(found))


class _Images:
    """The images that a letter carries, each shown where the letter names it until there are too many bytes."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.room = _MOST_IMAGES
        self.carried: dict[str, mime.Leaf] | None = None

    def kept(self, tag: str, attribute: str, value: str) -> str | None:
        """Says what becomes of an attribute that the list allows."""
        if (tag, attribute) != ("img", "src"):
            return value
        shown = self._inline(value) if value[:4].lower() == "cid:" else value
        if shown is None or not _INLINE.fullmatch(shown) or len(shown) > self.room:
            return None
        self.room -= len(shown)
        return shown

    def _inline(self, address: str) -> str | None:
        if self.carried is None:
            self.carried = files.by_content_id(self.raw)
        leaf = self.carried.get(address[4:])
        if leaf is None or leaf.end - leaf.start > 2 * self.room:
            return None
        content = mime.content(self.raw, leaf)
        kind = files.kind_of(content)
        return f"data:{kind.content_type};base64,{base64.b64encode(content).decode()}" if kind.is_dots else None
