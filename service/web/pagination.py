"""Which part of a long list is shown, and where are the others?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from flask import request, url_for
from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """One page of a list: its rows, its number (from 1), how many rows there are in all."""

    rows: list[T]
    number: int
    total: int
    size: int

    @property
    def pages(self) -> int:
        """How many pages there are; one at least."""
        return max(1, -(-self.total // self.size))

    @property
    def first(self) -> int:
        """The rank of the first row shown."""
        return (self.number - 1) * self.size + 1 if self.rows else 0

    @property
    def last(self) -> int:
        """The rank of the last row shown."""
        return self.first + len(self.rows) - 1 if self.rows else 0

    def url(self, number: int) -> str:
        """Give the address of another page of the same list, with the same search."""
        asked = {name: value for name, value in request.args.items() if name != "page"}
        return url_for(request.endpoint or "", **{**(request.view_args or {}), **asked}, page=number)


@dataclass(frozen=True, slots=True)
class Stretch(Slice[T]):
    """One page of a list that is read from one of its rows on: the tenth costs what the first does, and so does the last."""

    key: str

    def url(self, number: int) -> str:
        """Give the address of the page before or after this one, which begins beside its first or its last row."""
        asked = {name: value for name, value in request.args.items() if name not in ("page", _AFTER, _BEFORE)}
        beside = (_AFTER, self.rows[-1]) if number > self.number else (_BEFORE, self.rows[0])
        if number > 1 and self.rows:
            asked |= {"page": str(number), beside[0]: str(getattr(beside[1], self.key))}
        return url_for(request.endpoint or "", **{**(request.view_args or {}), **asked})


_AFTER, _BEFORE = "apres", "avant"


def stretch(
    session: Session,
    query: Select[T],
    key: InstrumentedAttribute[int],
    *,
    total: int,
    size: int = 50,
    last_first: bool = False,
) -> Stretch[T]:
    """Read a page of a list in the order of its key, from the row on that `?apres=` or `?avant=` names.

    `total` is known beforehand, so that nobody looks for more rows than there are.
    """
    after, before = _number_asked(_AFTER), _number_asked(_BEFORE)
    number = min(_number_asked("page") or 1, max(1, -(-total // size)))
    if total == 0 or number == 1 or (after is None and before is None):
        number, after, before = 1, None, None
    towards_the_top = after is None and before is not None
    downwards = last_first != towards_the_top
    limit = size if towards_the_top else min(size, total - (number - 1) * size)
    beside = before if towards_the_top else after
    if beside is not None:
        query = query.where(key < beside if downwards else key > beside)
    rows = list(session.scalars(query.order_by(None).order_by(key.desc() if downwards else key).limit(limit)))
    return Stretch(rows[::-1] if towards_the_top else rows, number, total, size, key.key)


def _number_asked(name: str) -> int | None:
    """Give a number of the address; None when it is not one that a row may have."""
    asked = request.args.get(name, "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None


def cut(session: Session, query: Select[T], *, size: int = 50) -> Slice[T]:
    """Read the page of a list that `?page=` asks for; a number out of range gives the nearest page."""
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    asked = request.args.get("page", "1")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1
    number = min(max(number, 1), max(1, -(-total // size)))
    rows = list(session.scalars(query.limit(size).offset((number - 1) * size)))
    return Slice(rows, number, total, size)
