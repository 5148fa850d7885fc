"""Sending: render a mail once, then claim, splice, hand over and settle, row after row (sending.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, formataddr
from enum import Enum, auto
from functools import partial
from time import sleep
from typing import TypeVar

import jinja2
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from service.actions import bells, campaigns, deliveries
from service.actions import staff as team
from service.actions.campaigns import Launching
from service.actions.deliveries import Ticket
from service.core import french
from service.core.tokens import Link, ReturnAddresses, link_token
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import LinkPurpose, MailClass, MailKind
from service.core.writing import markdown, rendering
from service.core.writing import mould as places
from service.core.writing.letter import House, Letter, ListIdentity
from service.core.writing.mould import Mould
from service.models.campaign import Approval, Campaign, CampaignMould, CampaignVersion
from service.models.delivery import Delivery
from service.models.mailing_list import MailingList
from service.models.member import Contact
from service.models.staff import Staff
from service.ports import Envelope, Outbox

T = TypeVar("T")

# How long each new try of a transaction waits, in seconds: the database may be taken by a large import, or restarting.
_PATIENCE = (0.2, 1.0, 3.0, 10.0, 30.0)
# A claim is small: what a crash leaves to wait for its lease is at most this many rows.
CLAIM = 50


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
        """Give the mailbox as a header has it."""
        return formataddr((self.name, self.address))


@dataclass(frozen=True, slots=True)
class Office:
    """What the cooperative's mail has in common: its house style, its senders, its ways back, its secret."""

    house: House
    sender: Sender
    statutory_sender: Sender
    returns: ReturnAddresses
    templates: jinja2.Environment
    secret: bytes

    def sender_of(self, mail_class: MailClass) -> Sender:
        """Give the From of a class of mail."""
        return self.statutory_sender if mail_class is MailClass.STATUTORY else self.sender


class Ending(Enum):
    """Why a batch ended."""

    WENT_ON = auto()
    NOTHING_DUE = auto()
    RELAY_DOWN = auto()
    TURN_OVER = auto()


@dataclass(frozen=True, slots=True)
class Stream:
    """One sending process at work: where it writes down, where it hands over, when it must stop."""

    sessions: sessionmaker[Session]
    outbox: Outbox
    office: Office
    owner: str
    now: Callable[[], datetime]
    # Called between two messages: waits where other writers need the database, and says whether to go on.
    go_on: Callable[[], bool]


def render(
    office: Office, version: CampaignVersion, home_list: MailingList, campaign: Campaign, *, mark: str = ""
) -> Mould:
    """Render one version of a campaign: the very mail that will leave."""
    mail_class = home_list.mail_class
    sender = office.sender_of(mail_class)
    letter = Letter(campaign.kind, mail_class, mark + version.subject, version.preheader, version.body)
    identity = ListIdentity(home_list.slug, home_list.name, sender.domain)
    return rendering.compose(
        letter, office.house, identity, templates=office.templates, sender=str(sender), campaign=campaign.id
    )


def launching(office: Office, campaign: Campaign) -> Launching:
    """Prepare a launch outside any transaction that writes: rendering takes its time."""
    mould = render(office, campaign.version, campaign.home_list, campaign)
    domain = office.sender_of(campaign.home_list.mail_class).domain
    return Launching(mould=mould, content_hash=campaign.version.content_hash, domain=domain, secret=office.secret)


def send_campaign(stream: Stream, campaign_id: int) -> bool:
    """Send what is due of a campaign; True when the turn is over before the work is: somebody must go on.

    False when nothing is due any more, or when the relay is down and the clock tries again in a minute.
    """
    with stream.sessions() as session:
        stored = session.get(CampaignMould, campaign_id)
        mould = Mould.from_bytes(stored.content) if stored else None
    ending = Ending.WENT_ON
    while mould is not None and ending is Ending.WENT_ON:
        with stream.sessions.begin() as session:
            tickets = deliveries.claim(session, campaign_id, owner=stream.owner, limit=CLAIM, now=stream.now())
            links = _link_versions(session, tickets)
        ending = _send_batch(stream, [(ticket, mould) for ticket in tickets], links) if tickets else Ending.NOTHING_DUE
    with stream.sessions.begin() as session:
        campaigns.finish(session, campaign_id, now=stream.now())
    return ending is Ending.TURN_OVER


