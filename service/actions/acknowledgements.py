"""Acknowledgements: tell who wrote that his message came, once a day; of a wish to leave, give the link that does it (D15)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.actions import bells, deliveries
from service.actions.office import Office
from service.core import addresses, french
from service.core.vocabulary import DeliveryState, InboundKind, MailClass, MailKind, MatchedBy
from service.core.writing import markdown, rendering
from service.core.writing.heading import answered_id
from service.core.writing.letter import House, Letter
from service.core.writing.mould import Mould
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.inbound_message import InboundMessage
from service.models.member import Contact

if TYPE_CHECKING:
    # Who sends renders these mails too, and needs nothing of what reads mail (16 MB).
    from service.actions.mailbox import Reader
    from service.actions.matches import Match
    from service.core.reading.headers import Headers

# The same sender gets the next one a day later at the soonest; what is older on arrival gets none (contract, Questions).
A_DAY = timedelta(hours=24)
# Asked for by who does not want the answers of machines: [MS-OXCMAIL] 2.1.3.2.20.
_WANTS_SILENCE = re.compile(r"\b(?:all|oof|autoreply)\b", re.IGNORECASE)
# What came through a mailing list is not answered to who wrote it there (RFC 3834 2).
_OF_A_LIST = ("list-id", "list-post", "list-unsubscribe", "mailing-list", "x-mailing-list")
_KINDS = (MailKind.ACKNOWLEDGEMENT, MailKind.UNSUBSCRIBE_LINK)
_LEAVABLE = (MailClass.NEWSLETTER, MailClass.COOPERATIVE)


def order(
    session: Session,
    row: InboundMessage,
    headers: Headers,
    match: Match,
    *,
    reader: Reader,
    now: datetime,
) -> Delivery | None:
    """Order the mail that a message read just now is answered with by itself; None where there is to be none.

    A question has its coming told; a wish to leave gets the link of the list, since nobody leaves by a mail that anybody
    can write. At most one of each a sender and day, only to the address on file of a member who wrote from it, never to
    a machine or a list, never about what is older than a day (D15; RFC 3834 2).
    """
    contact = match.contact
    if not reader.domain or contact is None or not contact.email or not match.same_address:
        return None
    if row.received_at <= now - A_DAY or _wants_none(headers):
        return None
    cause = _cause(session, row, match, contact)
    if cause is None:
        return None
    kind, subject, subject_id = cause
    fingerprint = addresses.fingerprint(contact.email, reader.secret)
    days = [at.astimezone(reader.zone).date().isoformat() for at in (now, now - A_DAY)]
    today, yesterday = (f"{kind}:{fingerprint}:{day}" for day in days)
    lately = select(Delivery.id).where(Delivery.key.in_([today, yesterday]), Delivery.created_at > now - A_DAY)
    if session.scalar(lately.limit(1)) is not None:
        return None
    try:
        # Two messages of one sender may be read at once: the key lets one of them be told.
        with session.begin_nested():
            delivery = deliveries.order(
                session,
                key=today,
                kind=kind,
                address=contact.email,
                fields={"to_name": contact.name},
                subject=subject,
                subject_id=subject_id,
                domain=reader.domain,
                secret=reader.secret,
                now=now,
                contact=contact,
                in_reply_to=answered_id(row.message_id),
            )
    except IntegrityError:
        return None
    bells.ring(session, "post", delivery.id)
    return delivery


def of(session: Session, row: InboundMessage) -> Delivery | None:
    """Find the mail that a message was answered with by itself, if one was."""
    if row.contact_id is None or not (thread := answered_id(row.message_id)):
        return None
    mine = Delivery.contact_id == row.contact_id, Delivery.in_reply_to == thread, Delivery.kind.in_(_KINDS)
    return session.scalar(select(Delivery).where(*mine).order_by(Delivery.id).limit(1))


def mould_of(session: Session, kind: MailKind, subject_id: int, office: Office) -> Mould:
    """Render what a message is answered with by itself. Refuses (LookupError) where there is no list to leave any more."""
    if kind is MailKind.ACKNOWLEDGEMENT:
        title, preheader = "Nous avons bien reçu votre message", "Une personne de l’équipe le lit et vous répond."
        body = _received(session, subject_id, office.house)
    else:
        title = "Ne plus recevoir nos messages : à confirmer"
        preheader, body = (
            "Ouvrez la page et confirmez : rien ne change avant.",
            _how_to_leave(session, subject_id, office),
        )
    letter = Letter(kind, MailClass.TRANSACTIONAL, title, preheader, body)
    sender = str(office.transactional.sender)
    return rendering.compose(letter, office.house, None, templates=office.templates, sender=sender)


def _wants_none(headers: Headers) -> bool:
    wants_silence = _WANTS_SILENCE.search(headers.header("x-auto-response-suppress"))
    return bool(wants_silence) or any(headers.header(name) for name in _OF_A_LIST)


def _cause(session: Session, row: InboundMessage, match: Match, contact: Contact) -> tuple[MailKind, str, int] | None:
    """Say which mail is called for, and the row that it is about."""
    if row.kind is InboundKind.QUESTION:
        return MailKind.ACKNOWLEDGEMENT, "inbound_message", row.id
    if row.kind is not InboundKind.UNSUBSCRIBE or _may_be_another(session, match, contact):
        return None
    left = _that_can_be_left(session, match, contact)
    return None if left is None else (MailKind.UNSUBSCRIBE_LINK, "delivery", left)


def _may_be_another(session: Session, match: Match, contact: Contact) -> bool:
    """Whether the address alone says who wrote, and several people read it: none of them is taken for the other."""
    if match.by is not MatchedBy.SENDER:
        return False
    readers = select(func.count()).where(Contact.email_key == contact.email_key)
    return (session.scalar(readers) or 0) > 1


def _that_can_be_left(session: Session, match: Match, contact: Contact) -> int | None:
    """Give the mail whose list somebody wants to leave: the one that he answers, else the last that he received."""
    answered = match.delivery
    if answered is not None and answered.campaign_id is not None and answered.mail_class.can_be_left:
        return answered.id
    received = (
        Delivery.contact_id == contact.id,
        Delivery.campaign_id.is_not(None),
        Delivery.mail_class.in_(_LEAVABLE),
        Delivery.state == DeliveryState.ACCEPTED,
    )
    return session.scalar(select(Delivery.id).where(*received).order_by(Delivery.id.desc()).limit(1))


def _received(session: Session, message_id: int, house: House) -> str:
    row = session.get_one(InboundMessage, message_id)
    is_sure = row.matched_by is not MatchedBy.SENDER and row.contact_id is not None
    # What was written is not repeated: a From only claims, and a stranger's words would leave in our name.
    return "\n\n".join(
        [
            _greeting(session.get(Contact, row.contact_id) if is_sure else None),
            "Nous avons bien reçu votre message. Une personne de l’équipe le lit et vous répond.",
            "Quelque chose à ajouter ? Vous avez changé d’avis ? Répondez à ce message.",
            _signature(house),
        ]
    )


def _how_to_leave(session: Session, delivery_id: int, office: Office) -> str:
    delivery = session.get_one(Delivery, delivery_id)
    contact = session.get(Contact, delivery.contact_id) if delivery.contact_id is not None else None
    if contact is None or delivery.campaign_id is None:
        raise LookupError(f"delivery {delivery_id} names no list that somebody can leave")
    left = session.get_one(Campaign, delivery.campaign_id).home_list.name
    what = (
        f"Vous nous avez écrit pour ne plus recevoir nos messages. Pour quitter « {markdown.as_typed(left)} », ouvrez cette "
        "page et confirmez :"
    )
    button = f"[bouton: Ne plus recevoir ces messages]({office.unsubscribe_url(delivery.id, contact.link_version)})"
    until_then = (
        "Tant que vous n’avez pas confirmé, rien ne change : quelqu’un d’autre a pu écrire en votre nom. Les convocations "
        "aux assemblées vous parviendront toujours."
    )
    return "\n\n".join([_greeting(contact), what, button, until_then, _signature(office.house)])


def _greeting(contact: Contact | None) -> str:
    given = contact.given_name.strip() if contact is not None else ""
    return f"Bonjour {markdown.as_typed(given)}," if given else "Bonjour,"


def _signature(house: House) -> str:
    return f"L’équipe {markdown.as_typed(french.de(house.name))}"
