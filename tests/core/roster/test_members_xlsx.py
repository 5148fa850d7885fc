"""XLSX: values as a person sees them, formulas never trusted, other and damaged files refused."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import date

import pytest
from openpyxl.workbook import Workbook

from service.core.refusals import Refusal
from service.core.roster import RowRead, open_sheet, read


def saved(book: Workbook) -> io.BytesIO:
    stream = io.BytesIO()
    book.save(stream)
    return stream


def book_of(*rows: Sequence[object]) -> Workbook:
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(list(row))
    return book


def read_book(*rows: Sequence[object]) -> list[RowRead]:
    return list(read(open_sheet(saved(book_of(*rows)), "membres.xlsx")))


def with_cell(stream: io.BytesIO, old: str, new: str) -> io.BytesIO:
    """The same workbook with a piece of its first sheet's XML replaced, as another program would write it."""
    changed = io.BytesIO()
    with zipfile.ZipFile(stream) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            data = source.read(name).decode()
            if name.endswith("sheet1.xml"):
                assert old in data
                data = data.replace(old, new)
            target.writestr(name, data)
    return changed


def test_numbers_dates_and_booleans_come_as_a_person_sees_them() -> None:
    (found,) = read_book(
        ["Numéro", "Nom", "Membre depuis", "Parts", "CP", "Tél", "Contact principal", "Solde"],
        [12.0, "Vasseur", date(2019, 3, 4), 3, 1000, 612345678, True, 1.5],
    )
    member = found.member
    assert member is not None, found.refused
    assert (member.number, member.shares, member.postcode, member.phone) == ("12", 3, "01000", "0612345678")
    assert str(member.member_since) == "2019-03-04"
    assert member.is_main is True
    assert member.notes == (("Solde", "1,5"),)


def test_rows_keep_the_number_the_spreadsheet_shows_below_a_title() -> None:
    found = read_book(
        ["Sociétaires des Passerelles"],
        [],
        ["Nom", "Courriel"],
        ["Vasseur", "a@x.example"],
        [],
        ["Remy", "b@x.example"],
    )
    assert [row.row for row in found] == [4, 6]


def test_a_formula_without_result_and_an_error_are_refused_and_a_result_is_taken() -> None:
    stream = saved(
        book_of(["nom", "email", "ville"], ["Vasseur", "a@x.example", "=A1"], ["Remy", "b@x.example", "#N/A"])
    )
    lost, error = list(read(open_sheet(stream, "m.xlsx")))
    assert [(cell.column, "formule" in cell.reason) for cell in lost.refused] == [("ville", True)]
    assert [(cell.column, "#N/A" in cell.reason) for cell in error.refused] == [("ville", True)]

    kept = with_cell(stream, '<c r="C2"><f>A1</f><v></v></c>', '<c r="C2" t="str"><f>A1</f><v>Bourg</v></c>')
    (good, _) = list(read(open_sheet(kept, "m.xlsx")))
    assert good.member is not None
    assert good.member.city == "Bourg"

    empty = with_cell(stream, '<c r="C2"><f>A1</f><v></v></c>', '<c r="C2" t="str"><f>A1</f><v></v></c>')
    (good, _) = list(read(open_sheet(empty, "m.xlsx")))
    assert good.member is not None
    assert good.member.city == ""


def test_a_wrong_size_written_in_the_sheet_does_not_hide_rows() -> None:
    stream = with_cell(
        saved(book_of(["nom", "email"], ["Vasseur", "a@x.example"])), '<dimension ref="A1:B2"', '<dimension ref="A1"'
    )
    assert len(list(read(open_sheet(stream, "m.xlsx")))) == 1


def test_a_row_number_beyond_any_spreadsheet_does_not_count_for_ever() -> None:
    stream = with_cell(
        saved(book_of(["nom", "email"], ["Vasseur", "a@x.example"])), '<row r="2">', '<row r="99999999999">'
    )
    with pytest.raises(Refusal, match="rien en dessous"):
        list(read(open_sheet(stream, "m.xlsx")))


def test_the_sheet_with_the_headings_is_chosen_or_the_one_a_person_names() -> None:
    book = book_of(["Mode d’emploi", "nom"])
    members = book.create_sheet("Sociétaires")
    members.append(["nom", "email"])
    members.append(["Vasseur", "a@x.example"])
    book.create_sheet("Cachée").sheet_state = "hidden"
    sheet = open_sheet(saved(book), "m.xlsx")
    assert (sheet.name, sheet.sheet_names) == ("Sociétaires", ("Sheet", "Sociétaires"))
    assert open_sheet(saved(book), "m.xlsx", sheet="Sheet").headings.titles == ("Mode d’emploi", "nom")
    with pytest.raises(Refusal, match="«\u00a0Sociétaires\u00a0»"):
        open_sheet(saved(book), "m.xlsx", sheet="Absente")


def test_an_empty_workbook_is_refused() -> None:
    with pytest.raises(Refusal, match="vide"):
        open_sheet(saved(Workbook()), "m.xlsx")


def test_a_workbook_that_unpacks_beyond_the_limit_is_refused_before_it_is_read() -> None:
    stream = saved(book_of(["nom", "email"], ["x" * 30_000, "a@x.example"]))
    with pytest.raises(Refusal, match="1 Mo une fois décompressé"):
        open_sheet(with_cell(stream, "</worksheet>", " " * 2**20 + "</worksheet>"), "m.xlsx", max_unpacked=2**20)


def zipped(**files: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (zipped(**{"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": "<x/>"}), ".ods"),
        (zipped(**{"[Content_Types].xml": "<x/>", "xl/workbook.bin": ""}), ".xlsb"),
        (zipped(**{"[Content_Types].xml": "<x/>", "word/document.xml": "<x/>"}), "pas un classeur"),
        (zipped(**{"[Content_Types].xml": "<x/>", "xl/workbook.xml": "<x/>"}), "abîmé"),
        (saved(book_of(["nom", "email"])).getvalue()[:-200], "abîmé"),
        (b"PK\x03\x04", "abîmé"),
    ],
)
def test_another_kind_of_archive_or_a_damaged_one_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        open_sheet(io.BytesIO(data), "membres.xlsx")


def test_a_workbook_damaged_in_its_rows_is_refused_while_reading() -> None:
    rows = [["nom", "email"], *[[f"Nom{n}", f"a{n}@x.example"] for n in range(700)]]
    stream = with_cell(saved(book_of(*rows)), '<c r="A650" t="', '<c r="A650" t="s" t="')
    sheet = open_sheet(stream, "m.xlsx")
    with pytest.raises(Refusal, match="abîmé"):
        list(read(sheet))
