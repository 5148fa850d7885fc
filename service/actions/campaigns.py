"""Campaigns: launch once, begin at the hour, pause, resume, stop, finish; and the figures of a sending."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Select, case, false, func, or_, select, update
from sqlalchemy.orm import Session

from service.actions import audiences, bells, claims, deliveries, destinations, drafts, fronts, journal, readiness
from service.actions import staff as team
from service.actions.lengths import require_fits
from service.core.names import fold, sought
from service.core.refusals import Conflict, Refusal
from service.core.vocabulary import OPEN_STATES, CampaignStatus, DeliveryState, MailClass, SkipReason
from service.core.writing.mould import Mould
from service.models.campaign import Approval, Campaign, CampaignMould
from service.models.delivery import Delivery
from service.models.front import Front
from service.models.lease import Lease
from service.models.member import Member
from service.models.question import Asking
from service.models.staff import Staff
from service.models.tally import Tally

REASON_LENGTH = 10
# A bell is heard within two seconds; one that was lost, or rung while no server answered, is rung again after this long.
RING_AGAIN = timedelta(seconds=15)
_A_DAY = timedelta(hours=24)
_LIVE = (CampaignStatus.SCHEDULED, CampaignStatus.SENDING, CampaignStatus.PAUSED)


@dataclass(frozen=True, slots=True)
class Launching:
    """What a launch needs beside the campaign: the mail rendered once, the domain of the Message-IDs, the secret."""

    mould: Mould
    content_hash: str
    domain: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a sending, as the commands and the pages tell them (contract, `campaigns show`)."""

    planned: int = 0
    pending: int = 0
    handing: int = 0
    deferred: int = 0
    accepted: int = 0
    refused: int = 0
    skipped: int = 0
    in_doubt: int = 0
    bounced: int = 0
    complained: int = 0
    replies: int = 0
    questions: int = 0


@dataclass(frozen=True, slots=True)
class Late:
    """A convocation, and how many people have not got it after a day of trying."""

    campaign: Campaign
    people: int


class Tray(StrEnum):
    """How the recipients of a sending are sorted on its page; every row is in one tray, bounced mail in one more."""

    ALL = "tous"
    TO_SEND = "a-envoyer"
    SENT = "envoyes"
    IN_ERROR = "en-erreur"
    BOUNCED = "revenus"
    IN_DOUBT = "en-doute"
    NOT_SENT = "non-envoyes"

    @property
    def states(self) -> tuple[DeliveryState, ...]:
        """The states of the rows in this tray."""
        return _TRAYS[self]

    def rows(self, figures: Figures) -> int:
        """How many rows lie in this tray, from the figures of the sending."""
        if self is Tray.BOUNCED:
            return figures.bounced
        return sum(int(getattr(figures, state.value)) for state in self.states)


_TRAYS = {
    Tray.ALL: tuple(DeliveryState),
    Tray.TO_SEND: OPEN_STATES,
    Tray.SENT: (DeliveryState.ACCEPTED,),
    Tray.IN_ERROR: (DeliveryState.REFUSED,),
    Tray.BOUNCED: (DeliveryState.ACCEPTED,),
    Tray.IN_DOUBT: (DeliveryState.IN_DOUBT,),
    Tray.NOT_SENT: (DeliveryState.SKIPPED,),
}


def send(
    session: Session,
    campaign: Campaign,
    launching: Launching | None,
    *,
    by: Staff,
    at: datetime | None,
    hold: timedelta,
    secret: bytes,
    now: datetime,
    without_review: str = "",
    seen_version: int | None = None,
) -> None:
    """Send now, the audience frozen at once, or at an hour, the audience frozen then.

    `launching` is for now; at an hour the clock renders the mail. Refuses who may not send, a text that nobody
    approved (or no written reason for doing without), an hour gone by.
    """
    drafts.hold(session, campaign)
    team.require_sender(by)
    if campaign.status in (*_LIVE, CampaignStatus.SENT, CampaignStatus.STOPPED):
        raise Conflict("Ce message est déjà parti ou programmé. Rien n’a été envoyé une seconde fois.")
    if seen_version not in (None, campaign.version.number):
        raise Conflict("Ce message a changé depuis que vous avez ouvert cette page : relisez-le, puis envoyez.")
    if at is not None and at <= now:
        raise Refusal("Cette heure est déjà passée. Choisissez-en une à venir, ou envoyez maintenant.", field="at")
    if without_review:
        if len(without_review.strip()) < REASON_LENGTH:
            raise Refusal("Écrivez en une phrase pourquoi ce message part sans relecture.", field="reason")
        require_fits(without_review.strip(), Approval.reason, called="La raison", field="reason")
        drafts.agree(session, campaign, by=by, secret=secret, now=now, reason=without_review.strip())
    _require_approved(campaign)
    journal.note(session, "campaign.send", now=now, by=by.id, subject="campaign", subject_id=campaign.id)
    campaign.status, campaign.due_at = CampaignStatus.SCHEDULED, at or now + hold
    if at is None and launching is not None:
        launch(session, campaign, launching, now=now)
        begin(session, campaign, now=now)


