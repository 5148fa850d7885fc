"""Which rows break an invariant? One query of the database each, whatever the number of rows (requirements.md, section 5)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Float,
    Select,
    String,
    and_,
    case,
    cast,
    extract,
    func,
    or_,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from service.actions import campaigns, drafts, journal
from service.core.vocabulary import DeliveryState, InboundKind, InboundState, MailClass, MatchedBy
from service.models.campaign import Approval, Campaign, CampaignMould, CampaignTarget, CampaignVersion
from service.models.delivery import Delivery
from service.models.front import Front
from service.models.inbound_message import InboundMessage, MailboxCursor
from service.models.journal import JournalEntry
from service.models.mailing_list import SubscriptionChange, Suppression
from service.models.question import Asking
from service.models.tally import Tally

EXAMPLES = 5
# An opt-out and a claim that cross: who asks to leave waits for the claim's transaction, so his hour is a little before it.
_CROSSING = timedelta(minutes=1)
# The longest that an answer is awaited after the claim at which the opt-out is looked for.
_AT_THE_WIRE = timedelta(minutes=15)
MAY_HAVE_LEFT = (DeliveryState.ACCEPTED, DeliveryState.IN_DOUBT)
FOR_PEOPLE = (InboundKind.QUESTION, InboundKind.UNSUBSCRIBE, InboundKind.UNREADABLE)
_CAN_BE_LEFT = tuple(one for one in MailClass if one.can_be_left)
_MUST_ARRIVE = tuple(one for one in MailClass if one.must_arrive)
_EMPTY = hashlib.sha256(b"").hexdigest()

Finder = Callable[[Session], tuple[int, list[int]]]
Query = Callable[[Session], Select[Any]]


def rows(query: Query) -> Finder:
    """Count what a query selects, and name the first."""

    def find(session: Session) -> tuple[int, list[int]]:
        broken = query(session).subquery()
        number = broken.c[0]
        first = session.execute(select(number, func.count().over()).order_by(number).limit(EXAMPLES)).all()
        return (int(first[0][1]) if first else 0), [int(row[0]) for row in first]

    return find


def each(numbers: Callable[[Session], Iterator[int]]) -> Finder:
    """Count what has to be computed here: one thing a campaign or an entry of the journal, never one a recipient."""

    def find(session: Session) -> tuple[int, list[int]]:
        found = sorted(numbers(session))
        return len(found), found[:EXAMPLES]

    return find


def of(*conditions: ColumnElement[bool]) -> Query:
    """Select the mails that are so."""
    return lambda _session: select(Delivery.id).where(*conditions)


def campaigns_where(*conditions: ColumnElement[bool]) -> Query:
    """Select the campaigns that are so."""
    return lambda _session: select(Campaign.id).where(*conditions)


def messages_where(*conditions: ColumnElement[bool]) -> Query:
    """Select the incoming messages that are so."""
    return lambda _session: select(InboundMessage.id).where(*conditions)


def _elapsed(session: Session, begun: Any, ended: Any) -> ColumnElement[float]:
    """Give the seconds between two instants."""
    if session.get_bind().dialect.name == "sqlite":
        return (func.julianday(ended, type_=Float()) - func.julianday(begun, type_=Float())) * 86400.0
    return cast(extract("epoch", ended - begun), Float())


def with_rows(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a campaign has mails that are so."""
    return select(Delivery.id).where(Delivery.campaign_id == Campaign.id, *conditions).exists()


