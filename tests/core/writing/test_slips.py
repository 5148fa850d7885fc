"""Does the author learn of each link and button that members would read as plain words, and only of those?"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.writing import markdown, slips


@pytest.mark.parametrize(
    "body",
    [
        "[le compte-rendu](https://passerelles.example/cr)",
        "[bouton: Participer](https://passerelles.example/rdv)",
        "[Bouton : Participer](HTTPS://passerelles.example)",
        "- [bouton: Participer](https://passerelles.example)",
        "[nous écrire](mailto:vie@passerelles.example)",
        "[une page](https://fr.example/A_(b)) et [une autre](<https://fr.example>)",
        '[avec un titre](https://fr.example "Le titre")',
        "\\[pour](ou contre)",
        "Des crochets [ainsi], une (parenthèse), et https://fr.example seul.",
        "",
    ],
)
def test_what_reaches_members_as_meant_is_not_remarked(body: str) -> None:
    assert slips.of_body(body) == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("[bouton: Participer](www.fr.example/rdv)", "Vouliez-vous https://www.fr.example/rdv\u202f?"),
        ("Voir [la page](www.fr.example).", "Vouliez-vous https://www.fr.example\u202f?"),
        ("[la page](fr.example/a?b=c)", "Vouliez-vous https://fr.example/a?b=c\u202f?"),
        ("[la page](https:/fr.example)", "Vouliez-vous https://fr.example\u202f?"),
        ("[nous écrire](vie@passerelles.example)", "Vouliez-vous mailto:vie@passerelles.example\u202f?"),
        ("[sur deux\nlignes](www.fr.example)", "Vouliez-vous https://www.fr.example\u202f?"),
        ("[la page](javascript:alert(1))", "ne mène nulle part"),
        ("[la page](https://fr.example/un fichier.pdf)", "ne contient pas d’espace"),
        ("[la page](#)", "ne mène nulle part"),
        ("[la page]()", "n’a pas d’adresse"),
        ("[](https://fr.example)", "n’a pas de mots à lire"),
        ("[bouton: ](https://fr.example)", "n’a pas de mots à lire"),
        ("[bouton: Participer", "n’est pas complet"),
        ("[bouton: Participer]", "n’est pas complet"),
        ("[bouton: Participer](https://fr.example", "n’est pas complet"),
        ("[bouton: Participer] (https://fr.example)", "n’est pas complet"),
        ("[la page](https://fr.example", "il manque une parenthèse"),
        ("Venez [bouton: Participer](https://fr.example) !", "seul sur sa ligne"),
        ("Bonjour {prenon}", "{prenon} n’existe pas"),
    ],
)
def test_a_slip_is_told_with_what_was_meant(body: str, told: str) -> None:
    sentences = slips.of_body(body)
    assert len(sentences) == 1, sentences
    assert told in sentences[0]


def test_a_field_in_an_address_is_told_once() -> None:
    assert len(slips.of_body("[la page](https://fr.example/{prénom})")) == 1


@settings(max_examples=200)
@given(st.text(alphabet="[]()<>\\ \n:/.@ahtpswwbouton{}«»", max_size=60))
def test_whatever_is_typed_a_text_without_a_remark_has_no_link_left_as_words(body: str) -> None:
    if slips.of_body(body):
        return
    left = [
        word.text
        for block in markdown.read(body)
        if isinstance(block, markdown.Paragraph)
        for word in block.words
        if isinstance(word, markdown.Run) and not word.url
    ]
    assert not any("](www." in words and "\\[" not in body for words in left)
