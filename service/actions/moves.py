"""Moves: the team changes where a contact is written to, and both addresses are told: nobody's mail moves unseen."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.actions import bells, deliveries, members, suppressions
from service.actions.office import Office
from service.core import addresses
from service.core.vocabulary import MailClass, MailKind
from service.core.writing import markdown, rendering
from service.core.writing.letter import Letter
from service.core.writing.mould import Mould
from service.models.delivery import Delivery
from service.models.journal import JournalEntry
from service.models.member import Contact
from service.models.staff import Staff

_NOT_YOURS = "Ce changement n’est pas le vôtre, ou ce n’est pas ce que vous vouliez ? Répondez à ce message : nous le corrigerons."

_A_DAY = timedelta(days=1)
# Of a delivery: its address stood long enough to be the member's own.
_IS_KNOWN = "is_known"


def change_address(
    session: Session, contact: Contact, email: str, office: Office, *, by: Staff, now: datetime
) -> list[Delivery]:
    """Change where a contact is written to, and order the mails that say so; the same address changes and tells nothing.

    The former address is not told where its own server does not know it. Where the team had typed it less than a day
    before, it is taken for a mistake that may have reached a stranger: he reads neither the name nor the new address.
    Refuses one that cannot be written to.
    """
    before, address = contact.email, addresses.normalise(email)
    if before is not None and addresses.key(before) == addresses.key(address):
        return []
    barred = suppressions.barred(session, [contact], secret=office.secret).get(contact.id)
    entry = members.change_address(session, contact, address, by=by.id, now=now)
    told = [(address, {"to_name": contact.name})]
    if before is not None and not (barred and barred.code):
        is_known = not _was_just_typed(session, contact, entry, now)
        told.insert(0, (before, {"to_name": contact.name, _IS_KNOWN: "yes"} if is_known else {}))
    return [
        _tell(session, contact, one, fields, f"move:{entry}:{place}", office, now)
        for place, (one, fields) in enumerate(told)
    ]


def mould_of(contact: Contact, office: Office, *, address: str, fields: dict[str, str]) -> Mould:
    """Render what one of the two addresses is told; `fields` are those of its delivery."""
    given, current = contact.given_name, contact.email or ""
    if addresses.key(address) == addresses.key(current):
        words = f"Nos prochains messages iront à cette adresse, {markdown.as_typed(current)}."
    elif fields.get(_IS_KNOWN):
        words = f"Nos prochains messages n’iront plus à cette adresse, mais à {markdown.as_typed(current)}."
    else:
        # Also to a new address that was corrected before its own mail has left.
        given, words = "", "Nos prochains messages n’iront plus à cette adresse, mais à une autre adresse."
    parts = [f"Bonjour {markdown.as_typed(given)}," if given.strip() else "Bonjour,", words, _NOT_YOURS]
    body = "\n\n".join([*parts, markdown.as_typed(office.house.name)])
    letter = Letter(MailKind.MOVE, MailClass.TRANSACTIONAL, "Votre adresse a changé chez nous", "", body)
    sender = str(office.transactional.sender)
    return rendering.compose(letter, office.house, None, templates=office.templates, sender=sender)


def _was_just_typed(session: Session, contact: Contact, entry: int, now: datetime) -> bool:
    """Whether a hand had changed where the contact is written to in the day before this entry of the journal."""
    earlier = select(JournalEntry.id).where(
        JournalEntry.id < entry,
        JournalEntry.act == "contact.address",
        JournalEntry.subject == "contact",
        JournalEntry.subject_id == contact.id,
        JournalEntry.at > now - _A_DAY,
    )
    return session.scalar(earlier.limit(1)) is not None


def _tell(
    session: Session, contact: Contact, address: str, fields: dict[str, str], key: str, office: Office, now: datetime
) -> Delivery:
    delivery = deliveries.order(
        session,
        key=key,
        kind=MailKind.MOVE,
        address=address,
        fields=fields,
        subject="contact",
        subject_id=contact.id,
        domain=office.transactional.sender.domain,
        secret=office.secret,
        now=now,
        contact=contact,
    )
    bells.ring(session, "post", delivery.id)
    return delivery
