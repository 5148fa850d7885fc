"""Does a hostile text stay a text, and does MJML keep what French needs?"""

from __future__ import annotations

from collections.abc import Mapping

import jinja2
import pytest
from lxml.html import HtmlElement, document_fromstring

from service.core.vocabulary import MailClass, MailKind
from service.core.writing.letter import House, Letter, ListIdentity
from service.core.writing.rendering import compose, environment, mjattr
from tests.emails.golden import templates

TEMPLATES = templates()
LIST = ListIdentity("communiques", "Communiqués", "passerelles.example")
HOSTILE = [
    "</mj-text><mj-raw><script>alert(1)</script></mj-raw><mj-text>",
    "{{ 7*7 }} {% for x in range(9) %}x{% endfor %} {{{{config}}}}",
    "a\x00b\x07c\x1bd\u2028e\ud800f\U000f0000g\U00100000h",
    "<![CDATA[ x ]]> <!-- x --> <p>un<p>deux 1 < 2 & 3 > 2",
    "&#983040; &lt;script&gt; &nbsp;",
    "@@body@@ \U000f0001",
    '" onmouseover="alert(1)',
]


def page(
    house: House | None = None,
    *,
    kind: MailKind = MailKind.COMMUNIQUE,
    words: Mapping[str, str] | None = None,
    **typed: str,
) -> tuple[str, str, str]:
    written = {"subject": "Bonjour", "preheader": "Avant-goût", "body": "Un mot.", **(words or typed)}
    letter = Letter(kind, MailClass.NEWSLETTER, **written)
    mould = compose(
        letter, house or House("Les Passerelles"), LIST, templates=TEMPLATES, sender="vie@passerelles.example"
    )
    values = {"prénom": "Camille", "nom": "Royer"}
    return mould.html(values), mould.text(values), mould.subject(values)


def document(html: str) -> HtmlElement:
    return document_fromstring(html.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("typed", HOSTILE)
@pytest.mark.parametrize("where", ["subject", "preheader", "body"])
def test_a_hostile_text_is_printed_as_text(typed: str, where: str) -> None:
    html, text, _ = page(words={where: typed})
    tree, plain = document(html), document(page()[0])
    assert {str(node.tag) for node in tree.iter()} == {str(node.tag) for node in plain.iter()}
    assert not [name for node in tree.iter() for name in node.attrib if str(name).startswith("on")]
    assert html.count("<!--") == page()[0].count("<!--")
    assert "49" not in text
    assert "\x00" not in html + text
    assert html.count("<h1") == html.count("</html>") == 1


def test_a_hostile_body_is_read_as_it_was_typed() -> None:
    html, text, _ = page(body=HOSTILE[0])
    assert "&lt;/mj-text&gt;&lt;mj-raw&gt;&lt;script&gt;alert(1)" in html
    assert "</mj-text><mj-raw><script>alert(1)" in text
    assert "{ 7*7 } {% for x in range(9) %}" in page(body=HOSTILE[1])[1]


def test_a_house_of_any_words_breaks_nothing() -> None:
    house = House(
        '<b>"L\'Été" & Cie\\ 😀',
        tagline="1 < 2 ?",
        site='https://x.example/?a=1&b="é"',
        postal_address="<script>",
        telephone="&amp;",
        legal_notice="SCIC «x»",
    )
    html, text, _ = page(house)
    assert "<script>" not in html
    assert "\\u{" not in html
    assert "&lt;b&gt;" in html
    assert '<b>"L\'Été" & Cie\\ 😀' in text


def test_attributes_go_to_mrml_as_entities() -> None:
    assert str(mjattr("Code\u202f: e\u0301 « \\ \"x'\t<&")) == "Code&#8239;: é &#171; &#92; &#34;x&#39;&#9;&#60;&#38;"


def test_the_title_of_the_page_keeps_its_spaces() -> None:
    html, _, subject = page(subject="Où en sommes-nous ?")
    assert "Où en sommes-nous&#8239;?</title>" in html
    assert 'aria-label="Où en sommes-nous&#8239;?"' in html
    assert subject == "Où en sommes-nous\u00a0?"


def test_fields_reach_the_subject_the_title_the_preheader_and_the_body() -> None:
    html, text, subject = page(subject="Pour {prénom}", preheader="Un mot pour {nom}", body="Bonjour **{prénom}**")
    assert "<title>Pour Camille</title>" in html
    assert 'aria-label="Pour Camille"' in html
    assert "Un mot pour Royer" in html
    assert ">Camille</strong>" in html
    assert subject == "Pour Camille"
    assert text.startswith("Bonjour Camille\n")


def test_without_a_preheader_the_first_words_stand_in() -> None:
    html, _, _ = page(preheader="", body="Bonjour {prénom},\n\nVoici **la suite**. " + "mot " * 60)
    hidden = html.partition("display:none")[2].partition("</div>")[0]
    assert "Voici la suite. mot" in hidden
    assert "Bonjour" not in hidden
    assert "mot…" in hidden


def test_a_kind_without_a_folder_is_written_as_a_communique() -> None:
    assert page(kind=MailKind.COMPTE_RENDU) == page(kind=MailKind.COMMUNIQUE)


def test_a_mail_that_can_be_left_needs_a_list_to_leave() -> None:
    letter = Letter(MailKind.COMMUNIQUE, MailClass.COOPERATIVE, "a", "b", "c")
    with pytest.raises(ValueError, match="ListIdentity"):
        compose(letter, House("x"), None, templates=TEMPLATES, sender="vie@passerelles.example")


def test_a_template_that_names_what_is_not_given_is_an_error() -> None:
    broken = environment(jinja2.DictLoader({"communique/body.mjml": "<mjml>{{ inconnu }}</mjml>"}))
    letter = Letter(MailKind.COMMUNIQUE, MailClass.STATUTORY, "a", "b", "c")
    with pytest.raises(jinja2.UndefinedError):
        compose(letter, House("x"), None, templates=broken, sender="vie@passerelles.example")


def test_a_theme_colour_is_a_colour() -> None:
    with pytest.raises(ValueError, match="theme colour"):
        House("x", accent="red;} body{display:none")