def of_campaign(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a mail is of a campaign that is so."""
    return select(Campaign.id).where(Campaign.id == Delivery.campaign_id, *conditions).exists()


def noted(act: str, campaign: Any) -> ColumnElement[bool]:
    """Whether the journal tells this act of a campaign."""
    return select(JournalEntry.id).where(JournalEntry.act == act, JournalEntry.subject_id == campaign).exists()


def not_the_frozen_audience(_session: Session) -> Select[Any]:
    """Select the campaigns that have not as many rows as the journal says were frozen."""
    counted = select(Delivery.campaign_id, func.count().label("rows")).group_by(Delivery.campaign_id).subquery()
    planned = JournalEntry.detail["planned"].as_integer()
    return (
        select(JournalEntry.subject_id)
        .join(Campaign, Campaign.id == JournalEntry.subject_id)
        .outerjoin(counted, counted.c.campaign_id == JournalEntry.subject_id)
        .where(JournalEntry.act == "campaign.launch", planned != func.coalesce(counted.c.rows, 0))
    )


def repeated_by_nobody(_session: Session) -> Select[Any]:
    """Select what left again after a doubt although nobody decided so, nor the one retry of mail that must arrive."""
    again = Delivery.doubts - case((Delivery.state == DeliveryState.IN_DOUBT, 1), else_=0)
    must_arrive = Delivery.mail_class.in_(_MUST_ARRIVE)
    in_campaign = Delivery.campaign_id.is_not(None)
    by_itself = and_(must_arrive, again == 1, noted("campaign.doubts_retried", Delivery.campaign_id))
    decided = or_(by_itself, noted("campaign.doubts_resend", Delivery.campaign_id))
    return select(Delivery.id).where(
        Delivery.doubts > 0, again > 0, or_(and_(in_campaign, ~decided), and_(~in_campaign, again > 1))
    )


def written_twice(_session: Session) -> Select[Any]:
    """Select mails of one campaign that left for an address that another one left for."""
    return (
        select(func.max(Delivery.id))
        .where(
            Delivery.campaign_id.is_not(None),
            Delivery.address_hmac != "",
            Delivery.state.in_(MAY_HAVE_LEFT),
            Delivery.mail_class != MailClass.STATUTORY,
        )
        .group_by(Delivery.campaign_id, Delivery.address_hmac)
        .having(func.count() > 1)
    )


def sent_to_who_had_left(session: Session) -> Select[Any]:
    """Select what left for somebody who had left the home list, and had not come back."""
    later = aliased(SubscriptionChange)

    def left_before(instant: Any, margin: timedelta) -> ColumnElement[bool]:
        came_back = select(later.id).where(
            later.contact_id == SubscriptionChange.contact_id,
            later.list_id == SubscriptionChange.list_id,
            later.id > SubscriptionChange.id,
            later.subscribed,
        )
        return and_(_elapsed(session, SubscriptionChange.at, instant) > margin.total_seconds(), ~came_back.exists())

    return (
        select(Delivery.id)
        .distinct()
        .join(CampaignTarget, and_(CampaignTarget.campaign_id == Delivery.campaign_id, CampaignTarget.position == 0))
        .join(
            SubscriptionChange,
            and_(
                SubscriptionChange.contact_id == Delivery.contact_id,
                SubscriptionChange.list_id == CampaignTarget.list_id,
                ~SubscriptionChange.subscribed,
            ),
        )
        .where(
            Delivery.mail_class.in_(_CAN_BE_LEFT),
            Delivery.state.in_(MAY_HAVE_LEFT),
            or_(
                left_before(Delivery.handed_at, _CROSSING),
                and_(Delivery.state == DeliveryState.ACCEPTED, left_before(Delivery.settled_at, _AT_THE_WIRE)),
            ),
        )
    )


def sent_to_a_suppressed_address(session: Session) -> Select[Any]:
    """Select what left for an address after somebody had it barred."""
    before = _elapsed(session, Suppression.at, Delivery.handed_at) > _CROSSING.total_seconds()
    return (
        select(Delivery.id)
        .join(Suppression, Suppression.address_hmac == Delivery.address_hmac)
        .where(Delivery.mail_class.in_(_CAN_BE_LEFT), Delivery.state.in_(MAY_HAVE_LEFT), before)
    )


def changed_moulds(session: Session) -> Iterator[int]:
    """Give the campaigns whose kept mail is not the one of its fingerprint."""
    moulds = select(CampaignMould.campaign_id, CampaignMould.content, CampaignMould.sha256)
    for number, content, sha256 in session.execute(moulds.execution_options(yield_per=20)):
        if hashlib.sha256(content).hexdigest() != sha256:
            yield number


def changed_texts(session: Session) -> Iterator[int]:
    """Give the launched campaigns whose text, or lists, are not those of their fingerprint."""
    for campaign in session.scalars(select(Campaign).where(Campaign.launched_at.is_not(None))):
        text = campaign.version if campaign.versions else None
        if text is None or drafts.content_hash(campaign, text.subject, text.preheader, text.body) != text.content_hash:
            yield campaign.id


def not_approved() -> ColumnElement[bool]:
    """Whether a campaign was launched and no approval that stands is for its last text."""
    later = aliased(CampaignVersion)
    is_older = select(later.id).where(
        later.campaign_id == CampaignVersion.campaign_id, later.number > CampaignVersion.number
    )
    agreed = (
        select(Approval.id)
        .join(CampaignVersion, CampaignVersion.id == Approval.version_id)
        .where(
            Approval.campaign_id == Campaign.id,
            Approval.voided_at.is_(None),
            Approval.content_hash == CampaignVersion.content_hash,
            ~is_older.exists(),
        )
    )
    return and_(Campaign.launched_at.is_not(None), ~agreed.exists())


def is_asked() -> ColumnElement[bool]:
    """Whether a question was opened from an incoming message."""
    return select(Asking.id).where(Asking.inbound_message_id == InboundMessage.id).exists()


def is_beyond_its_cursor() -> ColumnElement[bool]:
    """Whether a message lies beyond where its folder was read to: it would be fetched again."""
    read = select(MailboxCursor.id).where(
        MailboxCursor.account == InboundMessage.account,
        MailboxCursor.folder == InboundMessage.folder,
        or_(MailboxCursor.uidvalidity != InboundMessage.uidvalidity, MailboxCursor.last_uid >= InboundMessage.uid),
    )
    return ~read.exists()


def is_put_away_wrongly() -> ColumnElement[bool]:
    """Whether a message was moved that is none of ours, or before it was read: only what is placed may be touched."""
    placed = and_(InboundMessage.state == InboundState.TREATED, InboundMessage.matched_by != MatchedBy.NOTHING)
    return and_(InboundMessage.filed_in.is_not(None), or_(InboundMessage.matched_by.is_(None), ~placed))


def for_nobody(_session: Session) -> Select[Any]:
    """Select what a person must see and that no question shows; a copy is shown by the message that stands for it."""
    first = aliased(InboundMessage)
    shown = (
        select(Asking.id)
        .join(first, first.id == Asking.inbound_message_id)
        .where(first.id == InboundMessage.copy_of, first.copy_of.is_(None))
    )
    return select(InboundMessage.id).where(
        InboundMessage.state == InboundState.TREATED,
        InboundMessage.kind.in_(FOR_PEOPLE),
        ~is_asked(),
        ~shown.exists(),
    )


def asked_twice(_session: Session) -> Select[Any]:
    """Select messages that opened a question though another copy stands for them, or did so too."""
    other = aliased(InboundMessage)
    copied = select(other.id).where(
        other.id != InboundMessage.id,
        or_(
            other.id == InboundMessage.copy_of,
            and_(other.id < InboundMessage.id, other.content_key == InboundMessage.content_key),
            and_(other.id < InboundMessage.id, other.sha256 == InboundMessage.sha256, other.sha256 != _EMPTY),
        ),
        select(Asking.id).where(Asking.inbound_message_id == other.id).exists(),
    )
    return select(InboundMessage.id).where(is_asked(), copied.exists())


def answers_not_counted(_session: Session) -> Select[Any]:
    """Select the mails that their reader answered and that do not say so."""
    return (
        select(Delivery.id)
        .distinct()
        .join(InboundMessage, InboundMessage.delivery_id == Delivery.id)
        .join(Asking, Asking.inbound_message_id == InboundMessage.id)
        .where(Delivery.answered_at.is_(None), Asking.same_address)
    )


def counted_elsewhere(_session: Session) -> Select[Any]:
    """Select the questions that count for another campaign than the one of the mail they answer."""
    return (
        select(Asking.id)
        .join(InboundMessage, InboundMessage.id == Asking.inbound_message_id)
        .join(Delivery, Delivery.id == InboundMessage.delivery_id)
        .where(func.coalesce(Asking.campaign_id, 0) != func.coalesce(Delivery.campaign_id, 0))
    )


def other_figures(session: Session) -> Iterator[int]:
    """Compare what the page of each sending tells with one count over all rows, by another way."""
    word = type_coerce(Delivery.state, String)
    counted = select(
        Delivery.campaign_id,
        func.count(),
        *(func.count(case((word == state.value, 1))) for state in DeliveryState),
    ).group_by(Delivery.campaign_id)
    rows = {row[0]: tuple(row[1:]) for row in session.execute(counted)}
    none = (0,) * (1 + len(DeliveryState))
    for campaign in session.scalars(select(Campaign).where(Campaign.launched_at.is_not(None))):
        try:
            told = campaigns.figures(session, campaign)
        except LookupError:
            # A word that is no state: the page cannot tell any figure.
            yield campaign.id
            continue
        if (told.planned, *(getattr(told, state.value) for state in DeliveryState)) != rows.get(campaign.id, none):
            yield campaign.id


def other_tallies(_session: Session) -> Select[Any]:
    """Select the campaigns whose tally is not the count of their rows, marks beside the states included."""
    key = ("campaign_id", "state", "bounced", "complained", "answered", "put_off")
    told = select(*(getattr(Tally, name) for name in key), Tally.rows.label("rows"))
    counted = Tally.counted().subquery()
    columns = [column.label(name) for name, column in zip(key, counted.c, strict=False)]
    both = union_all(told, select(*columns, -counted.c.rows)).subquery()
    grouped = [both.c[name] for name in key]
    wrong = select(both.c.campaign_id).group_by(*grouped).having(func.sum(both.c.rows) != 0).subquery()
    return select(wrong.c.campaign_id).distinct()


def passed_by() -> ColumnElement[bool]:
    """Whether a mail waits where no claim looks any more: it lies behind the front of its campaign."""
    return and_(Front.is_held_back_by(), Delivery.id <= Front.of(Delivery.campaign_id.expression))


def broken_chain(session: Session) -> Iterator[int]:
    """Give the first entry of the journal that was changed, or whose predecessor is gone."""
    broken = journal.broken_at(session)
    if broken is not None:
        yield broken
