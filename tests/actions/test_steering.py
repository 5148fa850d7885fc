"""Pause, resume and stop, in the middle of a sending."""

from __future__ import annotations

import pytest

from service.actions import campaigns, lists, sending
from service.core.refusals import Conflict
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import (
    CampaignStatus,
    Channel,
)
from service.models.campaign import Campaign
from service.models.member import Contact
from service.models.staff import Staff
from service.ports import Desk, Envelope
from tests.builders import Tray, World

DOWN = Outcome(Verdict.RELAY_DOWN, Stage.CONNECT, None, "connection refused")


def test_a_pause_holds_the_rest_back_and_a_resume_lets_it_go(world: World, launched: int, boss: Staff) -> None:
    def pause(envelope: Envelope) -> None:
        if envelope.recipient.startswith("membre1@"):
            with world.sessions.begin() as session:
                campaigns.pause(session, session.get_one(Campaign, launched), by=session.merge(boss), now=world.clock())

    tray = Tray(before=pause)
    sending.send_campaign(world.wire(tray), launched)
    assert (len(tray.envelopes), world.status(launched)) == (2, CampaignStatus.PAUSED)
    with world.sessions.begin() as session:
        campaigns.resume(session, session.get_one(Campaign, launched), by=session.merge(boss), now=world.clock())
    sending.send_campaign(world.wire(Tray()), launched)
    assert world.figures(launched).accepted == 5


def test_a_stop_skips_what_has_not_left_and_is_final(world: World, launched: int, boss: Staff) -> None:
    def stop(envelope: Envelope) -> None:
        if envelope.recipient.startswith("membre1@"):
            with world.sessions.begin() as session:
                campaigns.stop(session, session.get_one(Campaign, launched), by=session.merge(boss), now=world.clock())

    tray = Tray(before=stop)
    sending.send_campaign(world.wire(tray), launched)
    figures = world.figures(launched)
    assert (figures.accepted, figures.skipped, figures.pending, figures.planned) == (2, 3, 0, 5)
    assert world.status(launched) is CampaignStatus.STOPPED
    with pytest.raises(Conflict):
        world.send(launched, boss)


def test_a_stopped_campaign_whose_last_mail_failed_leaves_nothing_open(
    world: World, launched: int, boss: Staff
) -> None:
    def stop(envelope: Envelope) -> None:
        with world.sessions.begin() as session:
            campaigns.stop(session, session.get_one(Campaign, launched), by=session.merge(boss), now=world.clock())

    down = Tray({"membre0@exemple0.example": DOWN}, before=stop)
    sending.send_campaign(world.wire(down), launched)
    assert (world.figures(launched).skipped, world.figures(launched).pending) == (5, 0)


def test_a_late_bell_does_not_wipe_the_reason_of_a_pause(world: World, launched: int) -> None:
    spam = Outcome(Verdict.REFUSED, Stage.DOT, 554, "5.7.1 Spam")
    sending.send_campaign(world.wire(Tray({f"membre{n}@exemple{n % 3}.example": spam for n in range(5)})), launched)
    assert world.status(launched) is CampaignStatus.PAUSED
    assert world.figures(launched).refused == 3
    reason = world.campaign(launched).trouble
    sending.send_campaign(world.wire(Tray()), launched)
    assert "Spam" in reason
    assert world.campaign(launched).trouble == reason


def test_a_pause_is_heard_within_seconds_when_the_relay_is_slow(world: World, launched: int, boss: Staff) -> None:
    def slow_down_and_pause(_envelope: Envelope) -> None:
        world.clock.forward(seconds=5)
        if world.status(launched) is CampaignStatus.SENDING:
            with world.sessions.begin() as session:
                campaigns.pause(session, session.get_one(Campaign, launched), by=session.merge(boss), now=world.clock())

    tray = Tray(before=slow_down_and_pause)
    sending.send_campaign(world.wire(tray, connections=5), launched)
    figures = world.figures(launched)
    assert (len(tray.envelopes), figures.accepted, figures.pending) == (1, 1, 4)


def test_a_row_at_the_wire_is_not_skipped_by_the_next_look(world: World, launched: int) -> None:
    """While the first message waits for its answer, its member leaves, and the rest is looked through once more."""

    class Slow(Tray):
        def run(self, desk: Desk) -> Outcome | None:
            first = desk.take()
            assert first is not None
            desk.hand([first.id])
            with world.sessions.begin() as session:
                contact = session.scalars(Contact.at(first.recipient)).one()
                mailing_list = lists.find(session, "nouvelles")
                lists.leave(
                    session, mailing_list, contact, channel=Channel.ONE_CLICK, wording="stop", now=world.clock()
                )
            Tray.run(self, desk)
            desk.answered(first.id, Outcome(Verdict.ACCEPTED, Stage.DOT, 250, "2.0.0 kept"))
            return None

    sending.send_campaign(world.wire(Slow()), launched)
    assert (world.figures(launched).accepted, world.figures(launched).skipped) == (5, 0)
