"""How does a proof look on paper? HTML for the printer: page 1 says what it proves and what it does not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import jinja2

from service.core import french
from service.core.proof import sheet
from service.core.proof.content import SENT, Proof, Row

# Printing takes some 10 ms and 0.3 MB a recipient: beyond this the paper lists only who is not simply « envoyé ».
LISTED = 2000
# A table this long is laid out in a time that grows with it alone; the headings stand on each page anyway.
_TABLE = 500
# How the text part of a mail shows a heading (writing.body_text).
_UNDERLINE = re.compile(r"(?m)^(?:={2,}|-{3,})$")


@dataclass(frozen=True, slots=True)
class Line:
    """One recipient of the list, with his place among all of them."""

    number: int
    row: Row


def environment(loader: jinja2.BaseLoader) -> jinja2.Environment:
    """Build the Jinja environment of the paper: everything is escaped, an unknown name is an error."""
    made = jinja2.Environment(
        loader=loader, undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    made.filters.update(number=french.number, counted=french.count, typeset=_typeset)
    return made


def html(proof: Proof, *, environment: jinja2.Environment, zone: ZoneInfo, listed: int = LISTED) -> str:
    """Write the whole document, hours in `zone`; with more recipients than `listed`, only the exceptions are named."""
    lines = [Line(number, row) for number, row in enumerate(proof.rows, 1)]
    is_whole = len(lines) <= listed
    if not is_whole:
        lines = [one for one in lines if one.row.state != SENT]
    return environment.get_template("proof.html").render(
        proof=proof,
        fingerprint=sheet.sha256(proof),
        command=sheet.CHECK.format(name=f"{proof.file_name}.csv"),
        tables=list(_tables(lines[:listed])),
        is_whole=is_whole,
        cut=max(0, len(lines) - listed),
        states=sorted(proof.states.items(), key=lambda one: (-one[1], one[0])),
        has_underlines=_UNDERLINE.search(proof.text) is not None,
        zone=zone.key,
        moment=lambda at: _moment(at, zone),
        span=lambda start, end: _span(start, end, zone),
        short=lambda at: at.astimezone(zone).strftime("%d/%m/%Y %H:%M:%S"),
    )


def _tables(lines: list[Line]) -> Iterable[list[Line]]:
    for start in range(0, len(lines), _TABLE):
        yield lines[start : start + _TABLE]


def _moment(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{french.date_in_words(local.date())} à {french.hour(local.time())}"


def _span(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    first, last = start.astimezone(zone), end.astimezone(zone)
    if (first.date(), french.hour(first.time())) == (last.date(), french.hour(last.time())):
        return f"le {_moment(start, zone)}"
    if first.date() != last.date():
        return f"du {_moment(start, zone)} au {_moment(end, zone)}"
    return f"le {french.date_in_words(first.date())} de {french.hour(first.time())} à {french.hour(last.time())}"


def _typeset(text: str) -> str:
    """Set our own sentences; what stays escaped stays so."""
    return type(text)(french.typeset(text))
