"""What kind of file is this, which of its sheets holds the members, and which are its data rows?"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import IO

from service.core.refusals import Refusal
from service.core.roster.cells import unguard
from service.core.roster.headings import SEARCHED_ROWS, Headings, Record, locate
from service.core.roster.separated import encoding_of, records_of, separator_of
from service.core.roster.workbook import XlsxFile

MAX_UNPACKED = 50 * 2**20  # bytes

_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of .xls, and of an .xlsx under a password
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_NO_TABLE = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"{\\rtf")
_MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<table", b"<head")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table of the file: `name` among `sheet_names` (a CSV has none), its headings, and its rows as texts.

    `fixed_width`: a row wider than the headings is a fault of the file (a separator that was not quoted).
    """

    name: str
    sheet_names: tuple[str, ...]
    headings: Headings
    fixed_width: bool
    _records: Callable[[], Generator[Record, None, None]]

    def rows(self) -> Iterator[Record]:
        """Reads the data rows one by one, wholly empty ones left out, each with the number a spreadsheet shows.

        The apostrophe that our exports put before a cell like a formula is taken off (S12). Only one reading of a
        sheet at a time: they share the stream.
        """
        with closing(self._records()) as records:
            for number, cells in records:
                if number <= self.headings.row:
                    continue
                # A guard before a blank makes no row: what it guards is empty.
                bare = [unguard(cell) for cell in cells]
                if any(cell.strip() for cell in bare):
                    yield number, bare


def open_sheet(
    stream: IO[bytes], filename: str, *, sheet: str | None = None, max_unpacked: int = MAX_UNPACKED
) -> Sheet:
    """Opens a members file, CSV or XLSX by its content, and finds its headings in the first 20 rows.

    The stream must be seekable and stay open while rows are read. Without `sheet`, the visible sheet whose headings
    we know best is taken. Refuses what is no such file, an empty one, and an XLSX over `max_unpacked` bytes unpacked.
    """
    stream.seek(0)
    start = stream.read(512)
    _refuse_other_files(stream, start, filename)
    if start.startswith(b"PK"):
        return _open_workbook(XlsxFile(stream, max_unpacked), sheet)
    encoding = encoding_of(stream)
    separator = separator_of(stream, encoding)
    records = partial(records_of, stream, encoding, separator)
    headings = _headings(records)
    if headings is None:
        raise _empty()
    return Sheet("", (), headings, fixed_width=True, _records=records)


def _open_workbook(book: XlsxFile, name: str | None) -> Sheet:
    if name is not None and name not in book.names:
        listed = ", ".join(f"«\u00a0{each}\u00a0»" for each in book.names)
        raise Refusal(
            f"Ce classeur n’a pas de feuille «\u00a0{name}\u00a0»\u00a0: choisissez parmi {listed}.", field="sheet"
        )
    candidates = book.names if name is None else (name,)
    found = [(each, headings) for each in candidates if (headings := _headings(partial(book.records, each)))]
    if not found:
        raise _empty()
    chosen, headings = max(found, key=lambda pair: len(pair[1].known))
    return Sheet(chosen, book.names, headings, fixed_width=False, _records=partial(book.records, chosen))


def _headings(records: Callable[[], Generator[Record, None, None]]) -> Headings | None:
    with closing(records()) as started:
        return locate(islice(started, SEARCHED_ROWS))


def _refuse_other_files(stream: IO[bytes], start: bytes, filename: str) -> None:
    if start.startswith(_OLE2):
        if _contains(stream, _ENCRYPTED):
            raise _refusal(
                "Ce classeur est protégé par un mot de passe", "enlevez le mot de passe et enregistrez-le en .xlsx"
            )
        raise _refusal(
            "Ce fichier est au vieux format Excel (.xls)", "ouvrez-le dans votre tableur et enregistrez-le en .xlsx"
        )
    if start.startswith(_NO_TABLE):
        shown = filename.replace("\\", "/").rpartition("/")[2][:80]
        raise _refusal(f"«\u00a0{shown}\u00a0» n’est pas un tableau", "choisissez un fichier .csv ou .xlsx")
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_MARKUP):
        raise _refusal(
            "Ce fichier est une page web et non un tableau", "ouvrez-le dans votre tableur et enregistrez-le en .xlsx"
        )


def _contains(stream: IO[bytes], wanted: bytes) -> bool:
    stream.seek(0)
    tail = b""
    while chunk := stream.read(2**20):
        if wanted in tail + chunk:
            return True
        tail = chunk[-len(wanted) :]
    return False


def _empty() -> Refusal:
    return _refusal(
        f"Le fichier est vide (rien dans les {SEARCHED_ROWS} premières lignes)",
        "vérifiez que c’est le bon, puis recommencez",
    )


def _refusal(what: str, advice: str) -> Refusal:
    return Refusal(f"{what}\u00a0: {advice}.", field="file")
