"""Matches: which of our mails does a message answer or report on, who wrote it, and how do we know (S3, D16)?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.orm import Session

from service.core import addresses, tokens
from service.core.reading.content import Content
from service.core.reading.parsing import Message
from service.core.vocabulary import MatchedBy
from service.models.delivery import Delivery
from service.models.member import Contact


@dataclass(frozen=True, slots=True)
class Match:
    """Which of our mails a message answers, who wrote it, and how we know."""

    by: MatchedBy
    delivery: Delivery | None = None
    contact: Contact | None = None
    same_address: bool = True


def find(session: Session, content: Content, secret: bytes) -> Match:
    """Token first, then In-Reply-To, then References, then who wrote: only the first three tie to a mail (S3).

    A report says in fields of its own which mail it is about: they count behind the same three of the message itself.
    """
    message = content.message
    if message is None:
        return Match(MatchedBy.NOTHING)
    for number in _tokens(message, content, secret):
        delivery = session.get(Delivery, number) if number is not None else None
        if delivery is not None:
            return _matched(session, message, delivery, MatchedBy.TOKEN)
    reported = [one for bounce in content.reported[:1] for one in bounce.original_message_ids]
    returned = [*reported, *(one.strip() for one in content.returned_ids)]
    for by, known in (
        (MatchedBy.IN_REPLY_TO, [message.in_reply_to]),
        (MatchedBy.REFERENCES, list(message.references[-20:])),
        (MatchedBy.REFERENCES, returned),
    ):
        delivery = session.scalar(Delivery.known_as([one for one in known if one]).limit(1))
        if delivery is not None:
            return _matched(session, message, delivery, by)
    contact = session.scalar(Contact.at(addresses.key(message.from_address)).limit(1)) if message.from_address else None
    return Match(MatchedBy.SENDER, contact=contact) if contact is not None else Match(MatchedBy.NOTHING)


def _tokens(message: Message, content: Content, secret: bytes) -> Iterator[int | None]:
    """Give what the tokens of a message name, None for a forged one: where it came to, then what it reports on (D16)."""
    for address in message.recipients:
        yield tokens.find_address_token(address, secret)
    for bounce in content.reported[:1]:
        yield tokens.read_address_token(bounce.envelope_id, secret)
    for address in content.returned_to:
        yield tokens.find_address_token(address, secret)


def _matched(session: Session, message: Message, delivery: Delivery, by: MatchedBy) -> Match:
    contact = session.get(Contact, delivery.contact_id) if delivery.contact_id is not None else None
    ours = {addresses.key(delivery.address), contact.email_key if contact else None}
    return Match(by, delivery, contact, addresses.key(message.from_address) in ours)
