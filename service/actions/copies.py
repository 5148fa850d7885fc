"""Copies: was this very message read before, in another folder, by another way, or under another number? (R8)"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.core.reading import copies
from service.core.reading.content import Content
from service.core.vocabulary import InboundState
from service.models.inbound_message import InboundMessage


def key_of(row: InboundMessage, content: Content) -> str | None:
    """Give what the copies of a message have in common; None where nothing of it was kept.

    Of a header alone without Message-ID only the very same bytes are a copy: it says too little of what was written.
    """
    message = content.message
    if message is None:
        return None
    return (copies.key(message) if message.message_id or not row.head_only else "") or row.sha256


def key_of_unread(raw: bytes | None, *, head_only: bool) -> str:
    """Give what `key_of` would, of a message that nobody could read; empty where only the very same bytes are a copy."""
    return copies.key_of_bytes(raw, by_id_alone=head_only) if raw is not None else ""


def first_of(session: Session, row: InboundMessage, key: str | None) -> InboundMessage | None:
    """Find the message that stands for all its copies, this one aside, and keep others from changing it meanwhile."""
    if key is None:
        return None
    # What was read by a former version is known by its bytes.
    query = InboundMessage.standing_for([key, row.sha256]).where(InboundMessage.id != row.id)
    return session.scalar(query.with_for_update().execution_options(populate_existing=True))


def take_in(session: Session, row: InboundMessage, key: str | None) -> InboundMessage | None:
    """Have a message stand for its copies, or be one: then the one that stands for it is returned.

    Two copies that are read at the same moment: the unique key of the database lets one of them stand.
    """
    if key is None:
        return None
    first = first_of(session, row, key)
    if first is None:
        try:
            with session.begin_nested():
                row.content_key = key
                session.flush()
        except IntegrityError:
            first = first_of(session, row, key)
            if first is None:
                raise
    if first is not None:
        row.copy_of, row.content_key = first.id, key
    return first


def take_in_set_aside(session: Session, row: InboundMessage, key: str) -> InboundMessage | None:
    """Have a message that nobody could read be a copy of one that was read, else stand for its like; `key` may be empty.

    A copy that is read later opens a question of its own: its words must be seen.
    """
    read = first_of(session, row, key or None)
    if read is None:
        return take_in(session, row, copies.key_when_set_aside(key) if key else row.sha256)
    row.copy_of, row.content_key = read.id, key
    return read


def shares_its_id(session: Session, row: InboundMessage, message_id: str) -> bool:
    """Whether another message bears the same Message-ID and says something else: both are kept (S3)."""
    if not message_id:
        return False
    other = select(InboundMessage.id).where(
        InboundMessage.message_id == message_id,
        InboundMessage.state == InboundState.TREATED,
        InboundMessage.id != row.id,
        InboundMessage.content_key != row.content_key,
        InboundMessage.content_key != row.sha256,
    )
    return session.scalar(other.limit(1)) is not None
