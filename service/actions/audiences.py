"""Who receives a campaign, and who does not and why: the union of its lists, one mail a contact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, contains_eager

from service.core import addresses
from service.core.names import fold
from service.core.vocabulary import MailClass, SkipReason
from service.models.campaign import Campaign
from service.models.mailing_list import Subscription, Suppression
from service.models.member import Contact, Member


@dataclass(frozen=True, slots=True)
class Recipient:
    """One contact of an audience, with what fills the fields of the text, and why he is left out if he is."""

    contact_id: int
    member_id: int
    number: str | None
    name: str
    address: str
    fields: dict[str, str]
    skip: SkipReason | None = None


def resolve(session: Session, campaign: Campaign, *, secret: bytes | None = None) -> list[Recipient]:
    """List the audience of a campaign as it stands now, in the order of the contacts.

    Statutory mail goes to the main contact of each member, to each his own even where two share an address; other mail
    goes to every subscribed contact, once an address. Suppressed addresses are known only with the `secret`.
    """
    statutory = campaign.home_list.mail_class is MailClass.STATUTORY
    contacts = session.scalars(_query([target.list_id for target in campaign.targets], main_only=statutory))
    suppressed = set() if statutory or secret is None else set(session.scalars(select(Suppression.address_hmac)))
    left = set() if statutory else _who_left(session, campaign.home_list.id)
    seen: set[str] = set()
    audience = []
    for contact in contacts:
        skip = None
        if contact.email is None or contact.email_key is None:
            skip = SkipReason.NO_ADDRESS
        elif contact.id in left:
            skip = SkipReason.OPTED_OUT
        elif secret is not None and suppressed and addresses.fingerprint(contact.email, secret) in suppressed:
            skip = SkipReason.SUPPRESSED
        elif not statutory and contact.email_key in seen:
            skip = SkipReason.SHARED_ADDRESS
        # Only who is written to takes the address: the other of a couple must not go without.
        if skip is None and contact.email_key is not None:
            seen.add(contact.email_key)
        audience.append(_recipient(contact, skip))
    return audience


def some(session: Session, campaign: Campaign, *, words: str = "", limit: int = 20) -> list[Recipient]:
    """List the first who have an address in the audience of a campaign, those whose name holds every word of a search."""
    query = _query(
        [target.list_id for target in campaign.targets],
        main_only=campaign.home_list.mail_class is MailClass.STATUTORY,
    ).where(Contact.email_key.is_not(None))
    for word in fold(words).split():
        query = query.where(Member.search.contains(word, autoescape=True))
    return [_recipient(contact, None) for contact in session.scalars(query.limit(limit))]


def one(session: Session, contact_id: int) -> Recipient | None:
    """Return one contact as a recipient, for a preview; None when he is gone."""
    contact = session.get(Contact, contact_id)
    return _recipient(contact, None) if contact is not None else None


def lacking(recipients: Iterable[Recipient], fields: Iterable[str]) -> list[Recipient]:
    """List who would receive a text with a hole in it: one of these fields is empty for them."""
    needed = list(fields)
    return [one for one in recipients if one.skip is None and any(not one.fields.get(field) for field in needed)]


def personal_fields(contact: Contact) -> dict[str, str]:
    """Give what fills the fields of a text for one contact (contract, "Fields in a text")."""
    return {
        "prénom": contact.given_name,
        "nom": contact.family_name,
        "structure": contact.member.organisation,
        "collège": contact.member.college,
        "numéro": contact.member.number or "",
    }


def _who_left(session: Session, list_id: int) -> set[int]:
    """Who left the home list does not get its mail through another list of the campaign."""
    query = select(Subscription.contact_id).where(Subscription.list_id == list_id, Subscription.left_at.is_not(None))
    return set(session.scalars(query))


def _query(list_ids: list[int], *, main_only: bool) -> Select[Contact]:
    query = (
        select(Contact)
        .join(Contact.member)
        .options(contains_eager(Contact.member))
        .where(
            Member.is_present(),
            Contact.id.in_(
                select(Subscription.contact_id).where(
                    Subscription.list_id.in_(list_ids), Subscription.left_at.is_(None)
                )
            ),
        )
        .order_by(Contact.id)
    )
    return query.where(Contact.is_main) if main_only else query


def _recipient(contact: Contact, skip: SkipReason | None) -> Recipient:
    return Recipient(
        contact_id=contact.id,
        member_id=contact.member_id,
        number=contact.member.number,
        name=contact.name,
        address=contact.email or "",
        fields=personal_fields(contact),
        skip=skip,
    )
