"""How Alembic reaches the database: always through the connection that service.db hands over."""

import importlib
import pkgutil
from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

from service import models
from service.models.base import Base, Instant

# A table is known once its module is loaded: all of them, so that none can be forgotten here.
for _module in pkgutil.iter_modules(models.__path__, f"{models.__name__}."):
    importlib.import_module(_module.name)


def render(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write our own types into a migration as plain ones, so that an old migration needs nothing of today's code."""
    if kind == "type" and isinstance(item, Instant):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, sa.Enum):
        return f"sa.String({item.length})"
    return False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_item=render,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