def launch(session: Session, campaign: Campaign, launching: Launching, *, now: datetime) -> bool:
    """Freeze the audience and the mail, once: whoever comes second (a click, a clock) changes nothing and gets False.

    Refuses a text that nobody approved, nobody to write to, and a field that is empty for somebody.
    """
    _require_approved(campaign)
    approval = campaign.approval
    if approval is None or launching.content_hash != approval.content_hash:
        raise Conflict("Le texte a changé depuis la relecture : demandez-la de nouveau.")
    first = session.execute(
        update(Campaign)
        .where(Campaign.id == campaign.id, Campaign.launched_at.is_(None), Campaign.status == CampaignStatus.SCHEDULED)
        .values(launched_at=now)
        .returning(Campaign.id)
    ).scalar()
    if first is None:
        return False
    content = launching.mould.to_bytes()
    fronts.start(session, campaign.id)
    session.add(CampaignMould(campaign_id=campaign.id, content=content, sha256=launching.mould.sha256, created_at=now))
    # Read while it is written: nobody else's change can come between who is looked at and who is written down.
    with closing(audiences.resolve(session, campaign, secret=launching.secret)) as everybody:
        audience = readiness.filled(campaign.version, everybody)
        planned = deliveries.prepare(
            session, campaign, audience, domain=launching.domain, secret=launching.secret, now=now
        )
    journal.note(session, "campaign.launch", now=now, subject="campaign", subject_id=campaign.id, planned=planned)
    return True


def hold_back(session: Session, campaign: Campaign, why: str, *, now: datetime) -> None:
    """Pause a campaign that could not be launched at its hour, and keep the reason for the staff."""
    campaign.status, campaign.trouble = CampaignStatus.PAUSED, why[:400]
    journal.note(session, "campaign.launch_refused", now=now, subject="campaign", subject_id=campaign.id)


def begin(session: Session, campaign: Campaign, *, now: datetime) -> bool:
    """Let the first mail leave when its hour has come; False before."""
    session.flush()
    begun = session.execute(
        update(Campaign)
        .where(
            Campaign.id == campaign.id,
            Campaign.status == CampaignStatus.SCHEDULED,
            Campaign.launched_at.is_not(None),
            Campaign.due_at <= now,
        )
        .values(status=CampaignStatus.SENDING, started_at=func.coalesce(Campaign.started_at, now))
        .returning(Campaign.id)
    ).scalar()
    if begun is None:
        return False
    ring(session, campaign, now=now)
    return True


