"""What is a mail before it has a recipient? Constant runs of bytes, and the places where each recipient's values go."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import StrEnum
from html import escape
from typing import cast

from service.core.smtp_text import Message, WireReady, is_fit
from service.core.writing.encoding import SOFT_BREAK, mailbox, plain_lines, quoted_printable, subject_words
from service.core.writing.fields import FIELDS
from service.core.writing.printable import one_line

# The values of `splice`, beside the personal fields. Addresses come normalised to ASCII; message ids with or without < >.
TO = "to"
TO_NAME = "to_name"
REPLY_TO = "reply_to"
MESSAGE_ID = "message_id"
DATE = "date"
IN_REPLY_TO = "in_reply_to"
UNSUBSCRIBE_URL = "unsubscribe_url"


class Slot(StrEnum):
    """How a place encodes its value."""

    TEXT = "text"
    HTML = "html"
    SUBJECT = "subject"
    SUBJECT_START = "subject_start"
    MAILBOX = "mailbox"
    ADDRESS = "address"
    MESSAGE_ID = "message_id"
    THREAD = "thread"
    DATE = "date"
    URL = "url"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value goes; `fallback` stands in for an empty one."""

    name: str
    slot: Slot
    fallback: str | None = None


Part = bytes | Place
Encoder = Callable[[Mapping[str, str], Place], bytes]


@dataclass(frozen=True, slots=True)
class Mould:
    """A whole mail, rendered once; `splice` gives the message of one recipient."""

    parts: tuple[Part, ...]
    # The places of the headers, each once with what encodes its value, and where in the mail it goes.
    _heads: tuple[tuple[Encoder, Place, tuple[int, ...]], ...] = field(init=False, repr=False, compare=False)
    # The names of the values of the body, each with what stands in for it, and where its text and its HTML go.
    _bodies: tuple[tuple[str, str, tuple[int, ...], tuple[int, ...]], ...] = field(
        init=False, repr=False, compare=False
    )
    # Whether what its mails share is fit for the wire: the values always are.
    _is_fit: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        where: dict[Place, list[int]] = {}
        for number, part in enumerate(self.parts):
            if isinstance(part, Place):
                where.setdefault(part, []).append(number)
        heads = ((_ENCODERS[place.slot], place, tuple(where[place])) for place in where if place.slot in _ENCODERS)
        words = dict.fromkeys((place.name, place.fallback) for place in where if place.slot not in _ENCODERS)
        bodies = (
            (
                name,
                fallback or "",
                tuple(where.get(Place(name, Slot.TEXT, fallback), ())),
                tuple(where.get(Place(name, Slot.HTML, fallback), ())),
            )
            for name, fallback in words
        )
        object.__setattr__(self, "_heads", tuple(heads))
        object.__setattr__(self, "_bodies", tuple(bodies))
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
        spliced: list[Part] = list(self.parts)
        for encode, place, numbers in self._heads:
            value = encode(values, place)
            for number in numbers:
                spliced[number] = value
        for name, fallback, in_text, in_html in self._bodies:
            text, html = _body_words(values[name], fallback)
            for number in in_text:
                spliced[number] = text
            for number in in_html:
                spliced[number] = html
        pieces = cast("list[bytes]", spliced)
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
    TO: "apercu@pli.invalid",
    TO_NAME: "",
    REPLY_TO: "apercu@pli.invalid",
    MESSAGE_ID: "apercu@pli.invalid",
    DATE: "Thu, 01 Jan 1970 00:00:00 +0000",
    UNSUBSCRIBE_URL: "https://pli.invalid/",
}

_ADDRESS = re.compile(r"[!#-'*+\-./-9=?A-Z^-~]+@[A-Za-z0-9.-]+")
_MESSAGE_ID = re.compile(r"<?[!-;=?A-~]+@[!-;=?A-~]+>?")
_DATE = re.compile(r"[A-Za-z0-9,:+ -]{10,60}")
_URL = re.compile(r"https?://[!-;=?-~]{1,800}")
# One word, a link mostly, that neither quoted-printable nor HTML changes.
_is_as_it_is = re.compile(r"[!#-%(-;?-~]+").fullmatch


# What follows gives lines that are fit for the wire wherever they stand, whatever the value: quoted-printable and encoded
# words end lines in CRLF alone and begin none with a dot; a quoted name is one printable line; a header's value is matched
# whole against a class without CR or LF, and stands behind its name or a « < ».


def _body_words(value: str, fallback: str) -> tuple[bytes, bytes]:
    """Encode a value for the text and for the HTML of a mail; they are mostly the same."""
    if _is_as_it_is(value):
        text = plain_lines(value) + SOFT_BREAK
        return text, text
    words = one_line(value) or fallback
    escaped = escape(words)
    text = quoted_printable(words) + SOFT_BREAK
    return text, text if escaped == words else quoted_printable(escaped) + SOFT_BREAK


def _subject(values: Mapping[str, str], place: Place) -> bytes:
    return subject_words(one_line(values[place.name]) or place.fallback or "", starts=False)


def _subject_start(values: Mapping[str, str], place: Place) -> bytes:
    return subject_words(one_line(values[place.name]) or place.fallback or "", starts=True)


def _mailbox(values: Mapping[str, str], place: Place) -> bytes:
    return mailbox(one_line(values[TO_NAME]), _checked(_ADDRESS, values, place))


def _address(values: Mapping[str, str], place: Place) -> bytes:
    return f"<{_checked(_ADDRESS, values, place)}>".encode("ascii")


def _message_id(values: Mapping[str, str], place: Place) -> bytes:
    return f"<{_checked(_MESSAGE_ID, values, place).strip('<>')}>".encode("ascii")


def _thread(values: Mapping[str, str], place: Place) -> bytes:
    if not values.get(place.name):
        return b""
    answered = _message_id(values, place)
    return b"In-Reply-To: " + answered + b"\r\nReferences: " + answered + b"\r\n"


def _date(values: Mapping[str, str], place: Place) -> bytes:
    return _checked(_DATE, values, place).encode("ascii")


def _url(values: Mapping[str, str], place: Place) -> bytes:
    return f"<{_checked(_URL, values, place)}>".encode("ascii")


def _checked(pattern: re.Pattern[str], values: Mapping[str, str], place: Place) -> str:
    value = values[place.name]
    if pattern.fullmatch(value) is None or len(value) > 900:
        raise ValueError(f"value {place.name!r} cannot stand in a header: normalise it before the splice")
    return value


# Of the places in headers; those in the body, TEXT and HTML, are filled together.
_ENCODERS: dict[Slot, Encoder] = {
    Slot.SUBJECT: _subject,
    Slot.SUBJECT_START: _subject_start,
    Slot.MAILBOX: _mailbox,
    Slot.ADDRESS: _address,
    Slot.MESSAGE_ID: _message_id,
    Slot.THREAD: _thread,
    Slot.DATE: _date,
    Slot.URL: _url,
}
