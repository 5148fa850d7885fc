"""Matches: which of our mails does a message answer or report on, who wrote it, and how do we know (S3, D16)?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from service.actions import traces
from service.core import addresses, relay_names, tokens
from service.core.reading import authentication
from service.core.reading.content import Content
from service.core.reading.ours import Ours
from service.core.reading.parsing import Message
from service.core.vocabulary import InboundKind, MatchedBy, SenderCheck, TokenRefusal
from service.models.delivery import Delivery
from service.models.member import Contact

# Of a From with endless names: enough to find a member among them.
_AUTHORS = 10
# Of what a message that is no report answers; its writer may have made up all of them.
_MOST_ANSWERED = 4
_REPORTS = (InboundKind.BOUNCE, InboundKind.DELIVERY_NOTICE)


@dataclass(frozen=True, slots=True)
class Match:
    """Which of our mails a message answers, who wrote it, and how we know.

    Whom a mail went to is the contact, also where somebody else answers it; only `same_address` says that he wrote.
    """

    by: MatchedBy
    delivery: Delivery | None = None
    contact: Contact | None = None
    same_address: bool = True
    check: SenderCheck = SenderCheck.UNKNOWN

    @property
    def is_sure(self) -> bool:
        """Whether our token or our Message-ID names the mail: all else may be guessed, or meant for somebody else."""
        return self.by.is_sure


@dataclass(frozen=True, slots=True)
class Trace:
    """Which mail of ours is meant where neither our token nor our Message-ID came back, and how we know."""

    by: MatchedBy
    delivery_id: int


def trace(session: Session, content: Content, secret: bytes, *, at: datetime) -> Trace | None:
    """Look for the mail that is meant where nothing sure names it: by what the relay called it, then by its recipient (D16).

    A report names the address that its mail went to. One that names no mail at all is tied to the only one that its
    recipient got in the five days before `at`, its arrival. This may take seconds: for a session that only reads.
    """
    message = content.message
    if message is None or _surely(session, message, content, secret) is not None:
        return None
    mentioned = _mentioned(message, content)
    delivery = _named_by_relay(session, message, content, mentioned, at=at)
    if delivery is not None:
        return Trace(MatchedBy.RELAY, delivery.id)
    if not mentioned and not _carries_token(message, content):
        delivery = _only_one_to(session, content, at=at)
    return Trace(MatchedBy.RECIPIENT, delivery.id) if delivery is not None else None


def find(session: Session, content: Content, secret: bytes, *, traced: Trace | None, authserv_id: str = "") -> Match:
    """Token first, then In-Reply-To, then References, then what `trace` found, then who wrote (S3, D16).

    A report says in fields of its own which mail it is about: they count behind the same three of the message itself. By
    its From alone a message suggests a member; where that From is doubtful it suggests nobody, and is kept for somebody
    to read. `authserv_id` is the server whose word on the sender counts.
    """
    message = content.message
    if message is None:
        return Match(MatchedBy.NOTHING)
    check = _check(message, authserv_id)
    found = _surely(session, message, content, secret)
    if found is not None:
        return _matched(session, message, *found, check)
    delivery = session.get(Delivery, traced.delivery_id) if traced is not None else None
    if traced is not None and delivery is not None:
        return _matched(session, message, traced.by, delivery, check)
    return _by_sender(session, message, check)


def _surely(session: Session, message: Message, content: Content, secret: bytes) -> tuple[MatchedBy, Delivery] | None:
    for number in _tokens(message, content, secret):
        delivery = session.get(Delivery, number) if number is not None else None
        if delivery is not None:
            return MatchedBy.TOKEN, delivery
    for by, said in (
        (MatchedBy.IN_REPLY_TO, [message.in_reply_to]),
        (MatchedBy.REFERENCES, list(message.references[-20:])),
        (MatchedBy.REFERENCES, _returned(content)),
    ):
        known = [one for one in said if one]
        delivery = session.scalar(Delivery.known_as(known).limit(1)) if known else None
        if delivery is not None:
            return by, delivery
    return None


def _returned(content: Content) -> list[str]:
    reported = [one for bounce in content.reported[:1] for one in bounce.original_message_ids]
    return [*reported, *(one.strip() for one in content.returned_ids)]


def _mentioned(message: Message, content: Content) -> list[str]:
    """What it answers stands last in References, and is the likeliest to be ours."""
    mentioned = (message.in_reply_to, *reversed(message.references[-20:]), *_returned(content))
    return [one for one in dict.fromkeys(mentioned) if one]


def _by_sender(session: Session, message: Message, check: SenderCheck) -> Match:
    known = (session.scalar(Contact.at(addresses.key(one)).limit(1)) for one in message.authors[:_AUTHORS])
    contact = next((one for one in known if one is not None), None)
    if contact is None:
        return Match(MatchedBy.NOTHING, check=check)
    if check.is_doubtful:
        return Match(MatchedBy.SENDER, same_address=False, check=check)
    return Match(MatchedBy.SENDER, contact=contact, check=check)


def _check(message: Message, authserv_id: str) -> SenderCheck:
    if message.authors and not message.has_one_author:
        return SenderCheck.SEVERAL
    said = {"pass": SenderCheck.PASSED, "fail": SenderCheck.FAILED}
    return said.get(authentication.of(message, authserv_id).dmarc, SenderCheck.UNKNOWN)


def refused_token(session: Session, content: Content, secret: bytes, *, ours: Ours) -> TokenRefusal | None:
    """Say whether an address of ours, or a report, carries what looks like a token of ours and is none, or none any more."""
    message = content.message
    if message is None or not _carries_token(message, content, ours):
        return None
    numbers = {number for number in _tokens(message, content, secret) if number is not None}
    if not numbers:
        return TokenRefusal.FORGED
    return None if any(session.get(Delivery, number) for number in numbers) else TokenRefusal.EXPIRED


def _carries_token(message: Message, content: Content, ours: Ours | None = None) -> bool:
    """Whether there is what looks like a token, genuine or not; at our own domains where they are given."""
    addressed = (
        one
        for one in (*message.recipients, *content.returned_to)
        if ours is None or addresses.domain_of(one) in ours.domains
    )
    return any(map(tokens.looks_like_token, (*addressed, *(bounce.envelope_id for bounce in content.reported[:1]))))


def _named_by_relay(
    session: Session, message: Message, content: Content, mentioned: list[str], *, at: datetime
) -> Delivery | None:
    """Of a report: a mail to whom it says was not reached. A name can be guessed, and relays give the short ones again."""
    kind = content.recognised.kind
    is_report = kind in _REPORTS
    looked_for = mentioned if is_report else mentioned[:_MOST_ANSWERED]
    names = [*content.relay_names, *(name for one in looked_for for name in relay_names.of_message_id(one))]
    if not is_report:
        return traces.answered(session, names, message.from_address, at=at)
    failed = [one.address for one in content.reported if one.action == "failed" or kind is not InboundKind.BOUNCE]
    return traces.reported(session, names, failed, at=at)


def _only_one_to(session: Session, content: Content, *, at: datetime) -> Delivery | None:
    """Of a report on one failure that names no mail: one with the id of another envelope is about another mail."""
    if content.recognised.kind is not InboundKind.BOUNCE or len(content.reported) != 1:
        return None
    (bounce,) = content.reported
    is_of_no_mail = bounce.is_reported and bounce.action == "failed" and not bounce.envelope_id
    return traces.only_one_to(session, bounce.address, at=at) if is_of_no_mail else None


def _tokens(message: Message, content: Content, secret: bytes) -> Iterator[int | None]:
    """Give what the tokens of a message name, None for a forged one: where it came to, then what it reports on (D16)."""
    for address in message.recipients:
        yield tokens.find_address_token(address, secret)
    for bounce in content.reported[:1]:
        yield tokens.read_address_token(bounce.envelope_id, secret)
    for address in content.returned_to:
        yield tokens.find_address_token(address, secret)


def _matched(session: Session, message: Message, by: MatchedBy, delivery: Delivery, check: SenderCheck) -> Match:
    contact = session.get(Contact, delivery.contact_id) if delivery.contact_id is not None else None
    ours = {addresses.key(delivery.address), contact.email_key if contact else None}
    same_address = addresses.key(message.from_address) in ours and not check.is_doubtful
    return Match(by, delivery, contact, same_address, check)
