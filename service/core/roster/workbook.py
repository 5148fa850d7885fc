"""How is an XLSX workbook read as records of text, without its formulas and without trusting its size?"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Callable, Generator, Iterator
from datetime import datetime, time
from itertools import islice
from typing import IO, TypeVar

import openpyxl
from openpyxl.workbook import Workbook
from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula

from service.core.refusals import Refusal
from service.core.roster.headings import Record

_LAST_ROW = 1_048_576  # of Excel; a row number beyond is a fault that would make us count to it
_LAST_COLUMN = 256
_BATCH = 500
_CHUNK = 2**20
_FORMULA = re.compile(rb"<(?:\w+:)?f[ />]")
_CARRIAGE_RETURN = re.compile("_x000[dD]_")

T = TypeVar("T")


class XlsxFile:
    """An XLSX file opened for reading: its visible sheets by name, and the records of each.

    Refuses a workbook that is damaged, of another kind, or over `max_unpacked` bytes once unpacked.
    """

    def __init__(self, stream: IO[bytes], max_unpacked: int) -> None:
        self._formulas: Workbook | None = None
        parts = _parts(stream)
        _refuse_other_kinds(parts)
        if sum(part.file_size for part in parts) > max_unpacked:
            raise Refusal(
                f"Ce classeur dépasse {max_unpacked // 2**20} Mo une fois décompressé\u00a0: "
                "ne gardez que la feuille des sociétaires, ou enregistrez-la en «\u00a0CSV UTF-8\u00a0».",
                field="file",
            )
        self._values = _whole(lambda: _load(stream, data_only=True))
        if _whole(lambda: _has_formulas(stream)):
            self._formulas = _whole(lambda: _load(stream, data_only=False))
        sheets = self._values.worksheets
        visible = [sheet.title for sheet in sheets if sheet.sheet_state == "visible"]
        self.names: tuple[str, ...] = tuple(visible or [sheet.title for sheet in sheets])
        if not self.names:
            raise Refusal(
                "Ce classeur n’a aucune feuille de cellules\u00a0: vérifiez que c’est le bon fichier.", field="file"
            )

    def records(self, name: str) -> Generator[Record, None, None]:
        """Reads the rows of a sheet one by one as texts, empty ones counted; a formula without result stays `=…`."""
        rows = self._texts(name)
        number = 0
        while True:
            batch = _whole(lambda: list(islice(rows, _BATCH)))
            for cells in batch:
                number += 1
                yield number, cells
            if len(batch) < _BATCH:
                return

    def _texts(self, name: str) -> Iterator[list[str]]:
        if self._formulas is None:
            for values in _rows(self._values, name):
                yield [_text(value) for value in _filled(values)]
            return
        # Two readings side by side: openpyxl gives a formula or its result, never both.
        results = self._values[name].iter_rows(max_row=_LAST_ROW, max_col=_LAST_COLUMN)
        for cells, formulas in zip(results, _rows(self._formulas, name), strict=False):
            pairs = zip(cells, _filled(formulas), strict=False)
            # An empty text is a result too (data type "str"); a formula never computed has none.
            yield [_text(f if c.value is None and c.data_type != "str" else c.value) for c, f in pairs]


def _rows(book: Workbook, name: str) -> Iterator[tuple[object, ...]]:
    # Both ends are given: some programs write a wrong size of the sheet, and openpyxl would believe it.
    return book[name].iter_rows(max_row=_LAST_ROW, max_col=_LAST_COLUMN, values_only=True)


def _filled(values: tuple[object, ...]) -> tuple[object, ...]:
    last = 0 if values.count(None) == len(values) else len(values)
    while last and values[last - 1] is None:
        last -= 1
    return values[:last]


def _text(value: object) -> str:
    match value:
        case None:
            text = ""
        case str():
            text = _CARRIAGE_RETURN.sub("", value) if "_x000" in value else value
        case bool():
            text = "oui" if value else "non"
        case float():
            text = str(int(value)) if value.is_integer() else repr(value).replace(".", ",")
        case datetime():
            text = value.date().isoformat() if value.time() == time() else value.isoformat(" ", "seconds")
        case ArrayFormula() | DataTableFormula():
            text = "="
        case _:
            text = str(value)
    return text


def _whole(read: Callable[[], T]) -> T:
    # A damaged workbook makes openpyxl fail in any of a dozen ways, none of them named by it; and what it warns of
    # (styles, extensions, dates out of range that come back as an error value) changes nothing of the cells.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return read()
        except Exception as fault:
            raise _damaged() from fault


def _load(stream: IO[bytes], *, data_only: bool) -> Workbook:
    stream.seek(0)
    return openpyxl.load_workbook(stream, read_only=True, data_only=data_only, keep_links=False)


def _has_formulas(stream: IO[bytes]) -> bool:
    with zipfile.ZipFile(stream) as archive:
        for name in archive.namelist():
            if not name.endswith(".xml") or "sharedStrings" in name:
                continue
            with archive.open(name) as part:
                tail = b""
                while chunk := part.read(_CHUNK):
                    if _FORMULA.search(tail + chunk):
                        return True
                    tail = chunk[-32:]
    return False


def _parts(stream: IO[bytes]) -> list[zipfile.ZipInfo]:
    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as archive:
            return archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError):
        raise _damaged() from None


def _refuse_other_kinds(parts: list[zipfile.ZipInfo]) -> None:
    names = {part.filename for part in parts}
    if "[Content_Types].xml" in names and any(name.startswith("xl/") for name in names):
        if "xl/workbook.bin" in names:
            raise _resave("Ce classeur est au format binaire .xlsb")
        return
    if "mimetype" in names and "content.xml" in names:
        raise _resave("Ce fichier est au format OpenDocument (.ods)")
    raise _resave("Ce fichier n’est pas un classeur Excel")


def _resave(what: str) -> Refusal:
    return Refusal(
        f"{what}\u00a0: ouvrez-le dans votre tableur et enregistrez-le en .xlsx ou en «\u00a0CSV UTF-8\u00a0».",
        field="file",
    )


def _damaged() -> Refusal:
    return Refusal(
        "Ce classeur est abîmé ou incomplet\u00a0: ouvrez-le dans votre tableur, enregistrez-le de nouveau en .xlsx, "
        "puis recommencez.",
        field="file",
    )
