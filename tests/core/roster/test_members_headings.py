"""Headings: recognised as people write them, found below a title, and asked for when one is missing."""

from __future__ import annotations

import pytest

from service.core.refusals import Refusal
from service.core.roster import Field, Headings, guess
from service.core.roster.headings import locate


@pytest.mark.parametrize("field", list(Field))
def test_every_heading_of_the_contract_is_known_in_any_case_and_without_accents(field: Field) -> None:
    plain = field.translate(str.maketrans("éèô", "eeo")).replace("'", "’")
    assert guess([field.value, f"  {field.upper()} "])[0] is field
    assert guess([plain]) == (field,)
    assert guess([field.replace(" ", "_").replace("'", " ")]) == (field,)


@pytest.mark.parametrize(
    ("heading", "field"),
    [
        ("Courriel", Field.EMAIL),
        ("Adresse e-mail", Field.EMAIL),
        ("Adresse mail", Field.EMAIL),
        ("E-MAIL :", Field.EMAIL),
        ("Mél.", Field.EMAIL),
        ("Nom de famille", Field.FAMILY_NAME),
        ("Prénom(s)", Field.GIVEN_NAME),
        ("Raison\nsociale", Field.ORGANISATION),
        ("Organisme", Field.ORGANISATION),
        ("N°", Field.NUMBER),
        ("n°\u00a0sociétaire", Field.NUMBER),
        ("Nº de sociétaire", Field.NUMBER),
        ("Numéro de sociétaire", Field.NUMBER),
        ("TEL", Field.PHONE),
        ("Portable", Field.PHONE),
        ("CP", Field.POSTCODE),
        ("Commune", Field.CITY),
        ("Date d’adhésion (jj/mm/aaaa)", Field.MEMBER_SINCE),
        ("Nombre de parts", Field.SHARES),
        ("Contact principal (oui/non)", Field.IS_MAIN),
        ("Complément d'adresse", Field.ADDRESS_EXTRA),
        ("Couleur préférée", None),
        ("", None),
    ],
)
def test_a_heading_is_recognised_as_people_write_it(heading: str, field: Field | None) -> None:
    assert guess([heading]) == (field,)


def test_of_two_columns_for_one_field_the_exact_name_wins_and_the_other_is_kept_as_a_note() -> None:
    assert guess(["portable", "téléphone", "tél"]) == (None, Field.PHONE, None)
    assert guess(["portable", "tél"]) == (Field.PHONE, None)


def test_several_email_columns_are_all_emails() -> None:
    assert guess(["email", "Email 2"]) == (Field.EMAIL, Field.EMAIL)


def test_headings_are_found_below_a_title_and_empty_rows() -> None:
    found = locate(
        [(1, ["Liste des sociétaires"]), (2, []), (3, ["Nom", "Humeur", "Courriel"]), (4, ["Vasseur", "", ""])]
    )
    assert found is not None
    assert found.row == 3
    assert found.columns == (Field.FAMILY_NAME, None, Field.EMAIL)
    assert found.unknown == ("Humeur",)


def test_a_table_whose_headings_we_do_not_know_keeps_its_first_row_for_a_person_to_assign() -> None:
    found = locate([(1, [""]), (2, ["Qui", "Où"]), (3, ["Vasseur", "a@example.coop"])])
    assert found is not None
    assert (found.row, found.known) == (2, frozenset())
    found.assign([Field.FAMILY_NAME, Field.EMAIL]).require()


def test_a_missing_column_is_named_with_the_headings_that_were_found() -> None:
    with pytest.raises(Refusal, match="«\u00a0email\u00a0» ou «\u00a0numéro\u00a0»") as refused:
        Headings(3, ("Nom", "Humeur"), (Field.FAMILY_NAME, None)).require()
    assert "ligne 3\u00a0: «\u00a0Nom\u00a0», «\u00a0Humeur\u00a0»" in refused.value.sentence
    with pytest.raises(Refusal, match="«\u00a0nom\u00a0» ou «\u00a0structure\u00a0»"):
        Headings(1, ("email",), (Field.EMAIL,)).require()


def test_a_person_may_not_give_two_columns_the_same_field_except_for_emails() -> None:
    headings = Headings(1, ("a", "b", "c"), (None, None, None))
    with pytest.raises(Refusal, match="Deux colonnes"):
        headings.assign([Field.CITY, Field.CITY])
    assert headings.assign([Field.EMAIL, Field.EMAIL]).columns == (Field.EMAIL, Field.EMAIL, None)


def test_a_column_without_a_heading_is_called_by_its_letter() -> None:
    headings = Headings(1, ("nom", *[""] * 27), (Field.FAMILY_NAME, *[None] * 27))
    assert headings.title(2) == "colonne C"
    assert headings.title(27) == "colonne AB"
    assert headings.unknown == ()
