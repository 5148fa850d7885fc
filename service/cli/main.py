"""`./pli`: the commands, and how a "no" or a fault is told."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import cast

import click
from sqlalchemy.exc import DBAPIError

from service.cli.output import say
from service.core.refusals import Refusal
from service.settings import InvalidSettings

# Each command and where it stands; loaded when it is asked for, since the whole product takes a second.
COMMANDS = {
    "campaigns": "service.cli.campaigns:campaigns",
    "clock": "service.cli.processes:clock",
    "db": "service.cli.database:database",
    "demo": "service.cli.start:demo",
    "events": "service.cli.events:events",
    "inbox": "service.cli.inbox:inbox",
    "invariants": "service.cli.invariants:invariants",
    "lists": "service.cli.lists:lists",
    "mail": "service.cli.mail:mail",
    "members": "service.cli.members:members",
    "questions": "service.cli.questions:questions",
    "staff": "service.cli.staff:staff",
    "start": "service.cli.start:start",
    "web": "service.cli.processes:web",
    "worker": "service.cli.processes:worker",
}


class _Commands(click.Group):
    """The commands of COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*COMMANDS, *self.commands])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name].partition(":")
        return cast("click.Command", getattr(import_module(module), name))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def pli() -> None:
    """The round trip of mail between a cooperative and its members."""


@pli.command("help", hidden=True)
@click.pass_context
def show_help(context: click.Context) -> None:
    """Show the commands."""
    click.echo(context.find_root().get_help())


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
        click.echo(f"pli: {import_module('service.cli.database').explained(error)}", err=True)
        sys.exit(1)
