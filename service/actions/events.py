"""Events: announce a RDV or an assembly, move it, cancel it."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.actions import journal
from service.actions.lengths import require_fits
from service.core.refusals import Conflict, NotFound, Refusal
from service.core.vocabulary import EventKind, EventState
from service.models.event import Event

_MOST_SEATS = 1_000_000
# How long each kind lasts when nobody says (the RDV: one hour; the statutory time of the assembly: three).
_LENGTH = {EventKind.RDV: timedelta(hours=1), EventKind.AG: timedelta(hours=3)}


def create(
    session: Session,
    *,
    kind: EventKind,
    title: str,
    starts_at: datetime,
    zone: ZoneInfo,
    now: datetime,
    ends_at: datetime | None = None,
    place: str = "",
    video: str = "",
    capacity: int | None = None,
    deadline_at: datetime | None = None,
) -> Event:
    """Announce an event. Refuses an end before the start, no title, and a deadline after the start."""
    if not title.strip():
        raise Refusal("Donnez un titre à l’événement.", field="title")
    require_fits(title.strip(), Event.title, called="Le titre", field="title")
    require_fits(place.strip(), Event.place, called="Le lieu", field="place")
    require_fits(video.strip(), Event.video, called="L’adresse de la visio", field="video")
    if capacity is not None and not 0 < capacity <= _MOST_SEATS:
        raise Refusal("Donnez un nombre de places entre 1 et 1 000 000.", field="capacity")
    event = Event(
        slug=_slug(session, kind, starts_at.astimezone(zone)),
        kind=kind,
        title=title.strip(),
        starts_at=starts_at,
        ends_at=ends_at or starts_at + _LENGTH[kind],
        zone=zone.key,
        place=place.strip(),
        video=video.strip(),
        capacity=capacity,
        deadline_at=deadline_at,
        state=EventState.ANNOUNCED,
        sequence=0,
        created_at=now,
    )
    _require_order(event)
    session.add(event)
    session.flush()
    journal.note(session, "event.create", now=now, subject="event", subject_id=event.id)
    return event


def get(session: Session, event_id: int) -> Event:
    """Return the event of this number. Refuses an unknown one."""
    event = session.get(Event, event_id)
    if event is None:
        raise NotFound(f"Il n’y a pas d’événement numéro {event_id}.")
    return event


def move(session: Session, event: Event, *, starts_at: datetime, ends_at: datetime | None, now: datetime) -> None:
    """Move an event to another time; calendars learn it by the sequence. Refuses a cancelled or held one."""
    _require_to_come(event)
    event.starts_at, event.ends_at = starts_at, ends_at or starts_at + (event.ends_at - event.starts_at)
    _require_order(event)
    event.sequence += 1
    journal.note(session, "event.move", now=now, subject="event", subject_id=event.id, sequence=event.sequence)


def cancel(session: Session, event: Event, *, now: datetime) -> None:
    """Cancel an event. Refuses one that is cancelled already or over."""
    _require_to_come(event)
    event.state = EventState.CANCELLED
    event.sequence += 1
    journal.note(session, "event.cancel", now=now, subject="event", subject_id=event.id, sequence=event.sequence)


def _require_to_come(event: Event) -> None:
    if event.state in (EventState.CANCELLED, EventState.HELD):
        raise Conflict("Cet événement est annulé ou a déjà eu lieu : il ne change plus.")


def _require_order(event: Event) -> None:
    if event.ends_at <= event.starts_at:
        raise Refusal("La fin doit venir après le début.", field="ends")
    if event.deadline_at is not None and event.deadline_at > event.starts_at:
        raise Refusal("Les inscriptions doivent fermer avant le début.", field="deadline")


def _slug(session: Session, kind: EventKind, starts: datetime) -> str:
    """`rdv-2023-05`, `ag-2023`; a second one of the same month or year gets a number."""
    base = f"rdv-{starts:%Y-%m}" if kind is EventKind.RDV else f"ag-{starts:%Y}"
    taken = session.scalar(select(func.count()).where(Event.slug.like(f"{base}%"))) or 0
    return base if not taken else f"{base}-{taken + 1}"
