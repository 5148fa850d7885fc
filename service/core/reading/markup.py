"""How does an HTML letter read as lines, and which of them did a mail program mark as quote or signature?"""

from __future__ import annotations

import html as markup
import re
from collections.abc import Iterator
from itertools import islice

from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.html_engine import Inscriptis
from inscriptis.model.config import ParserConfig
from lxml import etree
from lxml import html as lxml_html

from service.core.reading import heads, introductions
from service.core.reading.marks import Line, Mark

# Noncharacters that no letter holds: they open and close a mark while the tree is turned into lines.
_OPENING = {Mark.QUOTE: "\ufdd0", Mark.SIGNATURE: "\ufdd1", Mark.ATTRIBUTION: "\ufdd2", Mark.TAIL: "\ufdd3"}
_MEANING = {sign: mark for mark, sign in _OPENING.items()}
_CLOSING = "\ufdd4"
_SIGNS = re.compile("([\ufdd0-\ufdd4])")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>", re.IGNORECASE)
DEEPEST = 150
_MOST_TAGS = 100_000
_TAG = re.compile(r"<[!/?a-zA-Z][^<>]*>?")
_UNSEEN = re.compile(r"<(script|style|title)\b|<!--", re.IGNORECASE)
_UNSEEN_ENDS = {
    "script": re.compile(r"</script\s*>", re.IGNORECASE),
    "style": re.compile(r"</style\s*>", re.IGNORECASE),
    "title": re.compile(r"</title\s*>", re.IGNORECASE),
    "": re.compile("-->"),
}

_WORD = r"(?:^|[\s_-])"
_CLASSES = (
    (Mark.SIGNATURE, re.compile(rf"{_WORD}(?:gmail_signature|moz-signature|protonmail_signature_block)(?:\s|$)")),
    (Mark.ATTRIBUTION, re.compile(rf"{_WORD}(?:gmail_attr|moz-cite-prefix)(?:\s|$)")),
    (Mark.QUOTE, re.compile(r"(?:^|[\s\d])(?:yahoo_quoted|protonmail_quote|tutanota_quote|zmail_extra)(?:\s|$)")),
    (Mark.TAIL, re.compile(r"(?:^|\s)(?:OutlookMessageHeader|ms-outlook-mobile-reference-message)(?:\s|$)")),
)
_IDS = (
    (
        Mark.SIGNATURE,
        re.compile(
            r"(?:x_)*(?:Signature|ms-outlook-mobile-signature|AppleMailSignature|lineBreakAtBeginningOfSignature)"
        ),
    ),
    (Mark.QUOTE, re.compile(r".*yahoo_quoted.*")),
    (Mark.ATTRIBUTION, re.compile(r"(?:v\d)?reply-intro")),
    (
        Mark.TAIL,
        re.compile(r"(?:divRplyFwdMsg|appendonsend|zwchr|stopSpelling|mail-editor-reference-message-container)"),
    ),
)
# Outlook for the desktop and Windows Mail draw a line above the block De / Envoyé / À / Objet.
_OUTLOOK_LINE = re.compile(r"border-top\s*:\s*solid\s+#?\w+\s+1(?:\.0)?pt|border-top-style\s*:\s*solid", re.IGNORECASE)
# What is hidden stays hidden, and what is laid out by line ends keeps them; no other style changes the words.
_KEPT_STYLE = re.compile(r"(?:display|white-space)\s*:\s*[a-z-]{1,20}", re.IGNORECASE)
_CELLS = ("td", "th")
_WIDEST = 20_000_000
_LABEL = re.compile(r"\s*[^\s:：]{1,20}(?:\s[^\s:：]{1,20}){0,2}\s*[:：]\s*")
_LABELS = 3
# A blockquote without any attribute that begins as a message does (Orange, old webmails); a writer's own does not.
_MESSAGE = re.compile(r"[\s>]*(?:message du\s?:?\s?\d|-{2,}\s?(?:message|mail) )", re.IGNORECASE)
_START = 200
_NEAR = 4
_PIECES = 60


def lines(html: str) -> list[Line]:
    """Turns HTML into marked lines; what the libraries cannot turn is read as bare text, so that no word is lost."""
    tree = tree_of(html) if html.count("<") <= _MOST_TAGS else None
    if tree is None or depth(tree) > DEEPEST:
        return _bare(html)
    for element, mark in list(_marked_elements(tree)):
        _enclose(element, mark)
    _tame(tree)
    config = ParserConfig(css=CSS_PROFILES["strict"].copy(), display_links=False, display_images=False)
    try:
        return list(_by_line(str(Inscriptis(tree, config).get_text())))
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError):
        return _bare(html)


def _bare(html: str) -> list[Line]:
    """Below some depth libxml2 drops what it reads and the library for lines stops, and with very many tags it lingers:
    then only the tags go.
    """
    text = markup.unescape(_TAG.sub("\n", "".join(_seen(html))))
    return [Line(line.strip()) for line in text.split("\n") if line.strip()]


def _seen(html: str) -> Iterator[str]:
    """Gives what stands outside scripts and comments; an end that is missing once is not looked for again."""
    position = 0
    endless: set[str] = set()
    for opening in _UNSEEN.finditer(html):
        name = (opening[1] or "").lower()
        if opening.start() < position or name in endless:
            continue
        end = _UNSEEN_ENDS[name].search(html, opening.end())
        if end is None:
            endless.add(name)
            continue
        yield html[position : opening.start()]
        position = end.end()
    yield html[position:]


