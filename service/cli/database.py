"""`pli db`: the schema, and what an operator can do about a database that refuses."""

from __future__ import annotations

import click
from sqlalchemy.exc import DBAPIError

from service import schema
from service.actions import fronts, lists, tallies
from service.settings import Need
from service.wiring import wire


@click.group("db")
def database() -> None:
    """The database."""


@database.command("upgrade")
def upgrade() -> None:
    """Create or migrate the schema, and make the lists that a new installation has."""
    wiring = wire(Need.STORES)
    schema.upgrade(wiring.engine)
    with wiring.sessions.begin() as session:
        lists.ensure_defaults(session, now=wiring.now())


@database.command("recount")
def recount() -> None:
    """Count the mails of every campaign anew, when `pli invariants` says that the tally is wrong; sending waits meanwhile."""
    with wire(Need.STORES).sessions.begin() as session:
        tallies.recount(session)
        fronts.recount(session)


def explained(error: DBAPIError) -> str:
    """Say what to do about a database that does not answer or has another schema."""
    engine = wire(Need.STORES).engine
    try:
        with engine.connect() as connection:
            if not schema.is_current(connection):
                return "the database has not the schema of this version: run ./pli db upgrade."
    except DBAPIError:
        return f"the database does not answer ({type(error.orig).__name__}): check DATABASE_URL and that it runs."
    return f"the database refused the command ({type(error.orig).__name__}): nothing was changed; try again, then look at its log."
