"""What is there to do today, what is leaving now, and is everything at work?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint
from sqlalchemy.orm import Session

from service.actions import (
    audiences,
    campaigns,
    convocations,
    deliveries,
    doubts,
    drafts,
    members,
    pauses,
    pulse,
    questions,
)
from service.actions.campaigns import Figures, Tray
from service.actions.doubts import Duty
from service.actions.drafts import Correction
from service.actions.pauses import Pause
from service.core.explanations import Explanation
from service.core.vocabulary import CampaignStatus
from service.models.campaign import Campaign
from service.models.question import Question
from service.models.staff import Staff
from service.settings import Settings
from service.web import http
from service.web.staff import holdups

pages = Blueprint("home", __name__)

_LAST_SENDINGS = 5
# Of what may be a part of all members, so many are counted on each look at the home page.
MANY = 500
# What the foot of every mail needs; a mail without it is legal, but tells less than members may expect.
_ADVISED = (
    ("postal_address", "POSTAL_ADDRESS", "l’adresse postale de la coopérative"),
    ("telephone", "TELEPHONE", "le téléphone de la coopérative"),
    ("legal_notice", "LEGAL_NOTICE", "la mention légale (forme, capital, registre)"),
)


@dataclass(frozen=True, slots=True)
class Sending:
    """A message that is leaving, or that left: its figures, or before the launch how many would receive it today."""

    campaign: Campaign
    figures: Figures
    expected: int | None = None
    pause: Pause | None = None

    @property
    def trouble(self) -> Explanation | None:
        """What holds it back, if anything does but us."""
        return holdups.trouble_of(self.campaign, self.pause)

    @property
    def waiting(self) -> int:
        """How many people it has not left to."""
        return Tray.TO_SEND.rows(self.figures) if self.expected is None else self.expected


@dataclass(frozen=True, slots=True)
class ToCorrect:
    """A message of ours that a reader sent back."""

    campaign: Campaign
    asked: Correction


@dataclass(frozen=True, slots=True)
class Duties:
    """What waits for somebody of the team."""

    to_correct: list[ToCorrect]
    to_reread: list[Campaign]
    to_send: list[Campaign]
    held_up: list[Sending]
    in_doubt: list[Duty]
    mine_in_review: list[Campaign]
    questions: int
    oldest_question: datetime | None
    unreachable: int
    data_requests: list[Question]
    late_convocations: list[campaigns.Late]
    returned_convocations: list[convocations.Returned]

    @property
    def are_done(self) -> bool:
        """Whether nothing waits."""
        return not (
            self.to_correct
            or self.to_reread
            or self.to_send
            or self.held_up
            or self.in_doubt
            or self.mine_in_review
            or self.questions
            or self.unreachable
            or self.data_requests
            or self.late_convocations
            or self.returned_convocations
        )


@pages.get("/")
def show() -> str:
    """Show the home page of the team."""
    session, now = http.session(), http.wiring().now()
    return http.page(
        "staff/home.html",
        many=MANY,
        today=now.date(),
        duties=_duties(session, http.me(), now),
        advice=_advice(http.wiring().settings),
        silent=_silent(session, now),
        unread_mailbox=http.unread_mailbox(),
        missed_messages=http.missed_messages(),
        refused_login=http.refused_login(),
        paused_destinations=holdups.paused(),
        slow_relay=holdups.slow_relay(),
        held_up_letters=deliveries.held_up_singles(session, now=now),
        under_way=_sendings(session, CampaignStatus.SCHEDULED, CampaignStatus.SENDING, CampaignStatus.PAUSED),
        sent=_sendings(session, CampaignStatus.SENT, CampaignStatus.STOPPED, limit=_LAST_SENDINGS),
    )


def _duties(session: Session, person: Staff, now: datetime) -> Duties:
    submitted = list(session.scalars(Campaign.standing(CampaignStatus.SUBMITTED)))
    waiting, oldest = questions.waiting(session)
    return Duties(
        to_correct=_to_correct(session, person),
        to_reread=[one for one in submitted if person.role.may_send and not drafts.wrote(one, person)],
        to_send=list(session.scalars(Campaign.standing(CampaignStatus.APPROVED))),
        held_up=[_sending(session, one) for one in session.scalars(Campaign.held_up())],
        in_doubt=doubts.duties(session, now=now),
        mine_in_review=[one for one in submitted if drafts.wrote(one, person)],
        questions=waiting,
        oldest_question=oldest,
        data_requests=questions.data_requests(session),
        unreachable=members.unreachable_count(session, at_most=MANY),
        late_convocations=campaigns.late_convocations(session, now=http.wiring().now()),
        returned_convocations=convocations.returned(session),
    )


def _to_correct(session: Session, person: Staff) -> list[ToCorrect]:
    drafted = session.scalars(Campaign.standing(CampaignStatus.DRAFT).where(Campaign.submitted_at.is_not(None)))
    mine = [one for one in drafted if drafts.wrote(one, person)]
    asked = [(one, drafts.correction_asked(session, one)) for one in mine]
    return [ToCorrect(one, correction) for one, correction in asked if correction is not None]


def _advice(settings: Settings) -> list[tuple[str, str]]:
    return [(name, words) for field, name, words in _ADVISED if not getattr(settings, field)]


def _silent(session: Session, now: datetime) -> list[str]:
    """List the processes that nobody has seen for 30 seconds: without them nothing leaves."""
    return [name for name in (pulse.WORKER, pulse.CLOCK) if not pulse.is_beating(session, name, now=now)]


def _sendings(session: Session, *statuses: CampaignStatus, limit: int = 20) -> list[Sending]:
    return [_sending(session, one) for one in session.scalars(Campaign.standing(*statuses).limit(limit))]


def _sending(session: Session, campaign: Campaign) -> Sending:
    pause = pauses.of(session, campaign)
    if campaign.launched_at is not None:
        return Sending(campaign, campaigns.figures(session, campaign), pause=pause)
    secret = http.wiring().office.secret
    return Sending(campaign, Figures(), audiences.count(session, campaign, secret=secret).receiving, pause)