def send_single(stream: Stream, delivery_id: int) -> None:
    """Send one mail that stands outside any campaign."""
    with stream.sessions.begin() as session:
        tickets = deliveries.claim_single(session, delivery_id, owner=stream.owner, now=stream.now())
    with stream.sessions() as session:
        # On SQLite rendering must not take the writer's turn.
        session.connection(execution_options={"read_only": True})
        work = [(ticket, _single_mould(session, stream.office, ticket)) for ticket in tickets]
    _send_batch(stream, work, {})


def order_test(
    session: Session, office: Office, campaign: Campaign, *, by: Staff, fields: dict[str, str], now: datetime
) -> Delivery:
    """Send the campaign as it stands to the staff member who asks, marked [TEST], filled with a member's data."""
    version = campaign.version
    delivery = deliveries.order(
        session,
        key=f"test:{version.id}:{by.id}:{now.isoformat(timespec='seconds')}",
        kind=MailKind.TEST,
        address=by.email,
        fields={**fields, "to_name": by.name},
        subject="campaign_version",
        subject_id=version.id,
        domain=office.sender.domain,
        secret=office.secret,
        now=now,
        staff_id=by.id,
    )
    bells.ring(session, "post", delivery.id)
    return delivery


def tell_the_others(session: Session, office: Office, campaign: Campaign, *, by: Staff, now: datetime) -> int:
    """Write to the rest of the staff that a message leaves without a second reader, and why; return to how many (S11).

    Does nothing when somebody did read it.
    """
    approval = campaign.approval
    if approval is None or not approval.without_review:
        return 0
    others = [one for one in team.everyone(session) if one.id != by.id and one.disabled_at is None]
    for one in others:
        delivery = deliveries.order(
            session,
            key=f"without-review:{approval.id}:{one.id}",
            kind=MailKind.NOTICE,
            address=one.email,
            fields={"to_name": one.name},
            subject="approval",
            subject_id=approval.id,
            domain=office.sender.domain,
            secret=office.secret,
            now=now,
            staff_id=one.id,
        )
        bells.ring(session, "post", delivery.id)
    return len(others)


def message(office: Office, mould: Mould, ticket: Ticket, *, sent_at: datetime, link_version: int | None) -> bytes:
    """Splice one recipient's message; Message-ID and Date are the same on every attempt (D8)."""
    return mould.splice(values(office, ticket, sent_at=sent_at, link_version=link_version))


def values(office: Office, ticket: Ticket, *, sent_at: datetime, link_version: int | None) -> dict[str, str]:
    """Give what fills the places of a mould for one recipient."""
    return {
        **ticket.fields,
        places.TO: ticket.address,
        places.TO_NAME: ticket.fields.get("to_name", ""),
        places.REPLY_TO: office.returns.reply_to_for(ticket.id),
        places.MESSAGE_ID: ticket.message_id,
        places.DATE: format_datetime(sent_at),
        places.IN_REPLY_TO: ticket.in_reply_to,
        places.UNSUBSCRIBE_URL: unsubscribe_url(office, ticket.id, link_version or 0),
    }


def unsubscribe_url(office: Office, delivery_id: int, link_version: int) -> str:
    """Give the address that one mail's unsubscribe button leads to."""
    token = link_token(Link(LinkPurpose.UNSUBSCRIBE, delivery_id, link_version), office.secret)
    return f"{office.house.public_url}/d/{token}"


def _send_batch(stream: Stream, work: list[tuple[Ticket, Mould]], links: dict[int, int]) -> Ending:
    """Hand over a batch one by one: each transaction settles the one before and marks the next."""
    before: tuple[Ticket, Outcome] | None = None
    ending = Ending.WENT_ON
    for ticket, mould in work:
        sent_at = _durably(stream, partial(_settle_and_mark, stream, before, ticket))
        before = None
        if sent_at is None:
            continue
        outcome = _hand(stream, ticket, mould, sent_at, links)
        before = ticket, outcome
        if outcome.verdict is Verdict.RELAY_DOWN:
            ending = Ending.RELAY_DOWN
        elif not stream.go_on():
            ending = Ending.TURN_OVER
        if ending is not Ending.WENT_ON:
            break
    _durably(stream, partial(_settle_and_release, stream, before))
    return ending


