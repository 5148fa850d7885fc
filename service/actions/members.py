"""Members: find one by number or address, search, change an address, record a departure."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, and_, func, not_, or_, select, union_all
from sqlalchemy.orm import Session, aliased, selectinload

from service.actions import journal
from service.core import addresses, french
from service.core.names import fold, sought
from service.core.reading import severity
from service.core.refusals import Conflict, NotFound, Refusal
from service.core.verdicts import Stage
from service.core.vocabulary import DeliveryState, LeavingReason
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.member import Contact, Member, in_alphabet


def find(session: Session, who: str) -> Member:
    """Return a member by number, or by address. Refuses an address that several members share, naming their numbers."""
    member = session.scalar(select(Member).where(Member.number == who.strip()))
    if member is not None:
        return member
    # Not a join made distinct: PostgreSQL cannot compare the notes.
    readers = select(Contact.member_id).where(Contact.email_key == addresses.key(who.strip()))
    sharing = list(session.scalars(select(Member).where(Member.id.in_(readers)).order_by(Member.id)))
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


def matching(words: str = "", *, college: str = "", unreachable: bool = False) -> Select[Member]:
    """Select the members whose name, number or address holds every word, by name; or who cannot be reached any more."""
    query = select(Member).options(selectinload(Member.contacts))
    for word in sought(fold(words)):
        query = query.where(Member.search.contains(word, autoescape=True))
    if college:
        query = query.where(Member.college == college)
    if unreachable:
        query = query.where(Member.is_present(), Member.contacts.any(_address_fails()))
    return query.order_by(*by_name())


def by_name() -> tuple[ColumnElement[str], ColumnElement[str], ColumnElement[int]]:
    """Give the order in which people look for a name in a list: by family name, an organisation under its own."""
    listed_under = func.coalesce(func.nullif(Member.organisation, ""), Member.family_name)
    return in_alphabet(listed_under), in_alphabet(Member.given_name), Member.id.expression


def colleges(session: Session) -> list[str]:
    """List the colleges that members belong to, by name."""
    found = session.scalars(select(Member.college).where(Member.college != "").distinct())
    return sorted(found, key=lambda name: (fold(name), name))


def failing(session: Session, member: Member) -> set[int]:
    """Return which contacts of a member have an address that no longer works."""
    return set(session.scalars(select(Contact.id).where(Contact.member_id == member.id, _address_fails())))


def unreachable_count(session: Session, *, at_most: int) -> int:
    """Count the addresses of present members that no longer work; one more than `at_most` says that there are more."""
    # From the few mails that failed to their contacts: asking each contact for his mails costs ten times as much.
    launched = select(Campaign.id).where(Campaign.launched_at.is_not(None))
    mail = (Delivery.id, Delivery.contact_id, Delivery.address)
    refused = select(*mail).where(
        Delivery.campaign_id.in_(launched), Delivery.stands(DeliveryState.REFUSED), _is_refused_as_gone()
    )
    came_back = select(*mail).where(came_back_as_gone(), Delivery.state != DeliveryState.REFUSED)
    failed, later = union_all(refused, came_back).subquery(), aliased(Delivery)
    told_since = select(later.id).where(
        later.contact_id == failed.c.contact_id,
        later.address == failed.c.address,
        later.id > failed.c.id,
        # One that failed for the address too stands for its contact instead; another failure says nothing of it.
        or_(later.state == DeliveryState.ACCEPTED, _is_refused_as_gone(later), came_back_as_gone(later)),
    )
    # Not a join: PostgreSQL takes a pair of equalities for so rare that it reads all contacts for it.
    address_now = select(Contact.email).join(Member).where(Contact.id == failed.c.contact_id, Member.is_present())
    is_current = failed.c.address == address_now.correlate(failed).scalar_subquery()
    found = select(failed.c.id).where(is_current, ~told_since.exists()).limit(at_most + 1).subquery()
    return session.scalar(select(func.count()).select_from(found)) or 0


def change_address(session: Session, contact: Contact, email: str, *, by: int | None, now: datetime) -> int:
    """Change where a contact is written to, and give the number of the journal's entry; from then on it wins over the imported file."""
    address = addresses.normalise(email)
    contact.email, contact.email_key = address, addresses.key(address)
    contact.member.refresh_search()
    return journal.note(session, "contact.address", now=now, by=by, subject="contact", subject_id=contact.id).id


