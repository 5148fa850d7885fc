"""Are the personal fields found as people type them, and slips told with a suggestion?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.writing import fields
from service.core.writing.fields import FieldUse, Slip


@pytest.mark.parametrize("typed", ["{prénom}", "{prenom}", "{PRÉNOM}", "{ Prénom }", "{pre\u0301nom}"])
def test_case_accents_and_spaces_are_ignored(typed: str) -> None:
    assert fields.find(typed) == [FieldUse("prénom")]
    assert fields.faults(typed) == []


def test_words_stand_in_for_an_empty_field() -> None:
    assert fields.find("{prénom|cher sociétaire} {nom|} {numéro}") == [
        FieldUse("prénom", "cher sociétaire"),
        FieldUse("nom"),
        FieldUse("numéro"),
    ]


def test_doubled_braces_are_plain_braces() -> None:
    assert "".join(str(piece) for piece in fields.split("{{ 7*7 }} {{prénom}}")) == "{ 7*7 } {prénom}"
    assert fields.faults("{{ 7*7 }} {{prénom}}") == []


def test_a_slip_is_told_with_the_field_that_was_meant() -> None:
    assert fields.faults("{prenon} {prenon}") == ["{prenon} n’existe pas. Vouliez-vous {prénom}\u202f?"]
    assert fields.faults("{zzz}") == [
        "{zzz} n’existe pas. Les champs sont\u00a0: {prénom}, {nom}, {structure}, {collège}, {numéro}."
    ]
    assert [piece for piece in fields.split("{% x %}") if isinstance(piece, Slip)] == [Slip("{% x %}")]


@pytest.mark.parametrize("typed", ["Bonjour {prénom,", "Bonjour prénom},"])
def test_a_lone_brace_is_a_slip(typed: str) -> None:
    assert len(fields.faults(typed)) == 1


@pytest.mark.parametrize("typed", ["[lien](https://a.example/{numéro})", "https://a.example/?n={nom}"])
def test_a_field_inside_an_address_is_refused_since_links_are_the_same_for_all(typed: str) -> None:
    assert len(fields.faults(typed)) == 1
    assert "adresse d’un lien" in fields.faults(typed)[0]


def test_a_field_in_the_words_of_a_link_is_welcome() -> None:
    assert fields.faults("[Votre fiche, {prénom}](https://a.example/fiche)") == []


@given(st.text(alphabet="{}|aprénom \n", max_size=40))
def test_nothing_typed_is_lost(text: str) -> None:
    pieces = list(fields.split(text))
    if fields.faults(text) == [] and fields.find(text) == []:
        assert "".join(str(piece) for piece in pieces) == text.replace("{{", "{").replace("}}", "}")
    assert len(fields.find(text)) == sum(isinstance(piece, FieldUse) for piece in pieces)
