"""CSV: any separator and encoding of the contract, rows numbered as a spreadsheet does, read in a stream."""

from __future__ import annotations

import codecs
import csv
import io
import tempfile
import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.core.refusals import Refusal
from service.core.roster import guard, open_sheet, unguard

HEADINGS = ["nom", "email", "humeur"]


def written(rows: Sequence[Sequence[str]], separator: str = ";", encoding: str = "utf-8") -> io.BytesIO:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator).writerows(rows)
    return io.BytesIO(text.getvalue().encode(encoding))


def rows_of(data: bytes, name: str = "membres.csv") -> list[tuple[int, list[str]]]:
    return list(open_sheet(io.BytesIO(data), name).rows())


SAYABLE = st.characters(codec="cp1252", exclude_characters="\0\ufeff")


@example(cells=[["", "", "\t"]], separator=";", encoding="utf-8")
@given(
    cells=st.lists(st.lists(st.text(SAYABLE, max_size=12), min_size=3, max_size=3), min_size=1, max_size=8),
    separator=st.sampled_from([";", ",", "\t"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
)
def test_what_a_csv_writer_wrote_is_read_back_equal(cells: list[list[str]], separator: str, encoding: str) -> None:
    guarded = [[guard(cell) for cell in row] for row in cells]
    # An é and a û settle that the text is Windows-1252: a few letters could be good UTF-8 by chance.
    head = ["nom", "email", "préférée, mûre, élevée, à là"]
    stream = written([head, *guarded], separator, encoding)
    if encoding == "cp1252" and is_utf8(stream.getvalue()):
        return
    sheet = open_sheet(stream, "membres.csv")
    assert list(sheet.headings.titles) == head
    expected = [(number, row) for number, row in enumerate(cells, start=2) if any(cell.strip() for cell in row)]
    assert list(sheet.rows()) == expected


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(st.text(st.sampled_from("'=+-@\t\r＝ab "), max_size=6))
def test_the_apostrophe_before_a_formula_comes_and_goes_without_loss(text: str) -> None:
    assert unguard(guard(text)) == text
    assert not guard(text).startswith(("=", "+", "-", "@", "\t", "\r", "＝"))


def test_an_apostrophe_that_belongs_to_a_name_stays() -> None:
    assert unguard("'t Hooft") == "'t Hooft"
    assert unguard("'+33 6 00 00 00 00") == "+33 6 00 00 00 00"


def test_row_numbers_count_records_as_a_spreadsheet_does() -> None:
    data = 'Titre\r\n\r\nnom;email;adresse\r\nVasseur;a@example.coop;"1 rue\nhaute\nbâtiment B"\r\n\r\n;;\r\nRémy;b@example.coop;\r\n'
    assert [number for number, _ in rows_of(data.encode())] == [4, 7]


def test_the_separator_line_of_excel_is_no_row() -> None:
    assert rows_of(b"sep=,\r\nnom,email\r\nVasseur;fils,a@example.coop\r\n") == [
        (2, ["Vasseur;fils", "a@example.coop"])
    ]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_is_read(newline: str) -> None:
    assert rows_of(newline.join(["nom;email", "Vasseur;a@example.coop"]).encode()) == [
        (2, ["Vasseur", "a@example.coop"])
    ]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig", "utf-16"])
def test_accents_survive_in_every_encoding(encoding: str) -> None:
    sheet = open_sheet(written([HEADINGS, ["Œuvré d’Été", "a@example.coop", "«ça» à 3 €"]], ";", encoding), "m.csv")
    assert next(iter(sheet.rows()))[1] == ["Œuvré d’Été", "a@example.coop", "«ça» à 3 €"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "vide"),
        (codecs.BOM_UTF8, "vide"),
        (b"\r\n;;\r\n\r\n", "vide"),
        (b"nom;email\nVassseur\x90\x81;a@example.coop\n", "UTF-8 ni en Windows-1252"),
        ("nom;email\nÉlodie Périé;a@example.coop\n".encode() + "Zoé;b@example.coop".encode("cp1252"), "deux encodages"),
        (codecs.BOM_UTF16_LE + "nom;email".encode("utf-16-le") + b"\x00\xd8x", "UTF-8 ni en Windows-1252"),
        ("nom;email\nVasseur;a@example.coop".encode("utf-16-le"), "pas un texte"),
        (b"%PDF-1.7\n...", "pas un tableau"),
        (b"\x89PNG\r\n\x1a\n...", "pas un tableau"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), ".xls"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"), "mot de passe"),
        (b"\n<html><table>", "page web"),
        (bytes(range(256)) * 4, "Windows-1252"),
    ],
)
def test_a_file_that_is_no_members_table_is_refused_with_what_to_do(data: bytes, words: str) -> None:
    with pytest.raises(Refusal, match=words) as refused:
        open_sheet(io.BytesIO(data), "/tmp/dossier/membres.csv")
    assert "dossier" not in refused.value.sentence


@pytest.mark.parametrize(
    "tail", ['3;"Rémy;c@example.coop\n4;Zoé;d@example.coop\n', '3;"' + "x" * 200_000 + '";c@example.coop\n']
)
def test_a_quote_never_closed_is_refused_where_it_opens(tail: str) -> None:
    with pytest.raises(Refusal, match="ligne 3"):
        rows_of(("numéro;nom;email\n1;Vasseur;a@example.coop\n" + tail).encode())


def test_a_record_without_end_does_not_fill_the_memory() -> None:
    stream = io.BytesIO(b"nom;email\n" + b'"a\n";' * 1_000_000)
    with pytest.raises(Refusal, match="ligne 2"):
        list(open_sheet(stream, "m.csv").rows())


def test_a_sheet_may_be_read_twice_and_leaves_the_stream_open() -> None:
    with tempfile.SpooledTemporaryFile(max_size=10) as stream:
        stream.write(b"nom;email\nVasseur;a@example.coop\nRemy;b@example.coop\n")
        sheet = open_sheet(stream, "m.csv")
        next(sheet.rows())
        assert list(sheet.rows()) == list(sheet.rows())
        assert not stream.closed


def test_rows_come_in_a_stream_that_holds_little_memory() -> None:
    stream = io.BytesIO(b"nom;email\n" + b"Vasseur;membre@passerelles.example\n" * 60_000)
    tracemalloc.start()
    count = sum(1 for _ in open_sheet(stream, "m.csv").rows())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 60_000
    assert peak < 8 * 2**20
