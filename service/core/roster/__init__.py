"""The members file, CSV or XLSX: what does it say, row by row, and what in it must be corrected?"""

from __future__ import annotations

from service.core.roster.cells import guard, unguard
from service.core.roster.fields import Field, MemberRow, RefusedCell, RowRead
from service.core.roster.headings import REASON_HEADING, Headings, guess
from service.core.roster.refused import refused_table
from service.core.roster.rows import read
from service.core.roster.sheets import MAX_UNPACKED, Sheet, open_sheet

__all__ = [
    "MAX_UNPACKED",
    "REASON_HEADING",
    "Field",
    "Headings",
    "MemberRow",
    "RefusedCell",
    "RowRead",
    "Sheet",
    "guard",
    "guess",
    "open_sheet",
    "read",
    "refused_table",
    "unguard",
]