def _hand(stream: Stream, ticket: Ticket, mould: Mould, sent_at: datetime, links: dict[int, int]) -> Outcome:
    """Splice and hand over one message. One that cannot be written is refused at once: it never left, nobody doubts it."""
    try:
        link_version = links.get(ticket.contact_id or 0)
        content = message(stream.office, mould, ticket, sent_at=sent_at, link_version=link_version)
        sender = stream.office.returns.envelope_sender_for(ticket.id)
        return stream.outbox.hand(Envelope(sender, ticket.address, content))
    except (KeyError, ValueError) as error:
        return Outcome(
            Verdict.REFUSED, Stage.WRITING, None, f"The message could not be written: {type(error).__name__}."
        )


def _durably(stream: Stream, act: Callable[[Session], T]) -> T:
    """Run a transaction, and run it again when the database was busy or gone: a mail that left must be written down.

    A COMMIT that errors is unknown; every act here may run twice (sending.md, step 7).
    """
    for pause in _PATIENCE:
        try:
            with stream.sessions.begin() as session:
                return act(session)
        except OperationalError:
            sleep(pause)
    with stream.sessions.begin() as session:
        return act(session)


def _settle_and_mark(
    stream: Stream, before: tuple[Ticket, Outcome] | None, ticket: Ticket, session: Session
) -> datetime | None:
    if before is not None:
        deliveries.settle(session, *before, owner=stream.owner, now=stream.now())
    return deliveries.hand_over(session, ticket, owner=stream.owner, now=stream.now())


def _settle_and_release(stream: Stream, before: tuple[Ticket, Outcome] | None, session: Session) -> None:
    if before is not None:
        deliveries.settle(session, *before, owner=stream.owner, now=stream.now())
        _note_trouble(session, *before)
    deliveries.release(session, stream.owner)


def _note_trouble(session: Session, ticket: Ticket, outcome: Outcome) -> None:
    """Keep what the relay complains of where staff see it, and forget it once mail leaves again."""
    campaign = session.get(Campaign, ticket.campaign_id) if ticket.campaign_id else None
    if campaign is not None:
        down = outcome.verdict is Verdict.RELAY_DOWN
        campaign.trouble = f"{outcome.stage} {outcome.code or ''} {outcome.text}"[:400] if down else ""


def _link_versions(session: Session, tickets: list[Ticket]) -> dict[int, int]:
    ids = [ticket.contact_id for ticket in tickets if ticket.contact_id is not None]
    return {row[0]: row[1] for row in session.execute(Contact.link_versions(ids))}


def _single_mould(session: Session, office: Office, ticket: Ticket) -> Mould:
    """Render the mail that a row outside any campaign stands for."""
    if ticket.kind is MailKind.NOTICE:
        return _notice(office, session.get_one(Approval, ticket.subject_id))
    version = session.get_one(CampaignVersion, ticket.subject_id)
    return render(office, version, version.campaign.home_list, version.campaign, mark="[TEST] ")


def _notice(office: Office, approval: Approval) -> Mould:
    """Say who sends what to how many without a second reader, and why."""
    version, who = approval.version, approval.staff.name
    title = version.subject.replace("{", "{{").replace("}", "}}")
    people = french.count(approval.audience_size, "personne", "personnes")
    body = (
        f"Bonjour,\n\n{markdown.as_typed(who)} envoie « {markdown.as_typed(version.subject)} » à {people} "
        f"sans qu’une autre personne l’ait relu. Son explication :\n\n> {markdown.as_typed(approval.reason)}\n\n"
        f"[bouton: Voir ce message]({office.house.public_url}/messages/{version.campaign_id})\n"
    )
    letter = Letter(MailKind.NOTICE, MailClass.TRANSACTIONAL, f"Sans relecture : « {title} »", "", body)
    return rendering.compose(letter, office.house, None, templates=office.templates, sender=str(office.sender))
