"""How does PostgreSQL mean to run the statements of a block?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event


@contextmanager
def plans(engine: Engine) -> Iterator[list[str]]:
    """Collect the plan of each statement that the block runs once, as EXPLAIN gives it just before."""
    found: list[str] = []

    def explain(_connection: Any, cursor: Any, sql: str, parameters: Any, _context: Any, many: bool) -> None:
        if not many:
            cursor.execute(f"EXPLAIN {sql}", parameters)
            found.append("\n".join(row[0] for row in cursor.fetchall()))

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", explain)
