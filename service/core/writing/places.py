"""Where in a mail do the values of each recipient go, and how is each written there?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# The values of `Mould.fill`, beside the personal fields. Addresses come normalised to ASCII; message ids with or without < >.
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