def ring(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Ask for a worker, and remember when."""
    campaign.rung_at = now
    bells.ring(session, "send", campaign.id)


def unheard(session: Session, *, now: datetime) -> list[Campaign]:
    """List the campaigns being sent that nobody works at: no live lease, something due, and the last bell is old."""
    elsewhere = [~claims.is_of(one.domain) for one in destinations.paused(session)]
    own = select(Delivery.id).where(
        Delivery.campaign_id == Campaign.id,
        Delivery.state.in_((DeliveryState.PENDING, DeliveryState.DEFERRED)),
        *elsewhere,
    )
    # As two questions, each by its own index: asked as one, all that has left would be passed by.
    # And only where the tally knows of any: behind the last that has left, there may be many that were put off.
    look = own.where(Delivery.due_at.is_(None), Delivery.id > Front.of(Campaign.id.expression)).exists()
    fresh = case((Tally.has_fresh(Campaign.id.expression), look), else_=false())
    put_off = own.where(Delivery.due_at <= now, Delivery.stands(DeliveryState.PENDING, DeliveryState.DEFERRED))
    worked_at = select(Lease.owner).where(Lease.campaign_id == Campaign.id, Lease.expires_at > now).exists()
    silent = bells.may_be_lost(Campaign.rung_at, now=now, after=RING_AGAIN)
    may_go_on = or_(Campaign.resumes_at.is_(None), Campaign.resumes_at <= now)
    query = Campaign.under_way().where(silent, may_go_on, or_(fresh, put_off.exists()), ~worked_at)
    return list(session.scalars(query))


def finish(session: Session, campaign_id: int, *, now: datetime) -> bool:
    """Call a campaign sent when nothing is open any more; rows in doubt do not hold it back, and are shown."""
    is_open = Tally.has_open(campaign_id)
    if session.scalar(select(is_open)):
        return False
    # Who gives back rows in doubt at this moment is waited for; only a statement that begins then sees them wait.
    session.execute(select(Campaign.id).where(Campaign.id == campaign_id).with_for_update())
    done = session.execute(
        update(Campaign)
        .where(Campaign.id == campaign_id, Campaign.status == CampaignStatus.SENDING, ~is_open)
        .values(status=CampaignStatus.SENT, finished_at=now, trouble="", waits_for=None, resumes_at=None)
        .returning(Campaign.id)
    ).scalar()
    if done is not None:
        journal.note(session, "campaign.sent", now=now, subject="campaign", subject_id=campaign_id)
    return done is not None


def pause(session: Session, campaign: Campaign, *, by: Staff, now: datetime) -> None:
    """Hold back what has not left. Refuses when nothing is scheduled or under way."""
    drafts.hold(session, campaign)
    team.require_sender(by)
    if campaign.status not in (CampaignStatus.SCHEDULED, CampaignStatus.SENDING):
        raise Conflict("Seul un envoi programmé ou en cours se met en pause.")
    campaign.status = CampaignStatus.PAUSED
    journal.note(session, "campaign.pause", now=now, by=by.id, subject="campaign", subject_id=campaign.id)


def resume(session: Session, campaign: Campaign, *, by: Staff, now: datetime) -> None:
    """Go on after a pause. Refuses when it is not paused."""
    drafts.hold(session, campaign)
    team.require_sender(by)
    if campaign.status is not CampaignStatus.PAUSED:
        raise Conflict("Cet envoi n’est pas en pause.")
    campaign.status, campaign.trouble = CampaignStatus.SCHEDULED, ""
    campaign.waits_for, campaign.resumes_at, campaign.failures = None, None, 0
    journal.note(session, "campaign.resume", now=now, by=by.id, subject="campaign", subject_id=campaign.id)
    begin(session, campaign, now=now)


def stop(session: Session, campaign: Campaign, *, by: Staff, now: datetime) -> int:
    """End a sending for good; return how many will not receive it. Refuses when it is not scheduled, sending or paused."""
    drafts.hold(session, campaign)
    team.require_sender(by)
    if campaign.status not in _LIVE:
        raise Conflict("Cet envoi n’est ni programmé, ni en cours, ni en pause : il n’y a rien à arrêter.")
    campaign.status, campaign.finished_at = CampaignStatus.STOPPED, now
    campaign.waits_for, campaign.resumes_at = None, None
    skipped = deliveries.skip_open(session, campaign.id, SkipReason.STOPPED, now=now)
    journal.note(
        session, "campaign.stop", now=now, by=by.id, subject="campaign", subject_id=campaign.id, skipped=skipped
    )
    return skipped


def call_back(session: Session, campaign: Campaign, *, by: Staff, now: datetime) -> bool:
    """Stop a sending of which nothing has left. Once it has begun it is only paused, and False: that is another decision.

    Refuses when it is not scheduled, sending or paused.
    """
    drafts.hold(session, campaign)
    if campaign.started_at is None or campaign.status not in _LIVE:
        stop(session, campaign, by=by, now=now)
        return True
    if campaign.status is not CampaignStatus.PAUSED:
        pause(session, campaign, by=by, now=now)
    return False


def figures(session: Session, campaign: Campaign) -> Figures:
    """Tell how many rows of a campaign stand where; before the launch, all zero but the planned audience.

    From the tally: the time that it takes does not depend on the number of rows.
    """
    if campaign.launched_at is None:
        return Figures(planned=audiences.everybody(session, campaign))
    told: Counter[str] = Counter()
    for _, state, bounced, complained, answered, _, rows in session.execute(Tally.of(campaign.id)):
        is_accepted = state is DeliveryState.ACCEPTED
        told.update({state.value: rows, "planned": rows, "replies": rows if answered else 0})
        told.update(
            bounced=rows if is_accepted and bounced else 0, complained=rows if is_accepted and complained else 0
        )
    questions = session.scalar(select(func.count(Asking.id)).where(Asking.campaign_id == campaign.id)) or 0
    return Figures(questions=questions, **told)


def late_convocations(session: Session, *, now: datetime) -> list[Late]:
    """List the convocations that somebody's server has put off for a day: staff must know while there is time (D18)."""
    query = (
        select(Campaign, func.count(Delivery.id))
        .join(Delivery, Delivery.campaign_id == Campaign.id)
        .where(
            Campaign.status.in_((CampaignStatus.SENDING, CampaignStatus.PAUSED)),
            Campaign.mail_class == MailClass.STATUTORY,
            # Put off by somebody's server, or by the relay for this recipient.
            Delivery.stands(DeliveryState.DEFERRED, DeliveryState.PENDING),
            or_(Delivery.state == DeliveryState.DEFERRED, Delivery.due_at.is_not(None)),
            Delivery.handed_at <= now - _A_DAY,
        )
        .group_by(Campaign.id)
        .order_by(Campaign.id)
    )
    return [Late(campaign, people) for campaign, people in session.execute(query)]


def waiting_at(session: Session, domain: str, campaign: Campaign | None = None) -> int:
    """Count who waits at a destination, of one sending or of all that are under way."""
    query = select(func.count(Delivery.id)).where(
        Delivery.state.in_((DeliveryState.PENDING, DeliveryState.DEFERRED)), claims.is_of(domain)
    )
    if campaign is not None:
        query = query.where(Delivery.campaign_id == campaign.id)
    else:
        query = query.join(Campaign, Campaign.id == Delivery.campaign_id).where(
            Campaign.status == CampaignStatus.SENDING
        )
    return session.scalar(query) or 0


def waiting_again(session: Session, campaign: Campaign) -> int:
    """Count the rows that wait although they may have left before: a stop leaves them in doubt."""
    waiting = Delivery.state.in_((DeliveryState.PENDING, DeliveryState.DEFERRED))
    query = select(func.count()).where(Delivery.campaign_id == campaign.id, waiting, Delivery.doubts > 0)
    return session.scalar(query) or 0


def recipients(session: Session, campaign: Campaign, tray: Tray, *, words: str = "") -> Select[Delivery]:
    """Select the rows of a sending that lie in a tray, of members found by every word of a search."""
    query = Delivery.of_campaign(campaign.id)
    if tray is Tray.BOUNCED:
        query = query.where(Delivery.state.in_(tray.states), Delivery.bounced_at.is_not(None))
    elif tray is Tray.TO_SEND and not session.scalar(select(Tally.has_fresh(campaign.id))):
        # A few that are put off, in a large sending: they are found by themselves, and not among all that has left.
        query = query.where(Delivery.stands(*tray.states), Delivery.due_at.is_not(None))
    elif tray in (Tray.TO_SEND, Tray.SENT):
        query = query.where(Delivery.state.in_(tray.states))
    elif tray is not Tray.ALL:
        query = query.where(Delivery.stands(*tray.states))
    if words.strip():
        query = query.join(Member, Member.id == Delivery.member_id)
    for word in sought(fold(words)):
        query = query.where(Member.search.contains(word, autoescape=True))
    return query


def _require_approved(campaign: Campaign) -> None:
    approval = campaign.approval
    if approval is None:
        raise Conflict(
            "Ce message n’a pas été relu. Demandez une relecture, ou envoyez sans relecture en écrivant pourquoi."
        )
    if approval.content_hash != campaign.version.content_hash:
        raise Conflict("Le texte a changé depuis la relecture : demandez-la de nouveau.")
