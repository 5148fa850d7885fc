"""Members: find one by number or address, search, change an address, record a departure."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, selectinload

from service.actions import journal
from service.core import addresses
from service.core.names import fold
from service.core.refusals import Conflict, NotFound, Refusal
from service.core.vocabulary import LeavingReason
from service.models.member import Contact, Member


def find(session: Session, who: str) -> Member:
    """Return a member by number, or by address. Refuses an address that several members share, naming their numbers."""
    member = session.scalar(select(Member).where(Member.number == who.strip()))
    if member is not None:
        return member
    sharing = list(
        session.scalars(
            select(Member)
            .join(Contact)
            .where(Contact.email_key == addresses.key(who.strip()))
            .distinct()
            .order_by(Member.id)
        )
    )
    if not sharing:
        raise NotFound(f"Aucun sociétaire n’a le numéro ou l’adresse « {who} ».")
    if len(sharing) > 1:
        numbers = ", ".join(one.number or "sans numéro" for one in sharing)
        raise Conflict(f"Plusieurs sociétaires partagent cette adresse. Donnez plutôt un numéro : {numbers}.")
    return sharing[0]


def get(session: Session, member_id: int) -> Member:
    """Return the member of this id. Refuses an unknown one."""
    member = session.get(Member, member_id)
    if member is None:
        raise NotFound("Ce sociétaire n’existe pas, ou a été effacé.")
    return member


def matching(words: str = "", *, college: str = "") -> Select[Member]:
    """Select the members whose name, number or address holds every word, by name."""
    query = select(Member).options(selectinload(Member.contacts))
    for word in fold(words).split():
        query = query.where(Member.search.contains(word, autoescape=True))
    if college:
        query = query.where(Member.college == college)
    return query.order_by(Member.organisation, Member.family_name, Member.given_name, Member.id)


def change_address(session: Session, contact: Contact, email: str, *, by: int | None, now: datetime) -> None:
    """Change where a contact is written to; from then on it wins over the imported file."""
    address = addresses.normalise(email)
    contact.email, contact.email_key = address, addresses.key(address)
    contact.member.refresh_search()
    journal.note(session, "contact.address", now=now, by=by, subject="contact", subject_id=contact.id)


def leave(session: Session, member: Member, *, on: date, reason: LeavingReason, by: int | None, now: datetime) -> None:
    """Record that a member is one no more. Refuses when he has already left."""
    if member.left_on is not None:
        raise Conflict(f"{member.name} n’est déjà plus sociétaire depuis le {member.left_on:%d/%m/%Y}.")
    if member.member_since and on < member.member_since:
        raise Refusal(
            f"{member.name} est sociétaire depuis le {member.member_since:%d/%m/%Y} : choisissez une date d’après.",
            field="on",
        )
    member.left_on, member.left_reason, member.updated_at = on, reason.value, now
    journal.note(session, "member.leave", now=now, by=by, subject="member", subject_id=member.id, reason=reason.value)
