"""`pli staff`: the accounts of the team."""

from __future__ import annotations

import sys

import click

from service.actions import staff as team
from service.cli.output import instant, lines, say
from service.core.vocabulary import Role
from service.settings import Need
from service.wiring import wire


@click.group("staff")
def staff() -> None:
    """The accounts of the team."""


@staff.command("add")
@click.argument("email")
@click.option("--name", required=True, help="The person's name, as colleagues read it.")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--password-stdin", is_flag=True, required=True, help="Read the password from standard input.")
def add(email: str, name: str, role: str, password_stdin: bool) -> None:
    """Add someone to the team."""
    wiring = wire(Need.STORES)
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else ""
    with wiring.sessions.begin() as session:
        person = team.add(session, email, name=name, role=Role(role), password=password, now=wiring.now())
    say(f"{person.name} peut se connecter.")


@staff.command("list")
@click.option("--json", "as_json", is_flag=True)
def show_all(as_json: bool) -> None:
    """List the team."""
    with wire(Need.STORES).reading() as session:
        people = team.everyone(session)
    if as_json:
        lines(
            {"email": one.email, "name": one.name, "role": one.role, "disabled_at": instant(one.disabled_at)}
            for one in people
        )
        return
    for one in people:
        click.echo(f"{one.name} <{one.email}> {one.role}{' (désactivé)' if one.disabled_at else ''}")
