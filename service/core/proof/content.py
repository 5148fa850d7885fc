"""What does the proof of a sending hold? Facts of one campaign and, for each recipient, what became of his mail."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from service.core.writing.printable import one_line, printable

# The form in which proofs are written today (sheet).
FORM = "2"
# The words of an accepted mail that nothing was heard of since (explanations); everything else is told first.
SENT = "envoyé"


@dataclass(frozen=True, slots=True)
class Totals:
    """The figures of the sending, the same as on its page; `bounced` and `complained` are among the `accepted`."""

    planned: int
    accepted: int
    refused: int
    in_doubt: int
    skipped: int
    bounced: int
    complained: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """Who agreed to the text, or sent it without a second reader and why; the hash binds it to one version."""

    by: str
    at: datetime
    without_review: bool
    reason: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class Row:
    """One recipient as frozen at the launch, and what became of his mail. Instants are UTC, to the second."""

    name: str
    structure: str
    number: str
    address: str
    message_id: str
    state: str
    detail: str
    tried_at: datetime | None
    code: int | None
    reply: str
    settled_at: datetime | None
    attempts: int
    bounced_at: datetime | None
    bounce_code: str
    bounce_reason: str
    complained_at: datetime | None
    answered_at: datetime | None
    fields: str
    # Who of the team decided not to send again what is in doubt, and when; form 1 does not tell.
    decided_by: str = ""
    decided_at: datetime | None = None

    @property
    def instants(self) -> tuple[datetime | None, ...]:
        """When something of this mail became known."""
        return self.settled_at, self.bounced_at, self.complained_at, self.answered_at, self.decided_at


@dataclass(frozen=True, slots=True)
class Proof:
    """All that is proved of one sending; nothing in it depends on when or where it is written down."""

    campaign: int
    kind: str
    mail_class: str
    sender: str
    subject: str
    text: str
    mail_sha256: str
    approved_subject: str
    approved_preheader: str
    approved_body: str
    lists: str
    list_slugs: str
    author: str
    agreement: Agreement
    sent_by: str
    frozen_at: datetime
    started_at: datetime | None
    finished_at: datetime
    stopped_by: str
    is_stopped: bool
    totals: Totals
    rows: tuple[Row, ...]
    # The fingerprint of the sealed proof that this one takes the place of; empty in the first, and in form 1.
    replaces: str = ""
    form: str = FORM

    @property
    def last_fact_at(self) -> datetime:
        """When the last thing that is told here happened; it dates the content without a clock."""
        facts = (at for row in self.rows for at in row.instants)
        return max([self.finished_at, *(at for at in facts if at is not None)])

    @property
    def states(self) -> Counter[str]:
        """How many recipients stand under each word."""
        return Counter(row.state for row in self.rows)

    @property
    def file_name(self) -> str:
        """What the files are called, without their ending."""
        return f"preuve-envoi-{self.campaign}"


def second(at: datetime) -> datetime:
    """Give an instant as the proof keeps it: UTC, without fractions."""
    return at.astimezone(UTC).replace(microsecond=0)


def optional_second(at: datetime | None) -> datetime | None:
    """Do the same with an instant that may be missing."""
    return None if at is None else second(at)


def line(words: str | None) -> str:
    """Give words as the proof keeps them on one line: nothing that cannot be shown, or that turns a text around."""
    return one_line(words or "")


def lines(words: str) -> str:
    """Do the same with a text of several lines."""
    return printable(words).replace("\t", " ")
