"""What does the file of refused rows hold, to be corrected and imported again?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from service.core.roster.cells import guard
from service.core.roster.fields import RefusedCell, RowRead
from service.core.roster.headings import REASON_HEADING, Headings


def refused_table(headings: Headings, rows: Iterable[RowRead]) -> Iterator[list[str]]:
    """Gives the rows of a CSV: the headings, then each refused row as it stood, its reasons in a first column.

    Cells like a formula get an apostrophe (S12), which reading takes off; the column of reasons is skipped when the
    file comes back. The reasons stand first because a shifted row may be wider than its headings.
    """
    kept = [
        index for index, title in enumerate(headings.titles) if " ".join(title.split()).casefold() != REASON_HEADING
    ]
    yield [REASON_HEADING, *(guard(headings.titles[index]) for index in kept)]
    dropped = set(range(len(headings.titles))) - set(kept)
    for row in rows:
        if row.refused:
            cells = [guard(text) for index, text in enumerate(row.cells) if index not in dropped]
            yield [guard(_reasons(row.refused)), *cells]


def _reasons(refused: Iterable[RefusedCell]) -> str:
    return " ".join(f"[{cell.column}] {cell.reason}" for cell in refused)
