"""What are people told of an import, beside the refused rows: what changes, what is odd, what is kept?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """What the file changes about a member of the register: a column, before and after."""

    row: int
    member_id: int | None
    name: str
    column: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something odd in a row that is taken all the same: nothing of a file is set aside in silence."""

    row: int
    column: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Difference:
    """An address changed by hand since the last import, which the file contradicts: the hand wins."""

    row: int
    member_id: int
    name: str
    kept: str
    in_file: str
