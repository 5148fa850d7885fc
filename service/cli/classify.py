"""`pli inbox classify`: what would be read in these files? One JSON line a file; nothing is stored, no setting is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from service.cli.output import lines
from service.core.places import places
from service.core.reading import bounces, calendar, kinds, parsing, replies
from service.core.reading.bounces import Bounce
from service.core.reading.calendar import CalendarReply
from service.core.reading.ours import Ours
from service.core.vocabulary import InboundKind

# What makes a message of a body alone; its charset is found in the bytes.
_HEADS = {"eml": b"", "text": b"Content-Type: text/plain\n\n", "html": b"Content-Type: text/html\n\n"}
_REPORTS = (InboundKind.BOUNCE, InboundKind.DELIVERY_NOTICE)
# No address and no domain is ours here: no settings are read.
_NOBODY = Ours(frozenset(), frozenset())


@click.command("classify")
@click.option(
    "--input", "form", type=click.Choice(list(_HEADS)), default="eml", help="A whole message, or a body alone."
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
def classify(form: str, paths: tuple[Path, ...]) -> None:
    """Say what each file is and what its writer says, one JSON line a file, in the order given."""
    lines(_classified(path, form) for path in paths)


def _classified(path: Path, form: str) -> dict[str, Any]:
    """A file that cannot be read says why, and the others follow."""
    name = click.format_filename(path)
    try:
        return {"path": name, **_read(_HEADS[form] + path.read_bytes())}
    except FileNotFoundError:
        return {"path": name, **_unreadable("Ce fichier n’existe pas.")}
    except OSError:
        return {"path": name, **_unreadable("Ce fichier ne se lit pas.")}
    except Exception as error:
        where = f"{type(error).__name__} at {places(error.__traceback__)}"
        return {"path": name, **_unreadable(f"La lecture s’est arrêtée ({where}).")}


def _read(raw: bytes) -> dict[str, Any]:
    message = parsing.parse(raw)
    kind = kinds.recognise(message, _NOBODY).kind
    reply = replies.cut(message.text, message.html)
    return {
        "kind": kind.value,
        "reply": reply.reply,
        "signature": reply.signature,
        "quoted": reply.quoted,
        "from": message.from_address,
        "subject": message.subject,
        "bounces": [_bounce(one) for one in bounces.read(message)] if kind in _REPORTS else [],
        "calendar": _calendar(calendar.read(message)) if kind is InboundKind.CALENDAR_REPLY else None,
        "error": message.error,
    }


def _bounce(bounce: Bounce) -> dict[str, str]:
    return {
        "address": bounce.address,
        "action": bounce.action,
        "status": bounce.status,
        "severity": bounce.severity,
        "reason": bounce.reason,
    }


def _calendar(answer: CalendarReply | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    return {
        "method": answer.method,
        "uid": answer.uid,
        "attendee": answer.attendee,
        "partstat": answer.partstat,
        "sequence": answer.sequence,
        "dtstamp": answer.dtstamp.isoformat() if answer.dtstamp else None,
        "recurrence_id": answer.recurrence_id,
        "comment": answer.comment,
    }


def _unreadable(error: str) -> dict[str, Any]:
    empty = dict.fromkeys(("reply", "signature", "quoted", "from", "subject"), "")
    return {"kind": InboundKind.UNREADABLE.value, **empty, "bounces": [], "calendar": None, "error": error}
