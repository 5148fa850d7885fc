"""Incoming messages: the raw bytes first, then what was read in them; and how far each folder was read."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    and_,
    false,
    or_,
    select,
    text,
)
from sqlalchemy.orm import Mapped
from sqlalchemy.sql import ColumnElement, Select

from service.core import pacing
from service.core.vocabulary import (
    InboundKind,
    InboundState,
    MailFolder,
    MatchedBy,
    RefusedWhat,
    SenderCheck,
    TokenRefusal,
)
from service.models.base import EXCHANGE, WORKING, Base, Instant, column, number, ref, words

# As words, so that SQLite sees that the index below serves.
_TO_FILE = "state = 'treated' AND matched_by <> 'nothing' AND filed_at IS NULL"


class InboundMessage(Base):
    """One message of the mailbox; it is in exactly one place (I5)."""

    __tablename__ = "inbound_message"
    __table_args__ = (
        UniqueConstraint("account", "folder", "uidvalidity", "uid"),
        Index("ix_inbound_message_sha256", "sha256"),
        Index(
            "ix_inbound_message_token_refused",
            "treated_at",
            sqlite_where=text("token_refused IS NOT NULL"),
            postgresql_where=text("token_refused IS NOT NULL"),
        ),
        # One message stands for all its copies (R8).
        Index(
            "uq_inbound_message_first",
            "content_key",
            unique=True,
            sqlite_where=text("copy_of IS NULL"),
            postgresql_where=text("copy_of IS NULL"),
        ),
        Index(
            "ix_inbound_message_to_file",
            "account",
            "folder",
            sqlite_where=text(_TO_FILE),
            postgresql_where=text(_TO_FILE),
        ),
    )

    id: Mapped[int] = number()
    account: Mapped[str] = column(String(254), EXCHANGE)
    folder: Mapped[str] = column(String(254), EXCHANGE)
    uidvalidity: Mapped[int] = column(BigInteger, EXCHANGE)
    uid: Mapped[int] = column(BigInteger, EXCHANGE)
    # INTERNALDATE, not the Date header, which the sender makes up. Of a missed message whose server told neither its
    # arrival nor its size: when it was missed first, and 0.
    received_at: Mapped[datetime] = column(Instant, EXCHANGE)
    stored_at: Mapped[datetime] = column(Instant, EXCHANGE)
    size: Mapped[int] = column(Integer, EXCHANGE)
    # Absent when the message is missed, or is none of ours and was left in the mailbox: of that, who wrote and the subject
    # alone are kept, for 30 days, and of junk nothing.
    raw: Mapped[bytes | None] = column(LargeBinary, EXCHANGE, deferred=True)
    sha256: Mapped[str] = column(String(64), EXCHANGE)
    # Whether `raw` is its header alone: it was too large.
    head_only: Mapped[bool] = column(Boolean, EXCHANGE, default=False, server_default=false())
    # What all copies of a message have in common, and of a copy which one stands for it; a number alone: SQLite adds no
    # reference to a table that is there. Of what was read by a former version: the fingerprint of its bytes.
    content_key: Mapped[str | None] = column(String(64), EXCHANGE, index=True)
    copy_of: Mapped[int | None] = column(BigInteger, EXCHANGE)
    # Whether another message bore its Message-ID before, and said something else.
    id_shared: Mapped[bool] = column(Boolean, EXCHANGE, default=False, server_default=false())
    # Whether it lay in the provider's folder for junk.
    from_junk: Mapped[bool] = column(Boolean, EXCHANGE, default=False, server_default=false())

    state: Mapped[InboundState] = column(words(InboundState), EXCHANGE, default=InboundState.STORED, index=True)
    treated_at: Mapped[datetime | None] = column(Instant, EXCHANGE)
    rung_at: Mapped[datetime | None] = column(Instant, WORKING)
    # How often its reading began, and before when it does not begin again: a message may end the process that reads it.
    # Of a missed one: how often its server did not give it, and when it is asked for again.
    attempts: Mapped[int] = column(Integer, WORKING, default=0)
    next_attempt_at: Mapped[datetime | None] = column(Instant, WORKING)
    kind: Mapped[InboundKind | None] = column(words(InboundKind), EXCHANGE)
    reason: Mapped[str] = column(String(400), EXCHANGE, default="")
    from_address: Mapped[str] = column(String(254), EXCHANGE, default="")
    from_name: Mapped[str] = column(String(200), EXCHANGE, default="")
    subject: Mapped[str] = column(String(998), EXCHANGE, default="")
    message_id: Mapped[str] = column(String(998), EXCHANGE, default="", index=True)
    reply: Mapped[str] = column(Text, EXCHANGE, default="")
    signature: Mapped[str] = column(Text, EXCHANGE, default="")
    quoted: Mapped[str] = column(Text, EXCHANGE, default="")
    delivery_id: Mapped[int | None] = ref("delivery.id", EXCHANGE)
    contact_id: Mapped[int | None] = ref("contact.id", EXCHANGE, ondelete="SET NULL")
    matched_by: Mapped[MatchedBy | None] = column(words(MatchedBy), EXCHANGE)
    # Why a token in it was not believed; such messages are counted.
    token_refused: Mapped[TokenRefusal | None] = column(words(TokenRefusal), EXCHANGE)
    # What was read before anybody looked is unknown.
    sender_check: Mapped[SenderCheck] = column(
        words(SenderCheck), EXCHANGE, default=SenderCheck.UNKNOWN, server_default=text("'unknown'")
    )
    # Into which folder of the mailbox it was put, written down before that is done, and when it was found there no more.
    # Without a folder: somebody had taken it away, or a former version, which moved nothing, read it.
    filed_in: Mapped[MailFolder | None] = column(words(MailFolder), EXCHANGE)
    filed_at: Mapped[datetime | None] = column(Instant, EXCHANGE)

    @property
    def is_given_up(self) -> bool:
        """Whether its reading began so often without an end that it is not tried again."""
        return self.attempts >= pacing.MOST_READINGS

    @property
    def lies_in(self) -> str:
        """The folder of the mailbox where it is to be found: the one it came into, or the one that it was moved to."""
        return self.filed_in.value if self.filed_in is not None else self.folder

    def take_attempt(self, *, now: datetime) -> None:
        """Count a reading that begins; until its pause is over no other begins."""
        self.attempts += 1
        self.next_attempt_at = pacing.next_reading(self.attempts, now=now)

    def miss(self, *, now: datetime) -> None:
        """Count that the server did not give it, and say when it is asked for again."""
        self.attempts += 1
        self.next_attempt_at = pacing.next_fetch(self.attempts, now=now)

    @staticmethod
    def is_missed_in(account: str, folder: str) -> ColumnElement[bool]:
        """Whether a message is one of a folder that its server named and did not give."""
        return and_(
            InboundMessage.state == InboundState.MISSED,
            InboundMessage.account == account,
            InboundMessage.folder == folder,
        )

    @staticmethod
    def lies_only_in(account: str, folder: str) -> ColumnElement[bool]:
        """Whether the bytes of a message are in its folder alone: it was missed, or is none of ours."""
        return and_(
            InboundMessage.state.in_((InboundState.MISSED, InboundState.LEFT_IN_PLACE)),
            InboundMessage.account == account,
            InboundMessage.folder == folder,
        )

    @staticmethod
    def other_mail() -> Select[InboundMessage]:
        """The mail of strangers that answers nothing of ours and was left in the mailbox, junk aside, the newest first."""
        return (
            select(InboundMessage)
            .where(InboundMessage.state == InboundState.LEFT_IN_PLACE, ~InboundMessage.from_junk)
            .order_by(InboundMessage.received_at.desc(), InboundMessage.id.desc())
        )

    def ask_for(self, *, now: datetime) -> None:
        """Have its bytes fetched again, as those of a missed message are, since somebody of the team wants it read."""
        self.state, self.matched_by, self.kind, self.reason = InboundState.MISSED, MatchedBy.STAFF, None, ""
        self.stored_at, self.treated_at = now, None
        self.attempts, self.next_attempt_at = 0, now

    @staticmethod
    def to_ask_again(account: str, folder: str, uidvalidity: int, now: datetime) -> Select[InboundMessage]:
        """The missed messages of a folder whose pause is over, the oldest first."""
        return (
            select(InboundMessage)
            .where(
                InboundMessage.is_missed_in(account, folder),
                InboundMessage.uidvalidity == uidvalidity,
                InboundMessage.next_attempt_at <= now,
            )
            .order_by(InboundMessage.id)
        )

    @staticmethod
    def is_token_refused_since(since: datetime) -> ColumnElement[bool]:
        """Whether a message was read since an instant and carried a token that was not believed."""
        return and_(InboundMessage.token_refused.is_not(None), InboundMessage.treated_at >= since)

    @staticmethod
    def to_file(account: str, folder: str = "", uidvalidity: int | None = None) -> Select[InboundMessage]:
        """The messages of ours that were read and lie still in the folder that they came to, the oldest first."""
        found = select(InboundMessage).where(InboundMessage.account == account, text(_TO_FILE))
        if folder:
            found = found.where(InboundMessage.folder == folder)
        if uidvalidity is not None:
            found = found.where(InboundMessage.uidvalidity == uidvalidity)
        return found.order_by(InboundMessage.id)

    @staticmethod
    def missed_since(since: datetime) -> Select[InboundMessage]:
        """The messages, junk aside, that were missed for the first time at an instant or before, the oldest first."""
        return (
            select(InboundMessage)
            .where(
                InboundMessage.state == InboundState.MISSED,
                InboundMessage.stored_at <= since,
                ~InboundMessage.from_junk,
            )
            .order_by(InboundMessage.id)
        )

    @staticmethod
    def to_read(now: datetime) -> Select[InboundMessage]:
        """The stored messages not read yet, the oldest first, without those that are tried or pause after a try."""
        return (
            select(InboundMessage)
            .where(
                InboundMessage.state == InboundState.STORED,
                or_(InboundMessage.next_attempt_at.is_(None), InboundMessage.next_attempt_at <= now),
            )
            .order_by(InboundMessage.id)
        )

    @staticmethod
    def standing_for(keys: list[str]) -> Select[InboundMessage]:
        """The message that stands for all copies of these contents."""
        return (
            select(InboundMessage)
            .where(InboundMessage.content_key.in_(keys), InboundMessage.copy_of.is_(None))
            .order_by(InboundMessage.id)
            .limit(1)
        )

    @staticmethod
    def automatic() -> Select[InboundMessage]:
        """The messages that machines wrote in answer to ours, each once, the newest first."""
        for_people = (InboundKind.QUESTION, InboundKind.UNSUBSCRIBE, InboundKind.UNREADABLE)
        return (
            select(InboundMessage)
            .where(
                InboundMessage.state == InboundState.TREATED,
                InboundMessage.kind.not_in(for_people),
                InboundMessage.copy_of.is_(None),
            )
            .order_by(InboundMessage.received_at.desc(), InboundMessage.id.desc())
        )


class MailboxCursor(Base):
    """How far one folder was read: the last UID under its UIDVALIDITY (RFC 3501 2.3.1.1)."""

    __tablename__ = "mailbox_cursor"
    __table_args__ = (UniqueConstraint("account", "folder"),)

    id: Mapped[int] = number()
    account: Mapped[str] = column(String(254), WORKING)
    folder: Mapped[str] = column(String(254), WORKING)
    uidvalidity: Mapped[int] = column(BigInteger, WORKING)
    last_uid: Mapped[int] = column(BigInteger, WORKING, default=0)
    # How many lines died, one after the other, while the message above the cursor was asked for.
    lines_lost: Mapped[int] = column(Integer, WORKING, default=0, server_default=text("0"))
    read_at: Mapped[datetime] = column(Instant, WORKING)
    # How often in a row the server refused to move something out of it, and when that is tried again.
    moves_refused: Mapped[int] = column(Integer, WORKING, default=0, server_default=text("0"))
    file_again_at: Mapped[datetime | None] = column(Instant, WORKING)

    def note_moves(self, *, refused: bool, now: datetime) -> None:
        """Write down whether the server moves what it is asked to; where it refuses, when it is asked again."""
        self.moves_refused = self.moves_refused + 1 if refused else 0
        self.file_again_at = now + pacing.move_pause(self.moves_refused) if refused else None


class LoginRefusal(Base):
    """The password or the agreement of a mailbox that is refused, from the first refusal to the next login."""

    __tablename__ = "login_refusal"

    account: Mapped[str] = column(String(254), WORKING, primary_key=True)
    why: Mapped[RefusedWhat] = column(words(RefusedWhat), WORKING)
    since: Mapped[datetime] = column(Instant, WORKING)


class MailboxRoom(Base):
    """How full a mailbox was when its server was asked last; no row where its server does not tell (RFC 9208)."""

    __tablename__ = "mailbox_room"

    account: Mapped[str] = column(String(254), WORKING, primary_key=True)
    percent: Mapped[int] = column(Integer, WORKING)
    asked_at: Mapped[datetime] = column(Instant, WORKING)
