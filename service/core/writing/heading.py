"""How are the headers of one recipient's mail written? One template for all mails of a campaign, and what fills it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from service.core.writing import places
from service.core.writing.encoding import mailbox, subject_words
from service.core.writing.places import Part, Place, Slot
from service.core.writing.printable import one_line

Writer = Callable[[Mapping[str, str], Place], str]

# What a header can carry. None of these lets a CR or a LF through: whole lists of them are matched at once, a line each.
_ADDRESS = r"[!#-'*+\-./-9=?A-Z^-~]+@[A-Za-z0-9.-]+"
_MESSAGE_ID = r"<?[!-;=?A-~]+@[!-;=?A-~]+>?"
_DATE = r"[A-Za-z0-9,:+ -]{10,60}"
_URL = r"https?://[!-;=?-~]{1,800}"
_CARRIED = {
    Slot.MAILBOX: _ADDRESS,
    Slot.ADDRESS: _ADDRESS,
    Slot.MESSAGE_ID: _MESSAGE_ID,
    Slot.DATE: _DATE,
    Slot.URL: _URL,
}
_LONGEST = 900


@dataclass(frozen=True, slots=True)
class Heading:
    """The beginning of a mould, up to its last place in a header."""

    # As `%` reads it; each octet is the letter of Latin-1 that has its number.
    _template: str
    # The names of the values that fill it, in order, and what is written in the place of some of them.
    _names: tuple[str, ...]
    _written: tuple[tuple[int, Writer, Place], ...]
    # The places whose values no encoding makes harmless, and what all of these match, a line each.
    _carried: tuple[Place, ...]
    _carried_names: tuple[str, ...]
    _pattern: re.Pattern[str]

    @classmethod
    def of(cls, parts: Sequence[Part]) -> Heading:
        """Make the heading of these parts. Refuses (ValueError) a place of the body among them."""
        filled = [part for part in parts if isinstance(part, Place)]
        if not all(place.slot in _CARRIED or place.slot in _WRITERS for place in filled):
            raise ValueError("a place of the body stands before the last one of the headers")
        carried = tuple(dict.fromkeys(place for place in filled if place.slot in _CARRIED))
        return cls(
            _template="".join([_shape(part) for part in parts]),
            _names=tuple(place.name for place in filled),
            _written=tuple(
                (number, _WRITERS[place.slot], place) for number, place in enumerate(filled) if place.slot in _WRITERS
            ),
            _carried=carried,
            _carried_names=tuple(place.name for place in carried),
            _pattern=re.compile("\n".join([_CARRIED[place.slot] for place in carried])),
        )

    def fill(self, values: Mapping[str, str]) -> bytes:
        """Gives the headers of one recipient's mail.

        Refuses (KeyError) when a value is not given, and (ValueError) an address, id, date or URL that no header can carry.
        """
        carried = "\n".join(map(values.__getitem__, self._carried_names))
        if self._pattern.fullmatch(carried) is None or len(carried) > _LONGEST:
            for place in self._carried:
                _check(_CARRIED[place.slot], values[place.name], place)
        # What is not written is carried: it is there.
        filled = list(map(values.get, self._names))
        for number, write, place in self._written:
            filled[number] = write(values, place)
        return (self._template % tuple(filled)).encode("latin-1")


def answered_id(message_id: str) -> str:
    """Give a Message-ID as In-Reply-To can carry it; nothing of one that it cannot, whose writer is answered all the same."""
    bare = message_id.strip()
    return bare if re.fullmatch(_MESSAGE_ID, bare) and len(bare) <= _LONGEST else ""


def is_of_a_header(part: Part) -> bool:
    """Whether a part is a place in a header."""
    return isinstance(part, Place) and part.slot not in (Slot.TEXT, Slot.HTML)


# What follows gives lines that are fit for the wire wherever they stand, whatever the value: encoded words end lines in
# CRLF alone and begin none with a dot; a quoted name is one printable line; a header's value is matched whole against a
# class without CR or LF, and stands behind its name or a « < ».


def _shape(part: Part) -> str:
    if isinstance(part, bytes):
        return part.decode("latin-1").replace("%", "%%")
    return "<%s>" if part.slot in (Slot.ADDRESS, Slot.MESSAGE_ID, Slot.URL) else "%s"


def _subject(values: Mapping[str, str], place: Place) -> str:
    return subject_words(one_line(values[place.name]) or place.fallback or "", starts=False)


def _subject_start(values: Mapping[str, str], place: Place) -> str:
    return subject_words(one_line(values[place.name]) or place.fallback or "", starts=True)


def _mailbox(values: Mapping[str, str], place: Place) -> str:
    return mailbox(one_line(values[places.TO_NAME]), values[place.name])


def _message_id(values: Mapping[str, str], place: Place) -> str:
    return values[place.name].strip("<>")


def _thread(values: Mapping[str, str], place: Place) -> str:
    if not values.get(place.name):
        return ""
    _check(_MESSAGE_ID, values[place.name], place)
    answered = _message_id(values, place)
    return f"In-Reply-To: <{answered}>\r\nReferences: <{answered}>\r\n"


def _check(pattern: str, value: str, place: Place) -> None:
    if re.fullmatch(pattern, value) is None or len(value) > _LONGEST:
        raise ValueError(f"value {place.name!r} cannot stand in a header: normalise it first")


# Of the others the value stands as it is.
_WRITERS: dict[Slot, Writer] = {
    Slot.SUBJECT: _subject,
    Slot.SUBJECT_START: _subject_start,
    Slot.MAILBOX: _mailbox,
    Slot.MESSAGE_ID: _message_id,
    Slot.THREAD: _thread,
}
