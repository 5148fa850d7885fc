"""Is every mail, rendered from its sample, as it was when someone looked at it, and fit for every reader?"""

from __future__ import annotations

import itertools
import re

import pytest
from lxml.html import HtmlElement, document_fromstring

from tests.emails.golden import GOLDEN, folders, rendered, sample

LINKS = re.compile(r"https?://[^\s\"<>)]+")


@pytest.fixture(params=folders())
def folder(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def html(folder: str) -> str:
    return rendered(folder)[f"{folder}.html"].decode("utf-8")


@pytest.fixture
def page(html: str) -> HtmlElement:
    return document_fromstring(html.encode("utf-8"))


def test_a_mail_is_as_it_was_seen(folder: str) -> None:
    """After a wanted change: python -m tests.emails.golden, look at the pages, commit them."""
    for name, content in rendered(folder).items():
        assert content == (GOLDEN / name).read_bytes(), name


def test_no_trace_of_the_machinery_reaches_a_reader(folder: str) -> None:
    for name, content in rendered(folder).items():
        text = content.decode("utf-8")
        for trace in ("\\u{", '\\"', "\\n", "fonts.googleapis", "@@", "{{", "{%", "mj-text", "None", "{prénom"):
            assert trace not in text, (name, trace)
        assert not re.search("[\U000f0000-\U0010ffff]", text), name


def test_the_mail_speaks_french_to_screen_readers(page: HtmlElement) -> None:
    assert (page.get("lang"), page.get("dir")) == ("fr", "ltr")
    (article,) = page.xpath("//div[@role='article']")
    assert (article.get("lang"), article.get("dir"), article.get("aria-roledescription")) == ("fr", "ltr", "email")
    assert article.get("aria-label") == page.findtext(".//title") != ""
    assert len(page.xpath("//h1")) == 1
    assert {table.get("role") for table in page.xpath("//table")} == {"presentation"}
    levels = [int(heading.tag[1]) for heading in page.xpath("//h1|//h2|//h3")]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_a_link_says_where_it_goes(page: HtmlElement) -> None:
    words = [link.text_content().strip().casefold() for link in page.xpath("//a")]
    assert not {"ici", "cliquez ici", "lire", "en savoir plus", "en savoir +", ""} & set(words)
    assert len(words) == len(set(words))


def test_the_mail_needs_no_style_sheet(page: HtmlElement) -> None:
    for element in page.xpath(
        "//body//p|//body//h1|//body//h2|//body//ul|//body//ol|//body//li|//body//a|//body//strong"
    ):
        assert element.get("style"), element.text_content()
    for style in page.xpath("//@style"):
        assert not re.search(r"position|flex|grid|url\(", str(style))


def test_nothing_is_fetched_from_anywhere(html: str) -> None:
    assert not re.search(r"<(img|link|script|iframe|object)\b|@import|url\(|data:", html.replace("<!--", ""))


def test_clients_are_told_about_dark_mode_and_not_to_guess_links(html: str) -> None:
    for meta in ("color-scheme", "supported-color-schemes", "format-detection", "x-apple-disable-message-reformatting"):
        assert f'<meta name="{meta}"' in html
    assert "prefers-color-scheme: dark" in html


def test_the_text_part_holds_every_link_of_the_html(folder: str, html: str) -> None:
    text = rendered(folder)[f"{folder}.txt"].decode("utf-8")
    body = html[html.index("<body") :]
    assert set(LINKS.findall(text)) == {
        link.replace("&amp;", "&") for link in re.findall(r'href="(https?://[^"]+)"', body)
    }


def test_the_mail_is_far_below_what_gmail_clips(folder: str) -> None:
    assert len(rendered(folder)[f"{folder}.html"]) < 30_000


def test_the_subject_and_the_first_line_are_short_and_differ(folder: str) -> None:
    mail = sample(folder)
    assert len(mail.mould().subject(mail.values)) <= 60
    assert 40 <= len(mail.letter.preheader) <= 110
    assert mail.letter.preheader != mail.letter.subject


def test_contrast_is_enough_in_light_and_in_dark(folder: str) -> None:
    house = sample(folder).house
    pairs = [("#1d1d1b", "#ffffff"), ("#5c5c58", "#f4f4f0"), (house.accent, "#ffffff"), (house.accent, "#f4f4f0")]
    pairs += [
        ("#f1f1ec", "#1e1e1c"),
        ("#b9b9b1", "#121211"),
        (house.accent_dark, "#1e1e1c"),
        ("#121211", house.accent_dark),
    ]
    assert min(contrast(*pair) for pair in pairs) >= 4.5


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
