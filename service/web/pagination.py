"""Which part of a long list is shown, and where are the others?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from flask import request, url_for
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

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


def cut(session: Session, query: Select[T], *, size: int = 50) -> Slice[T]:
    """Read the page of a list that `?page=` asks for; a number out of range gives the nearest page."""
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    asked = request.args.get("page", "1")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1
    number = min(max(number, 1), max(1, -(-total // size)))
    rows = list(session.scalars(query.limit(size).offset((number - 1) * size)))
    return Slice(rows, number, total, size)
