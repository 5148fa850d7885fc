"""The original of a letter: what of it is shown, and that nothing of it acts (S2)."""

from __future__ import annotations

import base64
import re
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as some

from service.core.reading import originals, parsing
from service.core.reading.originals import Link, Original

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


def letter(html: str, *carried: tuple[str, str, bytes]) -> Original:
    """A letter in HTML with images of these (type, name, bytes) in it, as mail programs write it."""
    parts = [f"Content-Type: text/html; charset=utf-8\r\n\r\n{html}".encode()]
    parts += [
        f"Content-Type: {kind}\r\nContent-ID: <{name}>\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode()
        + base64.b64encode(content)
        for kind, name, content in carried
    ]
    raw = b"From: a@membre.example\r\nContent-Type: multipart/related; boundary=z\r\n\r\n"
    return originals.of(parsing.parse(raw + b"".join(b"--z\r\n" + part + b"\r\n" for part in parts) + b"--z--\r\n"))


def body(shown: Original) -> str:
    found = re.search(r"<body>(.*)</body>", shown.document, re.DOTALL)
    assert found
    return found[1]


def test_words_and_their_layout_are_kept() -> None:
    said = "<p>Bonjour <b>à tous</b></p><ul><li>un<li>deux</ul><blockquote>Avant</blockquote>"
    shown = letter(said)
    assert shown.is_laid_out
    for kept in ("<b>à tous</b>", "<li>deux</li>", "<blockquote>Avant</blockquote>"):
        assert kept in body(shown)


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)><script>alert(1)</script></svg>",
        "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
        "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
        "<form action=https://mal.example><input name=x autofocus onfocus=alert(1)><button>Oui</button></form>",
        "<a href='javascript:alert(1)'>Ici</a>",
        "<a href=https://mal.example>Ici</a>",
        "<meta http-equiv=refresh content='0;url=https://mal.example'>",
        "<base href=https://mal.example><link rel=stylesheet href=//mal.example/x.css>",
        "<style>@import url(https://mal.example/x.css); body{background:url(https://mal.example/y)}</style>",
        "<p style='background:url(https://mal.example/y)'>Oui</p>",
        "<table background=https://mal.example/y><tr><td>Oui</td></tr></table>",
        "<img src=https://mal.example/suivi.gif><img srcset='https://mal.example/a 2x'>",
        "<img src=/deconnexion><img src='//mal.example/z'><img src=cid:inconnue>",
        "<img src='data:image/svg+xml;base64,PHN2Zy8+'><img src='data:text/html,<script>alert(1)</script>'>",
        "<video src=https://mal.example/v poster=https://mal.example/p></video><audio src=https://mal.example/a>",
        "<object data=https://mal.example/o></object><embed src=https://mal.example/e>",
        "<p id=x class=y name=z>Oui</p>",
    ],
)
def test_nothing_that_acts_loads_or_leads_away_is_left(hostile: str) -> None:
    shown = body(letter(f"<p>Avant</p>{hostile}<p>Après</p>"))
    assert "<p>Avant</p>" in shown
    assert not re.search(
        r"\s(?:on\w+|style|href|background|poster|srcset|action|id|class|name)\s*=", shown, re.IGNORECASE
    )
    assert not re.search(
        r"<(?:script|style|svg|math|iframe|form|input|meta|base|link|object|embed|video|audio)\b", shown
    )
    assert not re.search(r"src\s*=", shown), shown
    assert "alert(1)" not in shown or "onerror=alert(1)&gt;" in shown


def test_an_image_that_the_letter_carries_is_shown_and_a_drawing_is_not() -> None:
    shown = letter(
        "<img src=cid:logo@x alt=Logo><img src='CID:dessin'><img src=cid:faux>",
        ("image/png", "logo@x", PNG),
        ("image/svg+xml", "dessin", SVG),
        ("image/png", "faux", SVG),
    )
    assert body(shown).count("src=") == 1
    assert f'<img src="data:image/png;base64,{base64.b64encode(PNG).decode()}" alt="Logo">' in body(shown)


def test_images_are_shown_until_there_are_too_many_bytes() -> None:
    large = PNG + zlib.compress(bytes(10)) * 200_000
    shown = letter(
        "<img src=cid:a><img src=cid:a><img src=cid:a><img src=cid:b>",
        ("image/png", "a", large),
        ("image/png", "b", PNG),
    )
    assert len(shown.document) < originals._MOST_IMAGES + 10_000
    assert body(shown).count("src=") == 2


def test_links_are_told_with_where_they_lead_and_lead_nowhere() -> None:
    shown = letter(
        "<a href=' https://banque.example.mal.example/\u202ex '>Ma <b>banque</b></a><a href=#haut>haut</a><a href=mailto:a@b.example></a>"
    )
    assert shown.links == (
        Link("Ma banque", "https://banque.example.mal.example/x"),
        Link("sans texte", "mailto:a@b.example"),
    )
    assert "Ma <b>banque</b>" in body(shown)


def test_a_letter_without_html_and_one_too_deep_are_shown_as_text() -> None:
    plain = originals.of(parsing.parse(b"From: a@membre.example\r\n\r\nQuel <b>prix</b> ?\r\n"))
    assert not plain.is_laid_out
    assert "Quel &lt;b&gt;prix&lt;/b&gt; ?" in plain.document
    deep = letter("<div>" * 300 + "Bonjour")
    assert not deep.is_laid_out
    assert "<div>" not in deep.document.replace("&lt;div&gt;", "")
    many = letter("<b>x</b>" * 30_000)
    assert not many.is_laid_out


def test_what_a_browser_would_make_anew_for_each_element_stays_small() -> None:
    nested = "".join(f"<font color=#{number:03}>" for number in range(140))
    assert len(letter(nested + "<p>x" * 9000).document) < 5_000_000


@given(some.text("<>/='\" abimgsrcontéx\u202e&;:#!-\n", max_size=80))
def test_no_text_raises_or_keeps_an_address(text: str) -> None:
    shown = body(letter(f"<p>{text}<img src=https://mal.example/{text}><a href='https://mal.example/'>"))
    assert not re.search(r"<[^>]*mal\.example", shown)
