"""`pli events`: the RDV and the assemblies."""

from __future__ import annotations

import click

from service.actions import events as agenda
from service.cli.output import document, instant, lines, say
from service.core.hours import instant_of
from service.core.vocabulary import EventKind
from service.models.event import Event
from service.settings import Need
from service.wiring import wire

_json = click.option("--json", "as_json", is_flag=True)


@click.group("events")
def events() -> None:
    """The monthly RDV and the general assemblies."""


@events.command("create")
@click.option("--kind", required=True, type=click.Choice([kind.value for kind in EventKind]))
@click.option("--title", required=True)
@click.option("--starts", required=True, metavar="2026-12-18T12:00", help="An hour of TIMEZONE.")
@click.option("--ends", metavar="2026-12-18T13:00")
@click.option("--place", default="")
@click.option("--video", default="", metavar="URL")
@click.option("--capacity", type=click.IntRange(min=1))
@click.option("--deadline", metavar="2026-12-17T18:00")
@_json
def create(
    kind: str,
    title: str,
    starts: str,
    ends: str | None,
    place: str,
    video: str,
    capacity: int | None,
    deadline: str | None,
    as_json: bool,
) -> None:
    """Announce an event."""
    wiring = wire(Need.STORES)
    zone = wiring.settings.zone
    with wiring.sessions.begin() as session:
        made = agenda.create(
            session,
            kind=EventKind(kind),
            title=title,
            starts_at=instant_of(starts, zone, option="starts"),
            ends_at=instant_of(ends, zone, option="ends") if ends else None,
            deadline_at=instant_of(deadline, zone, option="deadline") if deadline else None,
            zone=zone,
            place=place,
            video=video,
            capacity=capacity,
            now=wiring.now(),
        )
    if as_json:
        document(_told(made))
    else:
        say(f"L’événement {made.id} ({made.slug}) est annoncé.")


@events.command("move")
@click.argument("event_id", type=int)
@click.option("--starts", required=True, metavar="2026-12-18T12:00")
@click.option("--ends", metavar="2026-12-18T13:00")
def move(event_id: int, starts: str, ends: str | None) -> None:
    """Move an event to another time."""
    wiring = wire(Need.STORES)
    zone = wiring.settings.zone
    with wiring.sessions.begin() as session:
        agenda.move(
            session,
            agenda.get(session, event_id),
            starts_at=instant_of(starts, zone, option="starts"),
            ends_at=instant_of(ends, zone, option="ends") if ends else None,
            now=wiring.now(),
        )
    say("L’événement est déplacé.")


@events.command("cancel")
@click.argument("event_id", type=int)
def cancel(event_id: int) -> None:
    """Cancel an event."""
    wiring = wire(Need.STORES)
    with wiring.sessions.begin() as session:
        agenda.cancel(session, agenda.get(session, event_id), now=wiring.now())
    say("L’événement est annulé.")


@events.command("list")
@_json
def show_all(as_json: bool) -> None:
    """List the events, the soonest first."""
    with wire(Need.STORES).reading() as session:
        found = [_told(one) for one in session.scalars(Event.in_order())]
    if as_json:
        lines(found)
        return
    for one in found:
        click.echo(f"{one['id']}  {one['starts']}  {one['title']}  ({one['state']})")


@events.command("show")
@click.argument("event_id", type=int)
@_json
def show(event_id: int, as_json: bool) -> None:
    """Show one event."""
    with wire(Need.STORES).reading() as session:
        told = _told(agenda.get(session, event_id))
    if as_json:
        document(told)
        return
    for name, value in told.items():
        click.echo(f"{name}: {value}")


def _told(event: Event) -> dict[str, object]:
    return {
        "id": event.id,
        "slug": event.slug,
        "kind": event.kind.value,
        "title": event.title,
        "state": event.state.value,
        "starts": instant(event.starts_at),
        "ends": instant(event.ends_at),
        "zone": event.zone,
        "place": event.place,
        "video": event.video,
        "capacity": event.capacity,
        "deadline": instant(event.deadline_at),
        "sequence": event.sequence,
    }
