"""Rows: what a row says of a member, and every fault of it with its column and words that help."""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest

from service.core.refusals import Refusal
from service.core.roster import MemberRow, RowRead, open_sheet, read, refused_table

BASE = {"numéro": "12", "nom": "Vasseur", "email": "odile@passerelles.example"}


def read_table(*rows: list[str]) -> list[RowRead]:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";").writerows(rows)
    return list(read(open_sheet(io.BytesIO(text.getvalue().encode()), "m.csv")))


def read_one(**cells: str) -> RowRead:
    filled = {**BASE, **{name.replace("_", " "): text for name, text in cells.items()}}
    return read_table(list(filled), list(filled.values()))[0]


def member(**cells: str) -> MemberRow:
    found = read_one(**cells)
    assert found.member is not None, found.refused
    return found.member


def faults(**cells: str) -> list[tuple[str, str]]:
    found = read_one(**cells)
    assert found.member is None
    return [(cell.column, cell.reason) for cell in found.refused]


def test_a_full_row_gives_the_member_with_unknown_columns_as_notes() -> None:
    found = member(
        prénom=" Odile\u00a0 Anne ", collège="A", catégorie="Personne physique", parts="1\u202f000", téléphone="+33 6 00 00 00 00",
        adresse="1 rue haute\nbât. B", complément="", code_postal="01000", ville="Bourg", pays="", membre_depuis="04/03/2019",
        contact_principal="Oui", accord_convocation_électronique="x", date_d_accord="2024-02-29", humeur="=> joyeuse", vide="",
    )  # fmt: skip
    assert found == MemberRow(
        row=2, number="12", given_name="Odile Anne", family_name="Vasseur", organisation="", college="A",
        category="Personne physique", shares=1000, phone="+33 6 00 00 00 00", address="1 rue haute bât. B", address_extra="",
        postcode="01000", city="Bourg", country="", member_since=date(2019, 3, 4), is_main=True,
        emails=("odile@passerelles.example",), convocation_consent=True, consent_on=date(2024, 2, 29), consent_source="",
        notes=(("humeur", "=> joyeuse"),),
    )  # fmt: skip


def test_what_the_file_does_not_say_is_none_and_not_a_no() -> None:
    found = member()
    assert (found.shares, found.member_since, found.is_main, found.convocation_consent) == (None, None, None, None)


@pytest.mark.parametrize(
    ("cell", "emails"),
    [
        ("a@x.example;b@x.example", ("a@x.example", "b@x.example")),
        ("b@x.example, a@x.example", ("b@x.example", "a@x.example")),
        ("a@x.example / b@x.example", ("a@x.example", "b@x.example")),
        ("a@x.example b@x.example", ("a@x.example", "b@x.example")),
        ("a@x.example\nb@x.example", ("a@x.example", "b@x.example")),
        ("a@x.example ou b@x.example", ("a@x.example", "b@x.example")),
        ("a@x.example;A@X.example;", ("a@x.example",)),
        ("Odile V. <a@x.example>; b@x.example", ("a@x.example", "b@x.example")),
        ("", ()),
        (" \u00a0 ", ()),
    ],
)
def test_every_address_of_a_cell_is_a_contact_in_order(cell: str, emails: tuple[str, ...]) -> None:
    assert member(email=cell).emails == emails


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("odile.passerelles.example", ["n’a pas de @"]),
        ("odile vasseur@passerelles.example", ["une espace"]),
        ("odile@passerelles,example", ["une virgule"]),
        ("élo@x.example; zoé@x.example", ["accent", "accent"]),
        ("a@x.example; b@x", ["pas de point"]),
        ("=A1&\"@x.example\"", ["formule"]),
    ],
)  # fmt: skip
def test_each_address_that_is_wrong_is_a_refusal_of_its_own(cell: str, words: list[str]) -> None:
    found = faults(email=cell)
    assert [column for column, _ in found] == ["email"] * len(words)
    assert all(word in reason for word, (_, reason) in zip(words, found, strict=True))


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("prénom", "=B2", "formule"),
        ("ville", "#REF!", "erreur de tableur"),
        ("ville", "#VALEUR!", "erreur de tableur"),
        ("parts", "3,5", "nombre entier"),
        ("parts", "-1", "nombre entier"),
        ("parts", "trois", "nombre entier"),
        ("parts", "1.000", "nombre entier"),
        ("membre depuis", "31/02/2024", "n’existe pas"),
        ("membre depuis", "03/04/19", "quatre chiffres"),
        ("membre depuis", "44197", "n’est pas une date"),
        ("contact principal", "peut-être", "ni oui ni non"),
        ("téléphone", "6,12E+08", "abrégé"),
        ("ville", "x" * 201, "201 caractères"),
        ("humeur", "x" * 2001, "2000"),
    ],
)
def test_a_cell_that_cannot_be_read_is_refused_with_its_column_and_what_to_do(
    column: str, value: str, words: str
) -> None:
    ((where, reason),) = faults(**{column: value})
    assert where == column
    assert words in reason


