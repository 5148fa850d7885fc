"""What the product asks of the world, as Protocols that the gateways implement."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from types import TracebackType
from typing import Protocol, Self

from service.core.oauth import Tokens
from service.core.proof.content import Proof
from service.core.refusals import Refusal
from service.core.send_log import Story
from service.core.smtp_text import Message
from service.core.verdicts import Outcome


# Made once a mail: frozen, it would take three times as long to make.
@dataclass(slots=True)
class Envelope:
    """One message to one recipient, ready for the wire; `id` is its delivery's."""

    id: int
    sender: str
    recipient: str
    content: Message
    # What a report is to call it by (RFC 3461, 4.4): letters and digits alone, or nothing.
    envid: str = ""

    @property
    def message(self) -> bytes:
        """The message whole, for who reads it; the wire takes `content`."""
        return bytes(self.content)


class Desk(Protocol):
    """What the wire asks the sending process for, and what it tells it (sending.md, the hand-over protocol)."""

    def take(self) -> Envelope | None:
        """The next message that may leave; None when there is none now."""

    def backlog(self) -> int:
        """How many more are in hand."""

    def rest(self) -> float | None:
        """In how many seconds `take` may have another; None when this turn has no more."""

    def hand(self, ids: Sequence[int]) -> Collection[int]:
        """Write down every answer told so far, and that the bodies of these messages leave now; give those that may."""

    def dot_may_leave(self, delivery_id: int) -> bool:
        """Whether the final dot of this message may leave at this instant; a strict log has its disk waited for here."""

    def get_ahead(self, count: int) -> None:
        """Hear that `count` bodies are with the relay: what can be done for the next ones is best done now."""

    def answered(self, delivery_id: int, outcome: Outcome) -> None:
        """Hear what became of a message; a later word on the same message replaces an earlier one."""

    def unsent(self, delivery_id: int) -> None:
        """Hear that the relay never had the whole of this message."""

    def is_overdue(self) -> bool:
        """Whether the wire must be given up at once."""


class SendLog(Protocol):
    """Where a sending process writes down what leaves, before it leaves."""

    @property
    def owner(self) -> str:
        """The name of this log, which goes on the leases of its process."""

    def write(self, records: Sequence[bytes], *, durably: bool) -> bool:
        """Append records; True when they are wanted `durably` and the log is strict: its disk begins to write them."""

    def sync(self) -> None:
        """Wait until what a strict log has begun to write survives a power cut."""


@dataclass(frozen=True, slots=True)
class LostLog:
    """The log of a process that is gone."""

    owner: str
    story: Story
    # Whether a row that it does not name as handed over was surely not handed over.
    complete: bool


class Outbox(Protocol):
    """The relay, as a sending process uses it."""

    def run(self, desk: Desk) -> Outcome | None:
        """Carry messages until the desk has no more; the outcome is why the relay cannot be used now."""


class AccessRefused(Exception):
    """There is no access token to be had; its words name no person and no secret, and say what to do."""


class Access(Protocol):
    """Who holds the access token of a mailbox."""

    def token(self, *, refused: str = "") -> str:
        """A good token, another than the one just `refused`. Refuses (AccessRefused) when there is none to be had."""


class TokenEndpoint(Protocol):
    """Where a provider renews what it granted."""

    def renew(self, refresh: str) -> Tokens:
        """A new access token. Refuses (OAuthRefused); OSError when the provider cannot be reached."""


class Given(Enum):
    """What the server gave of a message that it had named."""

    WHOLE = auto()
    TOO_LARGE = auto()
    TOO_OLD = auto()
    # The server names it still, and gave no body.
    MISSED = auto()
    # Neither found nor answered for: somebody deleted or moved it meanwhile.
    GONE = auto()


class Care(Enum):
    """How messages are asked for, since one may end the line whenever it is."""

    TOGETHER = auto()
    ALONE = auto()
    # The next one is told as missed, without its bytes being asked for.
    UNASKED = auto()


class MailboxRefused(RuntimeError):
    """The server answered that it does not do what was asked: the line is well, the act was not done."""


class FetchDied(ConnectionError):
    """The line died while the server was asked for the bytes of messages: one of them may be why."""


@dataclass(frozen=True, slots=True)
class FetchedMessage:
    """One message as it lies in the mailbox; `raw` is its bytes, its header alone where it is too large.

    Where the server told neither its arrival nor its size, they are None and 0.
    """

    folder: str
    uidvalidity: int
    uid: int
    received_at: datetime | None
    size: int
    raw: bytes | None
    given: Given = Given.WHOLE


class Mailbox(Protocol):
    """The inbox that members write to."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def select(self, folder: str) -> int:
        """Open a folder and return its UIDVALIDITY."""

    def fetch_after(
        self, uid: int, *, limit: int = 200, since: datetime | None = None, care: Care = Care.TOGETHER
    ) -> Iterator[FetchedMessage]:
        """At most `limit` messages above `uid` in the open folder, in UID order, without setting \\Seen.

        One that arrived before `since` comes without its bytes. With `care` one comes at a time. Raises FetchDied.
        """

    def fetch_again(self, uid: int) -> FetchedMessage:
        """One message of the open folder that was missed before. Raises FetchDied."""

    def wait(self, seconds: float) -> bool:
        """Wait in IDLE for news, at most `seconds`; True when there may be some. ConnectionError on a dead line."""


class Cabinet(Mailbox, Protocol):
    """A mailbox whose messages may be put away, into other folders of it."""

    @property
    def moves_at_once(self) -> bool:
        """Whether a message is moved in one step (RFC 6851), and is never in two folders whatever happens."""

    def junk(self) -> str | None:
        """The provider's folder for junk (RFC 6154); None where the mailbox has none."""

    def fullness(self) -> int | None:
        """How many percent of its room the mailbox takes; None where the server does not tell."""

    def lying(self, uids: list[int]) -> dict[int, bool]:
        """Which of these messages lie in the open folder, and whether somebody has marked them for deletion."""

    def move(self, uids: list[int], folder: str) -> None:
        """Move messages of the open folder into another, made when absent (MOVE, or COPY and UID EXPUNGE).

        Those that are gone meanwhile are passed over. Refuses (MailboxRefused), and some may have been moved.
        """

    def copies(self, folder: str, size: int, *, head_only: bool = False) -> Iterator[bytes]:
        """The bytes, or the header, of each message of this size in another folder; the open one is open again after it."""

    def remove(self, uids: list[int]) -> None:
        """Take messages out of the open folder, and no others that are marked for deletion. Refuses (MailboxRefused)."""


class CannotPrint(Refusal):
    """This machine cannot print now; the sentence says what is missing and what to do."""

    status = 503


class ProofPrinter(Protocol):
    """What makes a PDF of a proof."""

    def pdf(self, proof: Proof) -> bytes:
        """Print a proof, the same content to the same bytes. Raises CannotPrint."""

    def pdf_of_file(self, file: bytes) -> bytes:
        """Print a proof out of the bytes of its CSV. Raises CannotPrint."""


# The queues of the bells. Mail that answers one person never waits behind a campaign.
SENDING = "sending"
POSTING = "posting"
READING = "reading"


class Queue(Protocol):
    """The doorbell: rung after commit, with ids only. A bell that cannot be rung is left to the clock."""

    def ring(self, job: str, *ids: int) -> bool:
        """Ask a worker to run `job` on these ids; False when no server answers."""

    def ring_the_idle(self, job: str, *ids: int) -> bool:
        """Ask for help with these ids where a worker has nothing else to do; False when none has."""
