"""What is taken off every request before a page sees it: what no person can type and no database keeps."""

from __future__ import annotations

from typing import Any

from flask import Flask, Request, request
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import NotFound
from werkzeug.routing import IntegerConverter, ValidationError

# PostgreSQL refuses it in a text, and a mail must not hold it (RFC 5322 2.2).
_NUL = "\0"
# PostgreSQL's bigint and SQLite's integer, which number our rows.
_LAST_ROW = 2**63 - 1


def register(app: Flask) -> None:
    """Read every request of this application so."""
    app.request_class = _Request
    app.url_map.converters["int"] = _RowNumber
    app.before_request(_refuse_odd_addresses)


class _Typed(ImmutableMultiDict[str, Any]):
    """What was typed in a form or asked in an address, without NUL; files are left as they are."""

    def __init__(self, mapping: Any = None) -> None:
        super().__init__(mapping)
        for values in dict.values(self):
            _clean(values)


class _Request(Request):
    parameter_storage_class = _Typed


class _RowNumber(IntegerConverter):
    """A number that a row can have; any other is no page of ours."""

    def to_python(self, value: str) -> Any:
        if len(value) > len(str(_LAST_ROW)) or int(value) > _LAST_ROW:
            raise ValidationError
        return super().to_python(value)


def _refuse_odd_addresses() -> None:
    if _NUL in request.path:
        raise NotFound


def _clean(values: list[Any]) -> None:
    values[:] = [value.replace(_NUL, "") if isinstance(value, str) else value for value in values]
