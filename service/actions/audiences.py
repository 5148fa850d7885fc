"""Who receives a campaign, and who does not and why: the union of its lists, one mail a contact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from service.core import addresses
from service.core.names import fold, sought
from service.core.vocabulary import MailClass, SkipReason
from service.models.campaign import Campaign
from service.models.mailing_list import Subscription, Suppression
from service.models.member import Contact, Member, called

# Rows that are read at once; whoever launches has no more of an audience in memory than a few times as many.
BATCH = 1000


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


@dataclass(frozen=True, slots=True)
class Census:
    """An audience counted and not loaded: who receives, by number, and how many do not, by reason."""

    contact_ids: frozenset[int]
    members: int
    left_out: dict[SkipReason, int]

    @property
    def receiving(self) -> int:
        """How many contacts receive the message."""
        return len(self.contact_ids)

    @property
    def everybody(self) -> int:
        """How many contacts are on the lists."""
        return self.receiving + sum(self.left_out.values())


def resolve(session: Session, campaign: Campaign, *, secret: bytes) -> Generator[Recipient, None, None]:
    """Give the audience of a campaign as it stands now, one after the other, in the order of the contacts.

    Statutory mail goes to the main contact of each member, to each his own even where two share an address; other mail
    goes to every subscribed contact, once an address. The `secret` is what suppressed addresses are known by. Who may
    stop before the end closes it within his transaction: PostgreSQL would close its cursor in a later one.
    """
    sieve = _sieve(session, campaign, secret)
    # Columns, and not the two objects of each: those took half of a launch. The database keeps what is not read yet.
    asked = _query(campaign).with_only_columns(*_ASKED).execution_options(yield_per=BATCH)
    with session.execute(asked) as rows:
        for row in rows:
            yield _recipient(row, sieve.skip(row.id, row.email, row.email_key))


def count(session: Session, campaign: Campaign, *, secret: bytes) -> Census:
    """Count the audience that `resolve` lists, from four columns: a page of 10,000 recipients must not load them all."""
    rows = session.execute(
        _query(campaign).with_only_columns(Contact.id, Contact.member_id, Contact.email, Contact.email_key)
    )
    sieve = _sieve(session, campaign, secret)
    contact_ids: list[int] = []
    member_ids: set[int] = set()
    left_out: Counter[SkipReason] = Counter()
    for contact_id, member_id, email, email_key in rows:
        skip = sieve.skip(contact_id, email, email_key)
        if skip is not None:
            left_out[skip] += 1
            continue
        contact_ids.append(contact_id)
        member_ids.add(member_id)
    return Census(frozenset(contact_ids), len(member_ids), dict(left_out))


def everybody(session: Session, campaign: Campaign) -> int:
    """Count those whom `resolve` lists, who receive and who are left out: the database counts them by itself."""
    listed = _query(campaign).with_only_columns(Contact.id).order_by(None).subquery()
    return session.scalar(select(func.count()).select_from(listed)) or 0


def some(session: Session, campaign: Campaign, *, words: str = "", limit: int = 20) -> list[Recipient]:
    """List the first who have an address in the audience of a campaign, those whose name holds every word of a search."""
    query = _query(campaign).with_only_columns(*_ASKED).where(Contact.email_key.is_not(None))
    for word in sought(fold(words)):
        query = query.where(Member.search.contains(word, autoescape=True))
    return [_recipient(row, None) for row in session.execute(query.limit(limit))]


def one(session: Session, contact_id: int) -> Recipient | None:
    """Return one contact as a recipient, for a preview; None when he is gone."""
    found = session.execute(select(*_ASKED).join(Contact.member).where(Contact.id == contact_id)).first()
    return _recipient(found, None) if found is not None else None


def lacks(recipient: Recipient, fields: Iterable[str]) -> bool:
    """Whether somebody would receive a text with a hole in it: one of these fields is empty for him."""
    return recipient.skip is None and any(not recipient.fields.get(field) for field in fields)


def gaps(session: Session, campaign: Campaign, census: Census, fields: Iterable[str]) -> list[int]:
    """Number the contacts of whom `lacks` is true, in their order, without loading the audience."""
    empty = [or_(_COLUMNS[name].is_(None), _COLUMNS[name] == "") for name in fields]
    if not empty:
        return []
    found = session.scalars(_query(campaign).with_only_columns(Contact.id).where(or_(*empty)))
    return [contact_id for contact_id in found if contact_id in census.contact_ids]


# What fills the fields of a text for one contact (contract, "Fields in a text").
_COLUMNS: dict[str, InstrumentedAttribute[Any]] = {
    "prénom": Contact.given_name,
    "nom": Contact.family_name,
    "structure": Member.organisation,
    "collège": Member.college,
    "numéro": Member.number,
}
# What a recipient is made of, in the order of `_recipient`.
_ASKED = (
    Contact.id,
    Contact.member_id,
    Contact.email,
    Contact.email_key,
    Member.given_name.label("holders_given_name"),
    Member.family_name.label("holders_family_name"),
    *_COLUMNS.values(),
)


@dataclass(slots=True)
class _Sieve:
    """Says of each contact, in their order, why he is left out if he is."""

    left: set[int]
    suppressed: dict[str, SkipReason]
    secret: bytes
    shares: bool
    seen: set[str] = field(default_factory=set)

    def skip(self, contact_id: int, email: str | None, email_key: str | None) -> SkipReason | None:
        if email is None or email_key is None:
            return SkipReason.NO_ADDRESS
        if contact_id in self.left:
            return SkipReason.OPTED_OUT
        barred = self.suppressed.get(addresses.fingerprint(email, self.secret)) if self.suppressed else None
        if barred is not None:
            return barred
        if not self.shares and email_key in self.seen:
            return SkipReason.SHARED_ADDRESS
        # Only who is written to takes the address: the other of a couple must not go without.
        self.seen.add(email_key)
        return None


def _sieve(session: Session, campaign: Campaign, secret: bytes) -> _Sieve:
    statutory = _is_statutory(campaign)
    return _Sieve(
        left=set() if statutory else _who_left(session, campaign.home_list.id),
        suppressed={} if statutory else _suppressed(session),
        secret=secret,
        shares=statutory,
    )


def _suppressed(session: Session) -> dict[str, SkipReason]:
    """Give why no mail goes to each address that is barred, by its fingerprint."""
    found = session.execute(Suppression.skips().add_columns(Suppression.address_hmac))
    return {fingerprint: SkipReason(why) for why, fingerprint in found}


def _who_left(session: Session, list_id: int) -> set[int]:
    """Who left the home list does not get its mail through another list of the campaign."""
    query = select(Subscription.contact_id).where(Subscription.list_id == list_id, Subscription.left_at.is_not(None))
    return set(session.scalars(query))


def _is_statutory(campaign: Campaign) -> bool:
    return campaign.home_list.mail_class is MailClass.STATUTORY


def _query(campaign: Campaign) -> Select[Contact]:
    list_ids = [target.list_id for target in campaign.targets]
    query = (
        select(Contact)
        .join(Contact.member)
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
    return query.where(Contact.is_main) if _is_statutory(campaign) else query


def _recipient(row: Sequence[Any], skip: SkipReason | None) -> Recipient:
    contact_id, member_id, email, _, holders_given_name, holders_family_name, *personal = row
    fields = {name: value or "" for name, value in zip(_COLUMNS, personal, strict=True)}
    own_name = called(fields["prénom"], fields["nom"])
    return Recipient(
        contact_id=contact_id,
        member_id=member_id,
        number=fields["numéro"] or None,
        # As `Contact.name` has it.
        name=own_name or fields["structure"] or called(holders_given_name, holders_family_name),
        address=email or "",
        fields=fields,
        skip=skip,
    )
