"""The clock: once a second, launch what is due, take back what a dead process held, ring again what nobody heard."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from service import db
from service.actions import (
    bells,
    campaigns,
    deliveries,
    doubts,
    fronts,
    inbox,
    mailbox,
    mornings,
    pace,
    pulse,
    seals,
    sending,
    settling,
    tallies,
    waits,
)
from service.core.places import places
from service.core.refusals import Refusal
from service.gateways import waiting_files
from service.models.campaign import Campaign
from service.models.proof import CampaignProof
from service.ports import LostLog
from service.wiring import Wiring
from workers.ending import Ending

TICK = 1.0
# Longer than the longest thought inside a transaction, a proof: 8 s for 100,000 recipients.
_ASLEEP_SECONDS = 120.0
T = TypeVar("T")
log = structlog.get_logger(__name__)


def run(wiring: Wiring, ending: Ending) -> None:
    """Tick until asked to end; a fault of one act is logged and the next tick tries again."""
    db.end_sleeping_transactions(wiring.engine, _ASLEEP_SECONDS)
    while not ending.asked:
        launch_due(wiring)
        take_in_logs(wiring)
        seal_proofs(wiring)
        for act in (
            beat,
            recover,
            retry_doubts,
            begin_due,
            ring_campaigns,
            ring_singles,
            ring_inbox,
            sweep_pace,
            forget_other_mail,
            sum_up_tallies,
            write_mornings,
            advance_fronts,
        ):
            _try(act.__name__, partial(_in_a_transaction, wiring, act))
        _try("sweep_imports", partial(sweep_imports, wiring))
        ending.sleep(TICK)


def launch_due(wiring: Wiring) -> None:
    """Freeze the campaigns whose hour has come, each by itself: one that fails holds back no other."""
    for campaign_id in _try("launch_due", partial(_due, wiring)) or []:
        _try("launch", partial(_launch, wiring, campaign_id))


def beat(wiring: Wiring, session: Session) -> None:
    """Say that the clock is at work; where the machine's was put back since, nothing waits for its former hours (R12)."""
    if pulse.was_put_back(session, pulse.CLOCK, now=wiring.now()):
        waiting = waits.shorten(session, rules=wiring.rules, retries=wiring.settings.retries, now=wiring.now())
        log.warning("clock.put_back", waits_shortened=waiting)
    pulse.beat(session, pulse.CLOCK, now=wiring.now())


def take_in_logs(wiring: Wiring) -> None:
    """Settle what the logs of dead sending processes tell, each by itself: one that fails holds back no other."""
    for door in _try("look_for_logs", wiring.logs_left_behind) or []:
        _try("take_in_log", partial(_take_in, wiring, door))


def seal_proofs(wiring: Wiring) -> None:
    """Keep the proofs of the statutory sendings that have just ended, and order them for the witnesses, each by itself."""
    for campaign_id in _try("look_for_proofs", partial(_unsealed, wiring)) or []:
        _try("seal_proof", partial(_in_a_transaction, wiring, partial(_seal, campaign_id)))


def recover(wiring: Wiring, session: Session) -> None:
    """Take back the rows whose lease ran out: their process is out of reach."""
    taken = settling.recover(session, now=wiring.now())
    if taken:
        log.warning("deliveries.recovered", rows=taken)


def retry_doubts(wiring: Wiring, session: Session) -> None:
    """Let mail that must arrive leave once more, a quarter of an hour after its first doubt."""
    given = doubts.retry(session, now=wiring.now())
    if given:
        log.warning("deliveries.retried", rows=given)


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
    deliveries.ring_singles(session, now=wiring.now())


def ring_inbox(wiring: Wiring, session: Session) -> None:
    """Ring again for the messages that are stored and not read."""
    for message in inbox.waiting(session, now=wiring.now()):
        message.rung_at = wiring.now()
        bells.ring(session, "read", message.id)


