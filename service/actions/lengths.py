"""Does a text that a person gave fit where it is kept? Asked before the database is: SQLite keeps anything, PostgreSQL fails."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import InstrumentedAttribute

from service.core import french
from service.core.refusals import Refusal


def require_fits(text: str, column: InstrumentedAttribute[str], *, called: str, field: str) -> None:
    """Refuse a text longer than its column, by the name that the person knows: « Le nom de la liste »."""
    kept = column.type
    if not isinstance(kept, String) or kept.length is None:
        raise TypeError(f"{column} has no length: give a String(n) column")
    if len(text) > kept.length:
        raise Refusal(
            f"{called} fait {french.number(len(text))} caractères : gardez-en {french.number(kept.length)} au plus.",
            field=field,
        )
