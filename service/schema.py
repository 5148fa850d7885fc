"""The schema: created and migrated by Alembic, and whether it is the one that this code was written for."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(engine: Engine) -> None:
    """Create or migrate the schema."""
    with engine.connect() as connection:
        command.upgrade(_configuration(connection), "head")


def is_current(connection: Connection) -> bool:
    """Whether the schema is the one that this code was written for."""
    head = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == head


def _configuration(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