def tree_of(html: str) -> lxml_html.HtmlElement | None:
    """Reads HTML as a tree without comments; None where there is nothing that the library can read."""
    source = _SIGNS.sub("\ufffd", _DECLARATION.sub("", html))
    parser = lxml_html.HTMLParser(remove_comments=True, remove_pis=True, huge_tree=True, encoding="utf-8")
    try:
        tree = lxml_html.document_fromstring(source.encode("utf-8", "replace"), parser=parser)
    except (etree.LxmlError, ValueError, AssertionError):
        return None
    for rule in tree.iter("hr"):
        # The library joins the words on both sides of a rule.
        rule.addprevious(lxml_html.Element("br"))
        rule.tail = f"\n{rule.tail or ''}"
    return tree


def _marked_elements(tree: lxml_html.HtmlElement) -> Iterator[tuple[lxml_html.HtmlElement, Mark]]:
    """Gives the outermost element of each mark, in the order of the letter, until a tail begins."""
    inside: set[lxml_html.HtmlElement] = set()
    for element in tree.iter():
        if not isinstance(element.tag, str):
            continue
        parent = element.getparent()
        if parent is not None and parent in inside:
            inside.add(element)
            continue
        mark = _mark_of(element)
        if mark is None:
            continue
        yield element, mark
        if mark is Mark.TAIL:
            return
        inside.add(element)


def _mark_of(element: lxml_html.HtmlElement) -> Mark | None:
    if element.tag == "blockquote" and _cites(element):
        return Mark.QUOTE
    for patterns, value in ((_CLASSES, element.get("class", "")), (_IDS, element.get("id", ""))):
        for mark, pattern in patterns:
            if value and (pattern.search(value) if patterns is _CLASSES else pattern.fullmatch(value)):
                return mark
    if element.get("data-marker") == "__QUOTED_TEXT__":
        return Mark.QUOTE
    if element.get("data-marker") == "__SIG_PRE__" or element.get("data-smartmail") == "gmail_signature":
        return Mark.SIGNATURE
    is_block = _OUTLOOK_LINE.search(element.get("style", "")) and _heads(element)
    return Mark.TAIL if is_block else None


def _heads(element: lxml_html.HtmlElement) -> bool:
    """In a language that we do not know, three labels in bold tell a head; a writer's own box has none."""
    pieces = [piece for piece in islice(element.itertext(), _PIECES) if piece.strip()]
    labels = [bold for bold in element.iter("b", "strong") if _LABEL.fullmatch(bold.text_content())]
    return heads.names_a_message(pieces, bold=bool(labels)) or len(labels) >= _LABELS


def _cites(element: lxml_html.HtmlElement) -> bool:
    return (
        element.get("type", "").lower() == "cite"
        or element.get("cite") is not None
        or "quote" in element.get("class", "").lower()
        or _MESSAGE.match(element.text_content()[:_START]) is not None
        or introductions.is_of_a_program(_text_before(element))
    )


def _text_before(element: lxml_html.HtmlElement) -> str:
    """Gives the words right above an element, in the same parent."""
    above = list(islice(element.itersiblings(preceding=True), _NEAR))
    for before in above:
        said = before.tail or ""
        if not said.strip() and isinstance(before.tag, str):
            said = str(before.text_content())
        if said.strip():
            return said
    parent = element.getparent()
    return (parent.text or "") if parent is not None and len(above) < _NEAR else ""


def _enclose(element: lxml_html.HtmlElement, mark: Mark) -> None:
    sign = lxml_html.Element("div")
    sign.text = _OPENING[mark]
    if mark is Mark.TAIL and element.getparent() is not None:
        element.addprevious(sign)
        return
    sign.tail, element.text = element.text, None
    element.insert(0, sign)
    end = lxml_html.Element("div")
    end.text = _CLOSING
    element.append(end)


def _tame(tree: lxml_html.HtmlElement) -> None:
    """Takes away what makes thousands of blanks out of a few letters: margins, indents, and columns as wide as a book."""
    size = cells = 0
    for element in tree.iter():
        size += 1 + len(element.text or "") + len(element.tail or "")
        cells += element.tag in _CELLS
        style = element.attrib.pop("style", "")
        if kept := _KEPT_STYLE.findall(style):
            element.set("style", ";".join(kept))
    if size * cells > _WIDEST:
        # A table gives each of its cells the width of the longest one.
        for element in tree.iter(*_CELLS, "table", "tr"):
            element.tag = "div"


def depth(tree: lxml_html.HtmlElement) -> int:
    """Says how many elements stand in one another at most."""
    deepest = depth = 0
    for event, _ in etree.iterwalk(tree, events=("start", "end")):
        depth += 1 if event == "start" else -1
        deepest = max(deepest, depth)
    return deepest


def _by_line(text: str) -> Iterator[Line]:
    mark = Mark.OWN
    for line in text.split("\n"):
        pieces = _SIGNS.split(line.rstrip())
        for piece in pieces:
            if piece in _MEANING:
                mark = _MEANING[piece]
            elif piece == _CLOSING:
                mark = Mark.OWN
            elif piece.strip() or len(pieces) == 1:
                yield Line(piece, mark)
