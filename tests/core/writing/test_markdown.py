"""Does strict Markdown become styled, well-formed HTML and a text part that says the same?"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from service.core.writing import markdown
from service.core.writing.body_html import _Printer, print_html
from service.core.writing.body_text import print_text
from service.core.writing.letter import House

HOUSE = House("Les Passerelles")


def html(typed: str) -> str:
    return print_html(markdown.read(typed), HOUSE)


def text(typed: str) -> str:
    return print_text(markdown.read(typed))


def bare(typed: str) -> str:
    """The HTML without its styles."""
    return re.sub(r' (?:style|class|role|border|cellpadding|cellspacing|bgcolor)="[^"]*"', "", html(typed))


def test_headings_bold_lists_and_quotes_are_printed_in_both_parts() -> None:
    typed = "## Titre\n\nUn **mot** gras\n\n- a\n- b\n\n2. c\n3. d\n\n> cité"
    assert bare(typed) == (
        "<h2>Titre</h2>\n<p>Un <strong>mot</strong> gras</p>\n<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"
        '<ol start="2">\n<li>c</li>\n<li>d</li>\n</ol>\n<blockquote><p>cité</p></blockquote>'
    )
    assert text(typed) == "Titre\n=====\nUn mot gras\n\n- a\n- b\n\n2. c\n3. d\n\n> cité"


def test_no_heading_level_is_skipped() -> None:
    assert re.findall("<h.>", bare("### a\n\n# b\n\n#### c\n\n##### d")) == ["<h2>", "<h2>", "<h3>", "<h3>"]


@pytest.mark.parametrize("typed", ["#", "## ", "**", "> ", "- ", "[](https://a.example)", ""])
def test_empty_blocks_are_no_trap(typed: str) -> None:
    assert "<h2" not in html(typed)


def test_a_soft_break_is_a_space_and_a_hard_break_a_line() -> None:
    assert bare("un\ndeux  \ntrois\\\nquatre") == "<p>un deux<br>trois<br>quatre</p>"
    assert text("un\ndeux  \ntrois") == "un deux\ntrois"


def test_a_button_alone_on_its_line_is_44_px_high_and_a_line_of_text() -> None:
    typed = "[bouton: Participer au RDV](https://passerelles.example/rdv?a=1&b=2)"
    assert "padding:14px 24px" in html(typed)
    assert "line-height:20px" in html(typed)
    assert 'href="https://passerelles.example/rdv?a=1&amp;b=2"' in html(typed)
    assert "bouton:" not in html(typed)
    assert text(typed) == "Participer au RDV\u00a0: https://passerelles.example/rdv?a=1&b=2"


def test_links_name_their_address_in_the_text_part() -> None:
    assert text("Voir [le compte](https://a.example/x)") == "Voir le compte\u00a0: https://a.example/x"
    assert text("Voir [le compte](https://a.example/x).") == "Voir le compte (https://a.example/x)."
    assert text("<https://a.example/x>") == "https://a.example/x"
    assert text("[Écrivez](mailto:vie@passerelles.example)") == "Écrivez\u00a0: vie@passerelles.example"


def test_an_address_typed_bare_is_a_link_without_the_full_stop() -> None:
    assert '<a href="https://a.example/x_(y)">https://a.example/x_(y)</a>).' in bare("(voir https://a.example/x_(y)).")


@pytest.mark.parametrize(
    "typed",
    [
        "[x](javascript:alert(1))",
        "[x](data:text/html,x)",
        "[x](/relatif)",
        "[x](//a.example)",
        "![x](javascript:alert(1))",
        "<a href='javascript:alert(1)'>x</a>",
        "<javascript:alert(1)>",
        "[x](&#106;avascript:alert(1))",
    ],
)
def test_only_http_https_and_mailto_are_links(typed: str) -> None:
    assert "<a" not in html(typed)


def test_raw_html_images_and_entities_are_printed_as_typed() -> None:
    assert (
        bare("<b onclick=x>a</b> &eacute; <!-- c -->")
        == "<p>&lt;b onclick=x&gt;a&lt;/b&gt; &amp;eacute\u202f; &lt;!-- c --&gt;</p>"
    )
    assert "<img" not in html("![pixel](https://espion.example/p.gif)")


def test_french_is_set_across_bold_and_never_in_addresses() -> None:
    assert (
        bare("« **Quoi** ! » l'**été**") == "<p>«&nbsp;<strong>Quoi</strong>\u202f!&nbsp;» l’<strong>été</strong></p>"
    )
    assert bare("«**mot **»") == "<p>«&nbsp;**mot **&nbsp;»</p>"
    assert bare("« [mot](https://a.example)»") == '<p>«&nbsp;<a href="https://a.example">mot</a>&nbsp;»</p>'
    assert "https://a.example/?q=l'x" in text("[x](https://a.example/?q=l'x)")


def test_italics_are_not_offered() -> None:
    assert bare("*a* _b_") == "<p>*a* _b_</p>"


def test_text_lines_hold_72_columns_and_addresses_stay_whole() -> None:
    long = "https://passerelles.example/" + "a" * 80
    lines = text("mot " * 60 + long).split("\n")
    assert max(len(line) for line in lines if line != long) <= 72
    assert long in lines


def test_every_element_carries_its_own_style() -> None:
    printed = html(
        "## t\n\nun **b** [l](https://a.example)\n\n- a\n\n  b\n\n> c\n\n---\n\n[bouton: x](https://a.example)"
    )
    for tag, attributes in re.findall(r"<(\w+)([^>]*)>", printed):
        assert tag in ("br", "tbody", "tr") or 'style="' in attributes, tag


def test_the_last_wall_lets_no_address_and_no_style_through_that_we_do_not_print() -> None:
    evil: list[markdown.Block] = [
        markdown.Paragraph((markdown.Run("x", url="javascript:alert(1)"),)),
        markdown.Button("y", "data:text/html,z"),
    ]
    assert "href" not in print_html(evil, HOUSE)
    assert _Printer(HOUSE).keep("p", "style", "position:fixed") is None


@given(st.text(alphabet=st.sampled_from("ab <>&\"'*_#-[]()!`\\\n1.:{}é\u00a0\x00/"), max_size=80))
def test_whatever_is_typed_comes_out_well_formed_and_harmless(typed: str) -> None:
    printed = html(typed).replace("&nbsp;", " ").replace("<br>", "<br/>")
    printed = re.sub(r"<hr([^>]*)>", r"<hr\1/>", printed)
    tree = etree.fromstring("<div>" + re.sub("[\x00-\x08]", "", printed) + "</div>")
    assert {str(element.tag) for element in tree.iter()} <= {
        *(
            "div",
            "p",
            "h2",
            "h3",
            "ul",
            "ol",
            "li",
            "blockquote",
            "hr",
            "strong",
            "a",
            "br",
            "table",
            "tbody",
            "tr",
            "td",
        )
    }
    text(typed)
