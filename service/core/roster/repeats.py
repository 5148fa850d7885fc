"""In which earlier row did the file already say this, remembered in a few bytes a row?"""

from __future__ import annotations

from array import array
from hashlib import blake2b


class FirstRows:
    """The first row of each text seen, for files of a million rows.

    Texts are kept as 64-bit hashes in one flat table: 24 to 48 bytes each, twice that while it grows, where a dict takes 120 (measured), and two
    different texts among a million meet by chance once in some thirty million files.
    """

    def __init__(self) -> None:
        self._count = 0
        self._prints, self._rows = _table(1024)

    def known(self, text: str) -> int | None:
        """Gives the row that first said this text, if any did."""
        slot = self._slot(_print(text))
        return self._rows[slot] if self._prints[slot] else None

    def first(self, text: str, row: int) -> int:
        """Gives the row that first said this text: `row` itself when it is new, and it is remembered."""
        wanted = _print(text)
        slot = self._slot(wanted)
        if self._prints[slot]:
            return self._rows[slot]
        self._prints[slot], self._rows[slot] = wanted, row
        self._count += 1
        if self._count * 3 > len(self._prints) * 2:
            self._grow()
        return row

    def _slot(self, wanted: int) -> int:
        mask = len(self._prints) - 1
        slot = wanted & mask
        while self._prints[slot] not in (0, wanted):
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        kept = zip(self._prints, self._rows, strict=True)
        self._prints, self._rows = _table(2 * len(self._prints))
        for each, row in kept:
            if each:
                slot = self._slot(each)
                self._prints[slot], self._rows[slot] = each, row


def _print(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") or 1


def _table(size: int) -> tuple[array[int], array[int]]:
    return array("Q", bytes(8 * size)), array("L", bytes(array("L").itemsize * size))