def require_leavable(member: Member, *, on: date) -> None:
    """Refuse a departure of who has already left, or before the day he came."""
    if member.left_on is not None:
        raise Conflict(f"Le départ {french.de(member.name)} est déjà noté, pour le {member.left_on:%d/%m/%Y}.")
    if member.member_since and on < member.member_since:
        raise Refusal(
            f"{member.name} est sociétaire depuis le {member.member_since:%d/%m/%Y} : choisissez une date d’après.",
            field="on",
        )


def leave(session: Session, member: Member, *, on: date, reason: LeavingReason, by: int | None, now: datetime) -> None:
    """Record that a member is one no more. Refuses when he has already left, or before the day he came."""
    require_leavable(member, on=on)
    member.left_on, member.left_reason, member.updated_at = on, reason.value, now
    journal.note(session, "member.leave", now=now, by=by, subject="member", subject_id=member.id, reason=reason.value)


def cancel_departure(session: Session, member: Member, *, by: int | None, now: datetime) -> None:
    """Take a departure back, past or to come: he is a member as before. Refuses when there is none."""
    if member.left_on is None:
        raise Conflict(f"{member.name} n’a pas de départ à annuler : sa fiche dit qu’il est sociétaire.")
    reason, member.left_on, member.left_reason, member.updated_at = member.left_reason or "", None, None, now
    journal.note(session, "member.stay", now=now, by=by, subject="member", subject_id=member.id, reason=reason)


def departure_remark(*, on: date, reason: LeavingReason, today: date) -> str:
    """Say what is odd in a departure that may be recorded all the same; nothing when all is well."""
    if reason is LeavingReason.DECES and on > today:
        return "Ce jour est à venir, et le motif est un décès : vérifiez la date."
    return ""


def _address_fails() -> ColumnElement[bool]:
    """Whether the address that a contact has now was said to be no more, and no mail to it has arrived since."""
    later = aliased(Delivery)
    arrived_since = (
        select(later.id)
        .where(
            later.contact_id == Delivery.contact_id,
            later.address == Delivery.address,
            later.id > Delivery.id,
            later.state == DeliveryState.ACCEPTED,
            not_(came_back_as_gone(later)),
        )
        .correlate(Delivery)
    )
    to_this_address = and_(Delivery.contact_id == Contact.id, Delivery.address == Contact.email)
    is_gone = or_(_is_refused_as_gone(), came_back_as_gone())
    failed_last = select(Delivery.id).where(to_this_address, is_gone, ~arrived_since.exists())
    return failed_last.correlate(Contact).exists()


def _is_refused_as_gone(row: type[Delivery] = Delivery) -> ColumnElement[bool]:
    """Whether a server said at RCPT that there is no such address; of the message or of us it may say what it likes (D19)."""
    words = func.lower(row.reply)
    says_so = or_(
        row.enhanced.in_(severity.CODES_OF_THE_ADDRESS),
        and_(row.enhanced.is_(None), or_(*(words.contains(one) for one in severity.WORDS_OF_THE_ADDRESS))),
    )
    return and_(row.state == DeliveryState.REFUSED, row.why == Stage.RCPT.value, says_so)


def came_back_as_gone(row: type[Delivery] = Delivery) -> ColumnElement[bool]:
    """Whether a report said that there is no such address: our reason is one of a few sentences."""
    return and_(row.bounced_at.is_not(None), row.bounce_reason.in_(severity.OF_THE_ADDRESS))
