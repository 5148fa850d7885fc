"""The cooperative's office: what all its mail has in common, and the streams in which it leaves (D3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jinja2

from service.core.tokens import ReturnAddresses, link_maker
from service.core.vocabulary import LinkPurpose, MailClass
from service.core.writing.letter import House

if TYPE_CHECKING:
    # Cryptography is loaded where a key is named.
    from service.core.dkim import Signer

# What stands behind a backslash in a quoted name (RFC 5322 section 3.2.4).
_QUOTED = re.compile(r'[\\"]')


@dataclass(frozen=True, slots=True)
class Sender:
    """A name and an address in From."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        """Where the Message-IDs of this sender belong."""
        return self.address.rpartition("@")[2]

    def __str__(self) -> str:
        """Give the mailbox as one types it: who writes the header encodes the name, and would encode it twice."""
        name = _QUOTED.sub(r"\\\g<0>", self.name)
        return f'"{name}" <{self.address}>' if name else self.address


@dataclass(frozen=True, slots=True)
class Stream:
    """How some classes of mail leave: in whose name, and where answers and errors come back to.

    What one stream makes providers think of us need not follow the others: Yahoo asks not to commingle them (D3).
    """

    sender: Sender
    returns: ReturnAddresses


@dataclass(frozen=True, slots=True)
class Office:
    """What the cooperative's mail has in common: its house style, its streams, its secret, its key."""

    house: House
    usual: Stream
    statutory: Stream
    # What answers one person, and what the team is told.
    transactional: Stream
    templates: jinja2.Environment
    secret: bytes
    # None where the relay signs, which is usual.
    signer: Signer | None = None

    def unsubscribe_url(self, delivery_id: int, link_version: int) -> str:
        """Give the address that one mail's unsubscribe button leads to."""
        token = link_maker(LinkPurpose.UNSUBSCRIBE, self.secret)
        return f"{self.house.public_url}/d/{token(delivery_id, link_version)}"

    def stream_of(self, mail_class: MailClass) -> Stream:
        """Give the stream in which a class of mail leaves."""
        match mail_class:
            case MailClass.STATUTORY:
                return self.statutory
            case MailClass.TRANSACTIONAL:
                return self.transactional
            case MailClass.NEWSLETTER | MailClass.COOPERATIVE:
                return self.usual
