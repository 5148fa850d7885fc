"""`pli lists`: the mailing lists."""

from __future__ import annotations

import click
from sqlalchemy import select

from service.actions import lists as mailing_lists
from service.cli.output import document, lines, say
from service.core.vocabulary import MailClass
from service.models.mailing_list import MailingList, Subscription
from service.settings import Need
from service.wiring import wire

CLASSES = [MailClass.NEWSLETTER.value, MailClass.COOPERATIVE.value, MailClass.STATUTORY.value]


@click.group("lists")
def lists() -> None:
    """The mailing lists."""


@lists.command("list")
@click.option("--json", "as_json", is_flag=True)
def show_all(as_json: bool) -> None:
    """List the lists and how many read each."""
    with wire(Need.STORES).reading() as session:
        found = [
            {
                "slug": one.slug,
                "name": one.name,
                "class": one.mail_class.value,
                "members": session.scalar(Subscription.count_of(one.id)) or 0,
            }
            for one in session.scalars(select(MailingList).order_by(MailingList.id))
        ]
    if as_json:
        lines(found)
        return
    for one in found:
        click.echo(f"{one['slug']}: {one['name']} ({one['class']}), {one['members']} abonnés")


@lists.command("create")
@click.argument("slug")
@click.option("--name", required=True, help="What members read at the foot of the mails.")
@click.option(
    "--class", "mail_class", type=click.Choice(CLASSES), default=MailClass.COOPERATIVE.value, show_default=True
)
@click.option("--statutory", is_flag=True, help="The same as --class statutory.")
@click.option("--json", "as_json", is_flag=True)
def create(slug: str, name: str, mail_class: str, statutory: bool, as_json: bool) -> None:
    """Make a list."""
    wiring = wire(Need.STORES)
    chosen = MailClass.STATUTORY if statutory else MailClass(mail_class)
    with wiring.sessions.begin() as session:
        made = mailing_lists.create(session, slug, name=name, mail_class=chosen, now=wiring.now())
    if as_json:
        document({"slug": made.slug, "name": made.name, "class": made.mail_class.value, "members": 0})
    else:
        say(f"La liste « {made.name} » est créée.")


@lists.command("members")
@click.argument("slug")
@click.option("--json", "as_json", is_flag=True)
def members(slug: str, as_json: bool) -> None:
    """List who reads a list."""
    with wire(Need.STORES).reading() as session:
        readers = session.scalars(mailing_lists.find(session, slug).readers())
        found = [{"member": one.member.number, "name": one.name, "address": one.email} for one in readers]
    if as_json:
        lines(found)
        return
    for one in found:
        click.echo(f"{one['member'] or '-'}  {one['name']}  {one['address'] or 'sans adresse'}")
