"""`./pli`: the commands, and how a "no" or a fault is told."""

from __future__ import annotations

import sys

import click
from sqlalchemy.exc import DBAPIError

from service import db
from service.cli import campaigns, events, inbox, lists, members, processes, questions, staff
from service.cli.output import say
from service.core.refusals import Refusal
from service.settings import InvalidSettings, Need
from service.wiring import wire


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def pli() -> None:
    """The round trip of mail between a cooperative and its members."""


@pli.group("db")
def database() -> None:
    """The database."""


@database.command("upgrade")
def upgrade() -> None:
    """Create or migrate the schema."""
    processes.prepare(wire(Need.STORES))


@pli.command("help", hidden=True)
@click.pass_context
def show_help(context: click.Context) -> None:
    """Show the commands."""
    click.echo(context.find_root().get_help())


for command in (
    campaigns.campaigns,
    events.events,
    inbox.inbox,
    lists.lists,
    members.members,
    questions.questions,
    staff.staff,
    processes.worker,
    processes.clock,
):
    pli.add_command(command)


def main() -> None:
    """Run a command: exit 0 done, 1 refused, 2 wrong usage."""
    try:
        pli(prog_name="pli")
    except Refusal as refusal:
        say(refusal.sentence)
        sys.exit(1)
    except InvalidSettings as invalid:
        click.echo(
            "\n".join(["pli: the settings are not complete (environment, then .env):", *invalid.faults]), err=True
        )
        sys.exit(1)
    except DBAPIError as error:
        click.echo(f"pli: {_explained(error)}", err=True)
        sys.exit(1)


def _explained(error: DBAPIError) -> str:
    """Say what an operator can do about a database that does not answer or has another schema."""
    engine = wire(Need.STORES).engine
    try:
        with engine.connect() as connection:
            if not db.is_current(connection):
                return "the database has not the schema of this version: run ./pli db upgrade."
    except DBAPIError:
        return f"the database does not answer ({type(error.orig).__name__}): check DATABASE_URL and that it runs."
    return f"the database refused the command ({type(error.orig).__name__}): nothing was changed; try again, then look at its log."
