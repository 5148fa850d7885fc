"""How does the body look as HTML that needs no style sheet? Every element carries its own style; nh3 is the last wall."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

import nh3

from service.core.writing.letter import House
from service.core.writing.markdown import Block, Break, Button, Heading, Inline, Items, Paragraph, Quote, Rule, Run

FONT = "-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
INK = "#1d1d1b"

# Every name here is an element that may stand in a body; the values are the only styles that pass (La Poste and SFR drop <style>).
_BODY = f"font-family:{FONT};font-size:16px;line-height:1.5;color:{INK}"
_STYLES = {
    "p": f"margin:0 0 16px;{_BODY}",
    "p.last": f"margin:0;{_BODY}",
    "p.item": f"margin:8px 0 0;{_BODY}",
    "h2": f"margin:32px 0 10px;font-family:{FONT};font-size:19px;line-height:1.3;font-weight:700;color:{INK}",
    "h3": f"margin:24px 0 8px;font-family:{FONT};font-size:17px;line-height:1.3;font-weight:700;color:{INK}",
    "ul": f"margin:0 0 16px;padding:0 0 0 24px;{_BODY}",
    "ul.inner": f"margin:6px 0 0;padding:0 0 0 24px;{_BODY}",
    "li": f"margin:0 0 8px;padding:0 0 0 4px;{_BODY}",
    "blockquote": f"margin:0 0 16px;padding:4px 0 4px 16px;border-left:4px solid #c9c9c2;{_BODY}",
    "hr": "margin:28px 0;border:0;border-top:1px solid #dcdcd5;height:0;line-height:0",
    "strong": "font-weight:700",
    "table": "margin:8px 0 24px;border-collapse:separate",
}
_TAGS = {"p", "h2", "h3", "ul", "ol", "li", "blockquote", "hr", "strong", "a", "br", "table", "tbody", "tr", "td"}
_ATTRIBUTES = {
    **{tag: {"style"} for tag in ("p", "h2", "h3", "ul", "li", "blockquote", "hr", "strong")},
    "ol": {"style", "start"},
    "a": {"style", "href"},
    "table": {"style", "role", "border", "cellpadding", "cellspacing"},
    "td": {"style", "bgcolor"},
}


def print_html(blocks: Iterable[Block], house: House) -> str:
    """Writes the body as well-formed HTML with inline styles, cleaned once more by an allow-list."""
    printer = _Printer(house)
    return nh3.clean(
        printer.blocks(blocks),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=printer.keep,
        allowed_classes={"a": {"lien"}, "td": {"bouton"}, "blockquote": {"trait"}, "hr": {"trait"}},
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
    )


@dataclass(frozen=True, slots=True)
class _Printer:
    house: House

    @property
    def _link_style(self) -> str:
        return f"color:{self.house.accent};text-decoration:underline;overflow-wrap:anywhere;word-break:break-word"

    @property
    def _button_style(self) -> str:
        return (
            f"display:inline-block;padding:14px 24px;font-family:{FONT};font-size:16px;line-height:20px;"
            "font-weight:700;color:#ffffff;text-decoration:none"
        )

    @property
    def _button_cell_style(self) -> str:
        return f"background:{self.house.accent};border-radius:4px;mso-padding-alt:14px 24px"

    def keep(self, _tag: str, attribute: str, value: str) -> str | None:
        """Says which attribute values pass: of styles, only those printed here."""
        ours = {*_STYLES.values(), self._link_style, self._button_style, self._button_cell_style}
        return value if attribute != "style" or value in ours else None

    def blocks(self, blocks: Iterable[Block], place: str = "") -> str:
        """`place` is « item » inside a list and « last » at the end of a quote, where gaps differ."""
        return "\n".join(self._block(block, place) for block in blocks)

    def _block(self, block: Block, place: str) -> str:
        match block:
            case Heading(level=level, words=words):
                return f'<h{level} style="{_STYLES[f"h{level}"]}">{self._words(words)}</h{level}>'
            case Paragraph(words=words):
                return f'<p style="{_STYLES[f"p.{place}" if place else "p"]}">{self._words(words)}</p>'
            case Button(label=label, url=url):
                return self._button(label, url)
            case Items():
                return self._items(block, inner=place == "item")
            case Quote(blocks=inner):
                return f'<blockquote class="trait" style="{_STYLES["blockquote"]}">{self._quoted(inner)}</blockquote>'
            case Rule():
                return f'<hr class="trait" style="{_STYLES["hr"]}">'

    def _quoted(self, blocks: tuple[Block, ...]) -> str:
        """The last paragraph of a quote leaves no gap above the quote's own margin."""
        return "\n".join(part for part in (self.blocks(blocks[:-1]), self.blocks(blocks[-1:], "last")) if part)

    def _items(self, block: Items, *, inner: bool) -> str:
        tag = "ul" if block.start is None else "ol"
        start = f' start="{block.start}"' if block.start not in (None, 1) else ""
        items = "\n".join(f'<li style="{_STYLES["li"]}">{self._item(item)}</li>' for item in block.items)
        return f'<{tag}{start} style="{_STYLES["ul.inner" if inner else "ul"]}">\n{items}\n</{tag}>'

    def _item(self, blocks: tuple[Block, ...]) -> str:
        """The first words of an item stand in the item itself, so that the bullet stays beside them."""
        match blocks:
            case (Paragraph(words=words), *rest):
                return self._words(words) + ("\n" + self.blocks(rest, "item") if rest else "")
            case _:
                return self.blocks(blocks, "item")

    def _button(self, label: str, url: str) -> str:
        return (
            f'<table role="presentation" border="0" cellpadding="0" cellspacing="0" style="{_STYLES["table"]}"><tr>'
            f'<td class="bouton" bgcolor="{self.house.accent}" style="{self._button_cell_style}">'
            f'<a href="{escape(url)}" style="{self._button_style}">{escape(label, quote=False)}</a></td></tr></table>'
        )

    def _words(self, words: Iterable[Inline]) -> str:
        return "".join("<br>" if isinstance(word, Break) else self._run(word) for word in words)

    def _run(self, run: Run) -> str:
        html = escape(run.text, quote=False)
        if run.bold:
            html = f'<strong style="{_STYLES["strong"]}">{html}</strong>'
        if run.url:
            html = f'<a class="lien" href="{escape(run.url)}" style="{self._link_style}">{html}</a>'
        return html
