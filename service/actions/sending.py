"""Sending: render a mail once, then claim, splice, hand over and settle, row after row (sending.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache, partial

import jinja2
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session

from service.actions import (
    acknowledgements,
    answers,
    bells,
    campaigns,
    claims,
    deliveries,
    mornings,
    moves,
    reviews,
    turns,
    wishes,
    witnesses,
)
from service.actions import staff as team
from service.actions.campaigns import Launching
from service.actions.claims import Claim, Ticket
from service.actions.desk import Process, SendingDesk, Work
from service.actions.destinations import Objection
from service.actions.office import Office, Stream
from service.actions.pace import Rules
from service.actions.turns import Turn
from service.core import french, pacing
from service.core.smtp_text import Message
from service.core.tokens import address_token
from service.core.verdicts import Verdict
from service.core.vocabulary import MailClass, MailKind
from service.core.writing import markdown, places, rendering
from service.core.writing.letter import Letter, ListIdentity
from service.core.writing.mould import Mould
from service.models.answer import AnswerLetter
from service.models.campaign import Approval, Campaign, CampaignMould, CampaignVersion
from service.models.delivery import Delivery
from service.models.granted_wish import GrantedWish
from service.models.mailing_list import MailingList
from service.models.member import Contact
from service.models.proof import CampaignProof
from service.models.staff import Staff
from service.ports import Envelope, Outbox, ProofPrinter


@dataclass(frozen=True, slots=True)
class Sending:
    """One sending process at work: what it works with, where it hands over, in whose name."""

    process: Process
    outbox: Outbox
    office: Office
    # Without one, the witnesses of a statutory sending get its proof as CSV alone.
    printer: ProofPrinter | None = None


def render(
    office: Office, version: CampaignVersion, home_list: MailingList, campaign: Campaign, *, mark: str = ""
) -> Mould:
    """Render one version of a campaign: the very mail that will leave."""
    mail_class = home_list.mail_class
    sender = office.stream_of(mail_class).sender
    letter = Letter(campaign.kind, mail_class, mark + version.subject, version.preheader, version.body)
    identity = ListIdentity(home_list.slug, home_list.name, sender.domain)
    return rendering.compose(
        letter, office.house, identity, templates=office.templates, sender=str(sender), campaign=campaign.id
    )


def launching(office: Office, campaign: Campaign) -> Launching:
    """Prepare a launch outside any transaction that writes: rendering takes its time."""
    mould = render(office, campaign.version, campaign.home_list, campaign)
    domain = office.stream_of(campaign.home_list.mail_class).sender.domain
    return Launching(mould=mould, content_hash=campaign.version.content_hash, domain=domain, secret=office.secret)


def stream_of(office: Office, campaign: Campaign) -> Stream:
    """Give the stream of a campaign: by its class at the launch, or before it by that of its list."""
    return office.stream_of(campaign.mail_class or campaign.home_list.mail_class)


def send_campaign(sending: Sending, campaign_id: int) -> bool:
    """Send what is due of a campaign; True when the turn is over before the work is: somebody must go on.

    False when nothing is due any more, or when the relay or the pace lets nothing go: the clock rings at that hour.
    """
    with _reading(sending.process) as session:
        stored = session.get(CampaignMould, campaign_id)
        campaign = session.get(Campaign, campaign_id)
        if stored is None or campaign is None:
            return False
        mould, stream = Mould.from_bytes(stored.content), stream_of(sending.office, campaign)
        objections = [Objection(*one) for one in campaign.objections]
    turn = _serve(sending, _CampaignWork(sending.office, campaign_id, mould, stream), objections)
    with sending.process.sessions.begin() as session:
        turns.note(session, campaign_id, turn, now=sending.process.now())
        campaigns.finish(session, campaign_id, now=sending.process.now())
    return turn.has_more


def send_single(sending: Sending, delivery_id: int) -> bool:
    """Send one mail that stands outside any campaign, then the others that wait; True when the turn is over before these.

    While the relay cannot be used all of them wait for a minute: each has a bell, and each would knock at it in vain.
    """
    process = sending.process
    if sending.printer is not None:
        witnesses.print_ahead(partial(_reading, process), process.sessions.begin, delivery_id, sending.printer)
    turn = _serve(sending, _SingleWork(sending, delivery_id))
    if turn.trouble is not None and turn.trouble.verdict is Verdict.RELAY_DOWN:
        with process.sessions.begin() as session:
            deliveries.put_singles_off(session, until=process.now() + pacing.relay_pause(1))
    return turn.has_more


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
        domain=stream_of(office, campaign).sender.domain,
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
            domain=office.transactional.sender.domain,
            secret=office.secret,
            now=now,
            staff_id=one.id,
        )
        bells.ring(session, "post", delivery.id)
    return len(others)


def message(office: Office, mould: Mould, ticket: Ticket, *, reply_to: str) -> Message:
    """Fill and sign one recipient's message; Message-ID, Date and t= are the same on every attempt (D8)."""
    content = mould.fill(values(office, ticket, reply_to=reply_to))
    return content if office.signer is None else office.signer.sign(content, at=int(ticket.handed_at.timestamp()))


def values(office: Office, ticket: Ticket, *, reply_to: str) -> dict[str, str]:
    """Give what fills the places of a mould for one recipient."""
    return {
        **ticket.fields,
        places.TO: ticket.address,
        places.TO_NAME: ticket.fields.get("to_name", ""),
        places.REPLY_TO: reply_to,
        places.MESSAGE_ID: ticket.message_id,
        places.DATE: _date(ticket.handed_at),
        places.IN_REPLY_TO: ticket.in_reply_to,
        places.UNSUBSCRIBE_URL: office.unsubscribe_url(ticket.id, ticket.link_version or 0),
    }