def sweep_pace(wiring: Wiring, session: Session) -> None:
    """Forget the counts of mails that no cap looks back to."""
    pace.sweep(session, now=wiring.now())


def forget_other_mail(wiring: Wiring, session: Session) -> None:
    """Forget who wrote the mail that was left in the mailbox a month ago, and about what."""
    forgotten = mailbox.forget_other_mail(session, now=wiring.now())
    if forgotten:
        log.info("mailbox.forgotten", messages=forgotten)


def sum_up_tallies(wiring: Wiring, session: Session) -> None:
    """Put together what the statements of the last second have added to the tally."""
    tallies.sum_up(session)


def write_mornings(wiring: Wiring, session: Session) -> None:
    """At 8 h of a working day, tell each of the team what waits."""
    written = mornings.order(session, wiring.office, wiring.settings.zone, now=wiring.now())
    if written:
        log.info("mornings.ordered", mails=written)


def advance_fronts(wiring: Wiring, session: Session) -> None:
    """Pass by, once and for all, what has left of the campaigns under way since the last second."""
    fronts.advance(session)


def sweep_imports(wiring: Wiring) -> None:
    """Delete the members files that were uploaded and never imported."""
    swept = waiting_files.sweep(waiting_files.folder(wiring.settings.data_dir), now=wiring.now())
    if swept:
        log.info("imports.swept", files=swept)


def _take_in(wiring: Wiring, door: AbstractContextManager[LostLog | None]) -> None:
    """Take in one log; it is removed once that is committed."""
    with door as lost:
        if lost is None:
            return
        with wiring.sessions.begin() as session:
            rows = settling.take_in(session, lost, now=wiring.now(), retries=wiring.settings.retries)
    log.warning("deliveries.taken_in", rows=rows, log_is_complete=lost.complete)


def _due(wiring: Wiring) -> list[int]:
    with wiring.reading() as session:
        return [one.id for one in session.scalars(Campaign.due(wiring.now())) if one.launched_at is None]


def _unsealed(wiring: Wiring) -> list[int]:
    with wiring.reading() as session:
        return list(session.scalars(CampaignProof.missing(wiring.now())))


def _seal(campaign_id: int, wiring: Wiring, session: Session) -> None:
    office = wiring.office
    seals.seal(
        session,
        campaign_id,
        witnesses=wiring.settings.witnesses,
        domain=office.statutory.sender.domain,
        secret=office.secret,
        now=wiring.now(),
    )


def _launch(wiring: Wiring, campaign_id: int) -> None:
    """Render while no transaction writes, then launch; a refusal takes the campaign off the clock, and staff see why."""
    with wiring.reading() as session:
        launching = sending.launching(wiring.office, session.get_one(Campaign, campaign_id))
    try:
        with wiring.sessions.begin() as session:
            campaigns.launch(session, session.get_one(Campaign, campaign_id), launching, now=wiring.now())
    except Refusal as refusal:
        with wiring.sessions.begin() as session:
            campaigns.hold_back(session, session.get_one(Campaign, campaign_id), refusal.sentence, now=wiring.now())
        log.warning("campaign.launch_refused", campaign=campaign_id, refusal=type(refusal).__name__)


def _in_a_transaction(wiring: Wiring, act: Callable[[Wiring, Session], None]) -> None:
    with wiring.sessions.begin() as session:
        act(wiring, session)


def _try(name: str, act: Callable[[], T]) -> T | None:
    """Whatever goes wrong in one act, the clock goes on; the log gets the class and our lines, never values."""
    try:
        return act()
    except Exception as error:
        kind = type(error.orig if isinstance(error, DBAPIError) else error).__name__
        # Not log.exception: the frames of an exception hold values.
        told = {"act": name, "error": kind, "where": places(error.__traceback__), "next": "the next tick tries again"}
        log.error("clock.failed", **told)  # noqa: TRY400
        return None
