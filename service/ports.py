"""What the product asks of the world, as Protocols that the gateways implement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from service.core.verdicts import Outcome


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message to one recipient, ready for the wire."""

    sender: str
    recipient: str
    message: bytes


class Outbox(Protocol):
    """A connection to the relay, opened at the first message and reused."""

    def hand(self, envelope: Envelope) -> Outcome:
        """Give one message to the relay and say what it answered; never raises for what a relay may do."""

    def close(self) -> None:
        """End the connection politely."""


@dataclass(frozen=True, slots=True)
class FetchedMessage:
    """One message as it lies in the mailbox. `raw` is None when it was over the size limit and not fetched."""

    folder: str
    uidvalidity: int
    uid: int
    received_at: datetime
    size: int
    raw: bytes | None


class Mailbox(Protocol):
    """The inbox that members write to."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def select(self, folder: str) -> int:
        """Open a folder and return its UIDVALIDITY."""

    def fetch_after(self, uid: int, *, limit: int = 200, since: datetime | None = None) -> Iterator[FetchedMessage]:
        """At most `limit` messages above `uid` in the open folder, in UID order, without setting \\Seen.

        One that arrived before `since` comes without its bytes.
        """

    def wait(self, seconds: float) -> bool:
        """Wait in IDLE for news, at most `seconds`; True when there may be some. ConnectionError on a dead line."""

    def move(self, uids: list[int], folder: str) -> None:
        """Move messages of the open folder into another, made when absent (MOVE, or COPY and UID EXPUNGE)."""


# The queues of the bells. Mail that answers one person never waits behind a campaign.
SENDING = "sending"
POSTING = "posting"
READING = "reading"


class Queue(Protocol):
    """The doorbell: rung after commit, with ids only. A bell that cannot be rung is left to the clock."""

    def ring(self, job: str, *ids: int) -> bool:
        """Ask a worker to run `job` on these ids; False when no server answers."""
