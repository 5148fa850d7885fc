"""What is a mail before it has a recipient? Constant runs of bytes, and the places where each recipient's values go."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape

from service.core.smtp_text import Message, WireReady, is_fit
from service.core.writing import places
from service.core.writing.encoding import SOFT_BREAK, plain_lines, quoted_printable
from service.core.writing.fields import FIELDS
from service.core.writing.heading import Heading, is_of_a_header
from service.core.writing.places import Part, Place, Slot
from service.core.writing.printable import one_line


@dataclass(frozen=True, slots=True)
class Mould:
    """A whole mail, rendered once; `fill` gives the message of one recipient."""

    parts: tuple[Part, ...]
    # The parts up to the last place in a header, in one; the constant runs behind it; and the names of the values that
    # stand between these, each with what stands in for it.
    _heading: Heading = field(init=False, repr=False, compare=False)
    _runs: tuple[bytes, ...] = field(init=False, repr=False, compare=False)
    _bodies: tuple[tuple[str, str], ...] = field(init=False, repr=False, compare=False)
    # What comes after what in the mail: the heading is 0, then come of each value its text and its HTML, then the runs.
    _order: tuple[int, ...] = field(init=False, repr=False, compare=False)
    # Whether what its mails share is fit for the wire: the values always are.
    _is_fit: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        headers = max((number for number, part in enumerate(self.parts, 1) if is_of_a_header(part)), default=0)
        rest = self.parts[headers:]
        runs = [part for part in rest if isinstance(part, bytes)]
        bodies = list(dict.fromkeys((part.name, part.fallback or "") for part in rest if isinstance(part, Place)))
        run = iter(range(1 + 2 * len(bodies), 1 + 2 * len(bodies) + len(runs)))
        order = (
            1 + 2 * bodies.index((part.name, part.fallback or "")) + (part.slot is Slot.HTML)
            if isinstance(part, Place)
            else next(run)
            for part in rest
        )
        object.__setattr__(self, "_heading", Heading.of(self.parts[:headers]))
        object.__setattr__(self, "_runs", tuple(runs))
        object.__setattr__(self, "_bodies", tuple(bodies))
        object.__setattr__(self, "_order", (0, *order))
        object.__setattr__(self, "_is_fit", self._looked_at())

    @property
    def fields(self) -> frozenset[str]:
        """The personal fields that the mail uses."""
        return frozenset(place.name for place in self._places if place.name in FIELDS)

    @property
    def required_fields(self) -> frozenset[str]:
        """The personal fields used at least once without words that stand in for them."""
        return frozenset(place.name for place in self._places if place.name in FIELDS and not place.fallback)

    @property
    def sha256(self) -> str:
        """The fingerprint of the mail, the same for the same words, theme and templates."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def splice(self, values: Mapping[str, str]) -> bytes:
        """Gives the RFC 5322 message of one recipient whole, as `fill` gives it in pieces."""
        return bytes(self.fill(values))

    def fill(self, values: Mapping[str, str]) -> Message:
        """Gives the RFC 5322 message of one recipient, lines in CRLF, no line beginning with a dot.

        Refuses (KeyError) when a value is not given, and (ValueError) an address, id, date or URL that no header can carry.
        """
        written = [self._heading.fill(values)]
        for name, fallback in self._bodies:
            written += _body_words(values[name], fallback)
        written += self._runs
        pieces = list(map(written.__getitem__, self._order))
        return WireReady(pieces) if self._is_fit else b"".join(pieces)

    def subject(self, values: Mapping[str, str]) -> str:
        """The subject as the recipient reads it."""
        return self.header("Subject", values)

    def header(self, name: str, values: Mapping[str, str]) -> str:
        """One header as the recipient reads it, decoded and on one line; values of the envelope may be missing."""
        return str(self._read(values)[name])

    def html(self, values: Mapping[str, str]) -> str:
        """The HTML part as the recipient gets it; values of the envelope may be missing."""
        return self._part(values, "html")

    def text(self, values: Mapping[str, str]) -> str:
        """The text part as the recipient gets it; values of the envelope may be missing."""
        return self._part(values, "plain")

    def to_bytes(self) -> bytes:
        """Writes the mould as JSON, for the database."""
        parts = [
            base64.b64encode(part).decode("ascii") if isinstance(part, bytes) else [part.name, part.slot, part.fallback]
            for part in self.parts
        ]
        return json.dumps({"version": 1, "parts": parts}, ensure_ascii=False, separators=(",", ":")).encode("utf-8")

    @classmethod
    def from_bytes(cls, stored: bytes) -> Mould:
        """Reads what `to_bytes` wrote."""
        document = json.loads(stored)
        if document["version"] != 1:
            raise ValueError(
                f"mould of version {document['version']}: this Pli reads version 1, render the campaign again"
            )
        return cls(
            tuple(
                base64.b64decode(part) if isinstance(part, str) else Place(part[0], Slot(part[1]), part[2])
                for part in document["parts"]
            )
        )

    def _looked_at(self) -> bool:
        """Look at each constant run as if a line ended before it: whatever fit values stand between, the mail is fit."""
        runs = [part for part in self.parts if isinstance(part, bytes)]
        return (
            bool(runs)
            and self.parts[-1] is runs[-1]
            and runs[-1].endswith(b"\r\n")
            and all(is_fit(b"\r\n" + run) for run in runs)
        )

    @property
    def _places(self) -> list[Place]:
        return [part for part in self.parts if isinstance(part, Place)]

    def _read(self, values: Mapping[str, str]) -> EmailMessage:
        return message_from_bytes(self.splice({**_NOBODY, **values}), policy=policy.default)

    def _part(self, values: Mapping[str, str], subtype: str) -> str:
        for part in self._read(values).walk():
            if part.get_content_type() == f"text/{subtype}":
                return str(part.get_content()).replace("\r\n", "\n")
        raise ValueError(f"the mould holds no text/{subtype} part: it was not made by rendering.compose")


# Who reads a preview that names no recipient.
_NOBODY = {
    places.TO: "apercu@pli.invalid",
    places.TO_NAME: "",
    places.REPLY_TO: "apercu@pli.invalid",
    places.MESSAGE_ID: "apercu@pli.invalid",
    places.DATE: "Thu, 01 Jan 1970 00:00:00 +0000",
    places.UNSUBSCRIBE_URL: "https://pli.invalid/",
}

# One word, a link mostly, that neither quoted-printable nor HTML changes.
_MARKUP = frozenset("&<>\"'")
_is_as_it_is = re.compile(r"[!#-%(-;?-~]+").fullmatch


# Quoted-printable ends lines in CRLF alone and begins none with a dot: what follows is fit for the wire wherever it stands.


def _body_words(value: str, fallback: str) -> tuple[bytes, bytes]:
    """Encode a value for the text and for the HTML of a mail; they are mostly the same."""
    if _is_as_it_is(value):
        text = plain_lines(value) + SOFT_BREAK
        return text, text
    words = one_line(value) or fallback
    text = quoted_printable(words) + SOFT_BREAK
    return text, text if _MARKUP.isdisjoint(words) else quoted_printable(escape(words)) + SOFT_BREAK
