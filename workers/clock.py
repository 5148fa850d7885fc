"""The clock: once a second, launch what is due, take back what a dead process held, ring again what nobody heard."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from service.actions import bells, campaigns, deliveries, inbox, pulse, sending
from service.core.refusals import Refusal
from service.models.campaign import Campaign
from service.wiring import Wiring
from workers.ending import Ending

TICK = 1.0
log = structlog.get_logger(__name__)


def run(wiring: Wiring, ending: Ending) -> None:
    """Tick until asked to end; a fault of one tick is logged and the next tick tries again."""
    while not ending.asked:
        for act in (beat, launch_due, recover, begin_due, ring_campaigns, ring_singles, ring_inbox):
            _try(wiring, act)
        ending.sleep(TICK)


def beat(wiring: Wiring, session: Session) -> None:
    """Say that the clock is at work."""
    pulse.beat(session, pulse.CLOCK, now=wiring.now())


def launch_due(wiring: Wiring, session: Session) -> None:
    """Freeze the campaigns whose hour has come."""
    for campaign in session.scalars(Campaign.due(wiring.now())):
        if campaign.launched_at is None:
            _launch(wiring, campaign.id)


def recover(wiring: Wiring, session: Session) -> None:
    """Take back the rows of processes that are gone."""
    taken = deliveries.recover(session, now=wiring.now())
    if taken:
        log.warning("deliveries.recovered", rows=taken)


def begin_due(wiring: Wiring, session: Session) -> None:
    """Let the first mails leave once the hold is over, and call sent what has nothing open."""
    for campaign in session.scalars(Campaign.due(wiring.now())):
        campaigns.begin(session, campaign, now=wiring.now())
    for campaign in session.scalars(Campaign.under_way()):
        campaigns.finish(session, campaign.id, now=wiring.now())


def ring_campaigns(wiring: Wiring, session: Session) -> None:
    """Ring again for the campaigns that nobody works at."""
    for campaign in campaigns.unheard(session, now=wiring.now()):
        campaigns.ring(session, campaign, now=wiring.now())


def ring_singles(wiring: Wiring, session: Session) -> None:
    """Ring again for the mails that stand outside any campaign."""
    for delivery in deliveries.unheard_singles(session, now=wiring.now()):
        delivery.rung_at = wiring.now()
        bells.ring(session, "post", delivery.id)


def ring_inbox(wiring: Wiring, session: Session) -> None:
    """Ring again for the messages that are stored and not read."""
    for message in inbox.waiting(session, now=wiring.now()):
        message.rung_at = wiring.now()
        bells.ring(session, "read", message.id)


def _launch(wiring: Wiring, campaign_id: int) -> None:
    """Render outside the transaction that writes, then launch; a refusal is kept where staff see it."""
    with wiring.sessions() as session:
        launching = sending.launching(wiring.office, session.get_one(Campaign, campaign_id))
    with wiring.sessions.begin() as session:
        campaign = session.get_one(Campaign, campaign_id)
        try:
            campaigns.launch(session, campaign, launching, now=wiring.now())
        except Refusal as refusal:
            campaign.trouble = refusal.sentence[:400]
            log.warning("campaign.launch_refused", campaign=campaign_id, refusal=type(refusal).__name__)


def _try(wiring: Wiring, act: Callable[[Wiring, Session], None]) -> None:
    try:
        with wiring.sessions.begin() as session:
            act(wiring, session)
    except DBAPIError as error:
        log.error("clock.failed", act=act.__name__, error=type(error.orig).__name__, next="the next tick tries again")  # noqa: TRY400
