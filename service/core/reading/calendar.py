"""What does the answer to an invitation say? The fields of an iTIP reply (RFC 5546), from any calendar that a message holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from urllib.parse import unquote

from icalendar import Event
from icalendar.prop import vCalAddress, vDDDTypes, vInt, vText

from service.core.reading import characters
from service.core.reading.parsing import Message, Part

REPLY = "REPLY"
COUNTER = "COUNTER"
# What somebody who was invited sends to who invited (RFC 5546, 1.4); a REQUEST comes from who invites.
_ANSWERS = frozenset({REPLY, COUNTER, "DECLINECOUNTER", "REFRESH"})
_TYPES = frozenset({"text/calendar", "application/ics"})
# An answer takes 2 KB. Rules of recurrence, time zones and alarms are left out: each is a way to keep a reader busy.
_READ_BYTES = 64 * 1024
_READ_LINES = 200
_LINE_LENGTH = 8_000
_COMMENT_LENGTH = 4_000
_FIELD_LENGTH = 998
_NAME = re.compile(r"([A-Za-z-]{1,40})[;:]")
_VALUE = re.compile(r"[A-Za-z-]+(?:;[^:]*)?:\s*(\w+)")
_KEPT = frozenset({"UID", "ATTENDEE", "DTSTAMP", "SEQUENCE", "RECURRENCE-ID", "COMMENT"})


@dataclass(frozen=True, slots=True)
class CalendarReply:
    """What one person answers to one invitation, each field empty where it is not stated or not readable.

    `attendee` is an address in lower case; `partstat` is in capitals (RFC 5545, 3.2.12: NEEDS-ACTION when none is stated);
    `dtstamp` is in UTC; `recurrence_id` names one date of a series in ISO 8601, in UTC where its zone is known.
    """

    method: str
    uid: str = ""
    attendee: str = ""
    partstat: str = ""
    sequence: int = 0
    dtstamp: datetime | None = None
    recurrence_id: str = ""
    comment: str = ""

    @property
    def proposes_otherwise(self) -> bool:
        """Whether it asks for another time or place (COUNTER): staff must look, nobody is registered by it."""
        return self.method == COUNTER


def read(message: Message) -> CalendarReply | None:
    """Reads the first calendar of a message that answers an invitation; None when there is none, whatever it holds.

    Of several events the first counts, of several attendees the one who wrote, or the first.
    """
    for part in message.parts:
        if not is_calendar(part):
            continue
        lines = list(_lines(characters.decode(part.payload[:_READ_BYTES], part.param("charset"))))
        method = _method(lines) or part.param("method").upper()
        if method in _ANSWERS:
            return _reply(method, _event(lines), message.from_address)
    return None


def is_calendar(part: Part) -> bool:
    """Says whether a part is a calendar by its type, or by its name where programs attach « invite.ics » as anything."""
    return part.content_type in _TYPES or part.filename.lower().endswith(".ics")


def _lines(text: str) -> Iterator[str]:
    """Content lines, unfolded (RFC 5545, 3.1)."""
    for line in re.sub(r"\n[ \t]", "", text).split("\n"):
        yield line.strip()[:_LINE_LENGTH]


def _method(lines: list[str]) -> str:
    stated = next((line for line in lines if line[:6].upper() == "METHOD"), "")
    found = _VALUE.match(stated)
    return found[1].upper() if found else ""


def _event(lines: list[str]) -> list[str]:
    """The fields that we read of the first event, without what is nested in it: an alarm has attendees of its own."""
    inside: list[str] = []
    kept: list[str] = []
    for line in lines:
        name = (found := _NAME.match(line)) and found[1].upper()
        if name == "BEGIN":
            inside.append(line[6:].strip().upper())
        elif name == "END" and inside:
            if inside.pop() == "VEVENT" and "VEVENT" not in inside:
                break
        elif name in _KEPT and inside[-1:] == ["VEVENT"] and len(kept) < _READ_LINES:
            kept.append(line)
    return kept


def _reply(method: str, fields: list[str], writer: str) -> CalendarReply:
    try:
        event = Event.from_ical("\r\n".join(["BEGIN:VEVENT", *fields, "END:VEVENT", ""]))
    except Exception:  # the library tells what it cannot parse by several exceptions; the kind is known all the same
        return CalendarReply(method)
    if not isinstance(event, Event):
        return CalendarReply(method)
    attendee, partstat = _attendee(_all(event, "ATTENDEE"), writer)
    sequence = next((each for each in _all(event, "SEQUENCE") if isinstance(each, vInt)), 0)
    comments = [str(each) for each in _all(event, "COMMENT") if isinstance(each, vText)]
    return CalendarReply(
        method=method,
        uid=next((_line(each) for each in _all(event, "UID") if isinstance(each, vText)), ""),
        attendee=attendee,
        partstat=partstat,
        sequence=int(sequence) if 0 <= sequence < 2**31 else 0,
        dtstamp=next((_instant(moment) for moment in _moments(event, "DTSTAMP")), None),
        recurrence_id=next((_iso(moment) for moment in _moments(event, "RECURRENCE-ID")), ""),
        comment=characters.clean("\n".join(comments)).strip()[:_COMMENT_LENGTH],
    )


def _all(event: Event, name: str) -> list[object]:
    value: object = event.get(name)
    return value if isinstance(value, list) else [] if value is None else [value]


def _attendee(found: list[object], writer: str) -> tuple[str, str]:
    named = [(_address(each), _partstat(each)) for each in found if isinstance(each, vCalAddress)]
    return next((pair for pair in named if pair[0] == writer), named[0] if named else ("", ""))


def _address(attendee: vCalAddress) -> str:
    """Without « mailto: »; Apple names people by a number and tells the address beside it (RFC 7986, 6.2)."""
    scheme, _, rest = str(attendee).strip().partition(":")
    if scheme.lower() == "mailto":
        return _line(unquote(rest)).lower()
    return _line(attendee.params.get("EMAIL") or (attendee if "@" in attendee else "")).lower()


def _partstat(attendee: vCalAddress) -> str:
    stated: object = attendee.params.get("PARTSTAT")
    return _line(stated).upper() if stated and isinstance(stated, str) else "NEEDS-ACTION"


def _moments(event: Event, name: str) -> Iterator[date]:
    for each in _all(event, name):
        if isinstance(each, vDDDTypes) and isinstance(each.dt, date):
            yield each.dt


def _instant(moment: date) -> datetime | None:
    """A time without a zone counts as UTC: RFC 5545 (3.8.7.2) wants it in nothing else."""
    full = moment if isinstance(moment, datetime) else datetime.combine(moment, time())
    try:
        return full.astimezone(UTC) if full.tzinfo else full.replace(tzinfo=UTC)
    except OverflowError:
        return None


def _iso(moment: date) -> str:
    aware = isinstance(moment, datetime) and moment.tzinfo is not None
    instant = _instant(moment) if aware else None
    return (instant or moment).isoformat()


def _line(value: object) -> str:
    return characters.clean_line(str(value))[:_FIELD_LENGTH]