def test_every_fault_of_a_row_is_reported_at_once() -> None:
    found = faults(email="odile", parts="beaucoup", membre_depuis="hier")
    assert sorted(column for column, _ in found) == ["email", "membre depuis", "parts"]


@pytest.mark.parametrize(
    ("value", "count"), [("3", 3), ("3,0", 3), ("3.0", 3), ("1 000", 1000), ("12 345 678", 12345678), ("0", 0)]
)
def test_a_whole_number_is_read_as_people_write_it(value: str, count: int) -> None:
    assert member(parts=value).shares == count


@pytest.mark.parametrize(
    "value", ["31/12/2024", "31-12-2024", "31.12.2024", "2024-12-31", "2024-12-31 00:00:00", "31/12/2024 00:00"]
)
def test_a_date_is_read_day_first_or_iso(value: str) -> None:
    assert member(membre_depuis=value).member_since == date(2024, 12, 31)


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("OUI", True),
        ("o", True),
        ("1", True),
        ("Vrai", True),
        ("yes", True),
        ("Non", False),
        ("0", False),
        ("faux", False),
    ],
)
def test_a_yes_and_a_no_are_read_in_their_usual_forms(value: str, answer: bool) -> None:
    assert member(contact_principal=value).is_main is answer


def test_the_zero_that_a_spreadsheet_ate_comes_back_in_france_only() -> None:
    french = member(code_postal="1000", téléphone="612345678")
    assert (french.postcode, french.phone) == ("01000", "0612345678")
    belgian = member(code_postal="1000", téléphone="612345678", pays="Belgique")
    assert (belgian.postcode, belgian.phone) == ("1000", "612345678")


def test_a_row_needs_a_name_and_an_address_or_a_number() -> None:
    assert [column for column, _ in faults(nom="")] == ["nom"]
    assert [column for column, _ in faults(email="", numéro="")] == ["email"]
    assert member(nom="", structure="Les Passerelles").organisation == "Les Passerelles"
    assert member(email="").emails == ()


def test_control_and_invisible_characters_are_dropped_and_text_is_composed() -> None:
    assert member(nom="Re\u0301\x00my\u200b\x07").family_name == "Rémy"


def test_the_very_same_row_twice_is_refused_and_a_further_contact_or_a_couple_is_not() -> None:
    read_rows = read_table(
        ["numéro", "nom", "email"],
        ["12", "Vasseur", "a@x.example"],
        ["", "", ""],
        ["12", "Vasseur", "A@X.example"],
        ["12", "Vasseur", "b@x.example"],
        ["", "Remy", "a@x.example"],
        ["", "REMY", "a@x.example"],
        ["", "Remy", "c@x.example"],
    )
    assert [(row.row, row.member is not None) for row in read_rows] == [
        (2, True), (4, False), (5, True), (6, True), (7, False), (8, True),
    ]  # fmt: skip
    assert read_rows[1].refused[0].column == "numéro"
    assert "ligne 2" in read_rows[1].refused[0].reason
    assert "ligne 6" in read_rows[4].refused[0].reason


def test_a_csv_row_wider_than_its_headings_is_refused_as_shifted() -> None:
    (shifted, padded) = read_table(
        ["nom", "email"], ["Vasseur", "fils", "a@x.example"], ["Remy", "b@x.example", "", ""]
    )
    assert "séparateur" in shifted.refused[0].reason
    assert padded.member is not None


def test_nothing_is_read_without_the_needed_columns_nor_without_data() -> None:
    with pytest.raises(Refusal, match="Il manque la colonne"):
        read(open_sheet(io.BytesIO(b"nom;humeur\nVasseur;gaie\n"), "m.csv"))
    with pytest.raises(Refusal, match="rien en dessous"):
        read_table(["nom", "email"], ["", " "])


def test_the_file_of_refused_rows_runs_nothing_and_comes_back_without_loss() -> None:
    table = [
        ["nom", "email", "humeur"],
        ["+Vasseur", "faux", "@gaie"],
        ["Remy", "b@x.example", ""],
        ["=1+1", "c@x.example", "'-"],
    ]
    first = open_sheet(io.BytesIO("\n".join(";".join(row) for row in table).encode()), "m.csv")
    written = list(refused_table(first.headings, read(first)))
    assert written[0] == ["motif du refus", "nom", "email", "humeur"]
    assert [row[1:] for row in written[1:]] == [["'+Vasseur", "faux", "'@gaie"], ["'=1+1", "c@x.example", "'-"]]
    assert "n’a pas de @" in written[1][0]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";").writerows(written)
    again = open_sheet(io.BytesIO(text.getvalue().encode()), "refus.csv")
    assert again.headings.unknown == ("humeur",)
    assert list(refused_table(again.headings, read(again))) == written
