"""How is a CSV file of any size read as records, whatever its encoding and its separator?"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from io import TextIOWrapper
from itertools import islice
from typing import IO

from service.core.refusals import Refusal
from service.core.roster.fields import Field
from service.core.roster.headings import SEARCHED_ROWS, Record, locate

SEPARATORS = (";", ",", "\t")
_CHUNK = 2**20
_LONGEST_RECORD = 1_000_000  # characters: a quote never closed must not take the whole file into memory
_END = "\0fin"
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)


def encoding_of(stream: IO[bytes]) -> str:
    """Gives the encoding of a text: UTF-16 by its mark, UTF-8 where all of it is, else Windows-1252.

    Reads the whole stream once, by pieces. Refuses what is no text, and a file that mixes two encodings.
    """
    stream.seek(0)
    start = stream.read(4096)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates = ["utf-16"]
    elif start.count(0) * 10 > len(start):
        raise Refusal(
            "Ce fichier n’est pas un texte\u00a0: enregistrez-le depuis votre tableur en .xlsx "
            "ou en «\u00a0CSV UTF-8\u00a0».",
            field="file",
        )
    else:
        candidates = ["utf-8-sig", "cp1252"]
    for encoding in candidates:
        if _decodes(stream, encoding):
            if encoding == "cp1252":
                _refuse_mixture(stream)
            return encoding
    raise Refusal(
        "Les caractères de ce fichier ne se lisent ni en UTF-8 ni en Windows-1252\u00a0: rouvrez-le dans votre tableur "
        "et enregistrez-le en «\u00a0CSV UTF-8\u00a0» ou en .xlsx.",
        field="file",
    )


def separator_of(stream: IO[bytes], encoding: str) -> str:
    """Gives the separator that makes the first rows a table: the most headings we know, then the steadiest width."""
    declared = next(iter(_lines_of(stream, encoding)), "")
    if found := _SEPARATOR_LINE.fullmatch(declared):
        return found[1]
    return max(SEPARATORS, key=lambda separator: _tableness(stream, encoding, separator))


def records_of(stream: IO[bytes], encoding: str, separator: str) -> Generator[Record, None, None]:
    """Reads the records one by one, numbered as a spreadsheet numbers them: by record, empty ones counted.

    Refuses, on reaching it, a quote that is never closed.
    """
    lines = _Lines(_lines_of(stream, encoding))
    number = 0
    reader = csv.reader(lines, delimiter=separator)
    while True:
        try:
            cells = next(reader)
        except (csv.Error, _TooLong):
            raise _unclosed(number + 1) from None
        if lines.ended and cells == [_END]:
            return
        if lines.ended:
            raise _unclosed(number + 1)
        lines.length = 0
        number += 1
        yield number, cells


class _TooLong(Exception):
    """One record holds more than a record can."""


class _Lines:
    """The lines of a text without the «sep=;» of Excel, and a last one of ours that tells an open quote."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._first = True
        self.length = 0
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        if self._first and line is not None and _SEPARATOR_LINE.fullmatch(line):
            line = next(self._lines, None)
        self._first = False
        if line is None:
            if self.ended:
                raise StopIteration
            self.ended = True
            return _END
        self.length += len(line)
        if self.length > _LONGEST_RECORD:
            raise _TooLong
        return line


def _lines_of(stream: IO[bytes], encoding: str) -> Iterator[str]:
    stream.seek(0)
    text = TextIOWrapper(stream, encoding=encoding, newline="")
    try:
        while line := text.readline(_LONGEST_RECORD + 1):
            yield line
    finally:
        # A wrapper closes what it wraps when it goes; the stream belongs to the caller.
        if not stream.closed:
            text.detach()


def _tableness(stream: IO[bytes], encoding: str, separator: str) -> tuple[int, int, int]:
    sample: list[Record] = []
    # The rows before an open quote tell as much as any: the quote is refused once the separator is known.
    with closing(records_of(stream, encoding, separator)) as records, suppress(Refusal):
        sample.extend(islice(records, SEARCHED_ROWS))
    headings = locate(sample)
    if headings is None:
        # Nothing but this separator: an empty table, whatever the others would make of its signs.
        return (len(Field) + 1 if sample else -1, 0, 0)
    width = len(headings.titles)
    steady = sum(len(cells) == width for _, cells in sample) if width > 1 else 0
    return (len(headings.known), steady, width)


def _decodes(stream: IO[bytes], encoding: str) -> bool:
    stream.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while chunk := stream.read(_CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _refuse_mixture(stream: IO[bytes]) -> None:
    # Text that is Windows-1252 throughout has hardly a letter that happens to be good UTF-8.
    stream.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    good = bad = 0
    while chunk := stream.read(_CHUNK):
        text = decoder.decode(chunk)
        wrong = text.count("\ufffd")
        bad += wrong
        good += len(text) - len(text.encode("ascii", "ignore")) - wrong
    if good > bad:
        raise Refusal(
            "Ce fichier mélange deux encodages (UTF-8 et Windows-1252), les accents seraient abîmés\u00a0: "
            "rouvrez-le dans votre tableur, vérifiez les noms accentués et enregistrez-le en «\u00a0CSV UTF-8\u00a0» "
            "ou en .xlsx.",
            field="file",
        )


def _unclosed(row: int) -> Refusal:
    return Refusal(
        f"Un guillemet ouvert ligne {row} n’est jamais refermé, la suite du fichier est illisible\u00a0: "
        "corrigez cette ligne, ou enregistrez le fichier en .xlsx.",
        field="file",
    )