# The rows of one claim share it.
@lru_cache(maxsize=16)
def _date(sent_at: datetime) -> str:
    return format_datetime(sent_at)


def _serve(sending: Sending, work: Work, objections: Sequence[Objection] = ()) -> Turn:
    """Serve the wire from one desk; say what the relay complains of, and what is left to do."""
    desk = SendingDesk(sending.process, work, list(objections))
    try:
        trouble = sending.outbox.run(desk)
    except Exception:
        desk.close(failed=True)
        raise
    except BaseException:
        # We are being ended: who reads the log settles. It is free once we are out, and nothing of ours may come after.
        desk.abandon()
        raise
    desk.close()
    trouble = desk.objection or trouble
    return Turn(
        trouble,
        trouble is None and desk.has_more,
        desk.has_served,
        tuple(desk.objections),
        desk.waits_for,
        desk.waits_until,
    )


@contextmanager
def _reading(process: Process) -> Iterator[Session]:
    """Only read: on SQLite rendering must not take the writer's turn."""
    with process.sessions() as session:
        session.connection(execution_options={"read_only": True})
        yield session


@dataclass(slots=True)
class _CampaignWork:
    """A campaign: one mould for all its rows."""

    office: Office
    campaign_id: int
    mould: Mould
    stream: Stream

    def claim(self, session: Session, *, owner: str, limit: int, after: int, now: datetime, rules: Rules) -> Claim:
        return claims.claim(session, self.campaign_id, owner=owner, limit=limit, after=after, now=now, rules=rules)

    def envelope(self, ticket: Ticket) -> Envelope:
        return _envelope(self.office, self.stream, self.mould, ticket)


@dataclass(slots=True)
class _SingleWork:
    """The mail that a bell was rung for, then the others outside any campaign; each rendered when its turn has come."""

    sending: Sending
    delivery_id: int
    has_begun: bool = False

    def claim(self, session: Session, *, owner: str, limit: int, after: int, now: datetime, rules: Rules) -> Claim:
        if self.has_begun:
            return claims.claim_singles(session, owner=owner, limit=limit, after=after, now=now, rules=rules)
        self.has_begun = True
        first = claims.claim_single(session, self.delivery_id, owner=owner, now=now, rules=rules)
        return replace(first, looked_to=0, is_short=False)

    def envelope(self, ticket: Ticket) -> Envelope:
        try:
            with _reading(self.sending.process) as session:
                mould, stream = _single_mould(session, self.sending.office, ticket)
        except (NoResultFound, LookupError, jinja2.TemplateError) as error:
            # What caused it is gone or cannot be rendered: one more try would fail the same way.
            raise ValueError(f"delivery {ticket.id} cannot be rendered: {type(error).__name__}") from error
        return _envelope(self.sending.office, stream, mould, ticket)


def _envelope(office: Office, stream: Stream, mould: Mould, ticket: Ticket) -> Envelope:
    token = address_token(ticket.id, stream.returns.secret)
    reply_to, sender = stream.returns.carrying(token)
    return Envelope(ticket.id, sender, ticket.address, message(office, mould, ticket, reply_to=reply_to), envid=token)


def _single_mould(session: Session, office: Office, ticket: Ticket) -> tuple[Mould, Stream]:
    """Render the mail that a row outside any campaign stands for, and tell in which stream it leaves.

    Refuses (LookupError) one whose cause is gone.
    """
    cause = ticket.subject_id
    if cause is None:
        raise LookupError(f"what caused delivery {ticket.id} was deleted")
    match ticket.kind:
        case MailKind.PROOF:
            return _proof(office, session.get_one(CampaignProof, cause)), office.statutory
        case MailKind.NOTICE:
            mould = _notice(office, session.get_one(Approval, cause))
        case MailKind.ANSWER:
            mould = answers.mould_of(session.get_one(AnswerLetter, cause), office)
        case MailKind.MORNING:
            mould = mornings.mould_of(ticket.fields, office)
        case MailKind.ACKNOWLEDGEMENT | MailKind.UNSUBSCRIBE_LINK:
            mould = acknowledgements.mould_of(session, ticket.kind, cause, office)
        case MailKind.MOVE:
            contact = session.get_one(Contact, cause)
            mould = moves.mould_of(contact, office, address=ticket.address, fields=ticket.fields)
        case MailKind.REVIEW_ASKED:
            mould = reviews.mould_of(session.get_one(CampaignVersion, cause), ticket.fields["asked_by"], office)
        case MailKind.RECEIPT:
            done, is_new = session.get_one(GrantedWish, cause), wishes.IS_NEW in ticket.fields
            mould = wishes.mould_of(done, office, address=ticket.address, is_new=is_new)
        case _:
            return _test(session, office, cause)
    return mould, office.transactional


def _test(session: Session, office: Office, version_id: int) -> tuple[Mould, Stream]:
    version = session.get_one(CampaignVersion, version_id)
    campaign = version.campaign
    return render(office, version, campaign.home_list, campaign, mark="[TEST] "), stream_of(office, campaign)


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
    sender = str(office.transactional.sender)
    return rendering.compose(letter, office.house, None, templates=office.templates, sender=sender)


def _proof(office: Office, kept: CampaignProof) -> Mould:
    letter, file = witnesses.letter(kept, office.house)
    sender = str(office.statutory.sender)
    return rendering.compose(letter, office.house, None, templates=office.templates, sender=sender, attachments=[file])
