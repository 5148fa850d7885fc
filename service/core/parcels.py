"""What is an SMTP conversation given to carry, and what does it tell of it?"""

from __future__ import annotations

from dataclasses import dataclass

from service.core.verdicts import Outcome

# One of each of these, an Unsent aside, is made a mail: frozen, they would take three times as long to make.


@dataclass(slots=True)
class Parcel:
    """One message as the wire needs it: the lines of its envelope, and its body, dot-stuffed and ended by CRLF."""

    id: int
    # MAIL, RCPT and DATA, as they are said at once where the relay pipelines.
    envelope: bytes
    # In its pieces.
    body: list[bytes]
    octets: int


@dataclass(slots=True)
class Ready:
    """The relay waits for the body of this message: it may leave once that is written down."""

    parcel: Parcel


@dataclass(slots=True)
class Answered:
    """What became of a message. A later word on the same message replaces an earlier one."""

    id: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Unsent:
    """The relay never had the whole of this message: as if it had not been tried."""

    id: int


Event = Ready | Answered | Unsent
