"""A sending keeps the pace that its relay allows, whoever sends, and says when it goes on (contract: SEND_RATE; D20)."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from service.actions import campaigns, claims, sending
from service.actions.claims import Ticket
from service.actions.pace import Rules
from service.core.pace import pace_of, quiet_hours_of
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import CampaignStatus, MailKind, Wait
from service.models.campaign import Campaign
from service.models.staff import Staff
from tests.builders import MemoryLog, Tray, World

PARIS = ZoneInfo("Europe/Paris")
DOWN = Outcome(Verdict.RELAY_DOWN, Stage.CONNECT, None, "connection refused")
TOO_FAST = Outcome(Verdict.RELAY_DOWN, Stage.RCPT, 450, "4.7.1 rate exceeded")


def unheard(world: World) -> list[int]:
    with world.sessions() as session:
        return [one.id for one in campaigns.unheard(session, now=world.clock())]


def test_what_ten_seconds_let_go_leaves_and_the_same_turn_waits_for_more(world: World, launched: int) -> None:
    tray, rules = Tray(), Rules(pace_of("12/min"))
    assert sending.send_campaign(world.wire(tray, rules=rules), launched) is True
    assert len(tray.envelopes) == 2
    assert sending.send_campaign(world.wire(tray, rules=rules), launched) is True
    assert len(tray.envelopes) == 2
    for _ in range(2):
        world.clock.forward(seconds=10)
        sending.send_campaign(world.wire(tray, rules=rules), launched)
    assert len(tray.envelopes) == 5
    assert world.status(launched) is CampaignStatus.SENT


def test_a_cap_that_is_reached_is_no_error_and_says_the_hour_at_which_it_goes_on(world: World, launched: int) -> None:
    tray, rules = Tray(), Rules(pace_of("600/min,3/h"))
    assert sending.send_campaign(world.wire(tray, rules=rules), launched) is False
    campaign = world.campaign(launched)
    assert (len(tray.envelopes), campaign.status, campaign.trouble) == (3, CampaignStatus.SENDING, "")
    assert campaign.waits_for is Wait.PACE
    assert campaign.resumes_at == world.clock() + timedelta(hours=1, seconds=10)
    world.clock.forward(minutes=59)
    assert unheard(world) == []
    world.clock.forward(minutes=2)
    assert unheard(world) == [launched]
    sending.send_campaign(world.wire(tray, rules=rules), launched)
    assert (world.status(launched), world.campaign(launched).resumes_at) == (CampaignStatus.SENT, None)
    assert set(Counter(one.recipient for one in tray.envelopes).values()) == {1}


def test_two_sending_processes_share_one_pace(world: World, launched: int) -> None:
    rules = Rules(pace_of("18/min"))
    taken: list[Ticket] = []
    for owner in ("here/1", "there/1"):
        with world.sessions.begin() as session:
            taken += claims.claim(
                session, launched, owner=owner, limit=2, after=0, now=world.clock(), rules=rules
            ).tickets
    assert len(taken) == 3


def test_what_comes_back_unsent_does_not_use_up_the_pace(world: World, launched: int) -> None:
    rules = Rules(pace_of("600/min,5/h"))
    for minutes in (1, 3, 5):
        sending.send_campaign(world.wire(Tray({"membre0@exemple0.example": DOWN}), rules=rules, window=5), launched)
        world.clock.forward(minutes=minutes)
    tray = Tray()
    sending.send_campaign(world.wire(tray, rules=rules), launched)
    assert world.figures(launched).accepted == 5


def test_a_relay_that_cannot_be_used_is_left_alone_for_longer_each_time(world: World, launched: int) -> None:
    tray = Tray({"membre0@exemple0.example": DOWN})
    pauses = []
    for _ in range(6):
        sending.send_campaign(world.wire(tray), launched)
        campaign = world.campaign(launched)
        assert campaign.waits_for is Wait.RELAY
        assert campaign.resumes_at is not None
        pauses.append((campaign.resumes_at - world.clock()) // timedelta(minutes=1))
        world.clock.at = campaign.resumes_at
    assert pauses == [1, 2, 4, 8, 15, 15]
    sending.send_campaign(world.wire(Tray()), launched)
    campaign = world.campaign(launched)
    assert (campaign.status, campaign.failures, campaign.resumes_at) == (CampaignStatus.SENT, 0, None)


def test_one_recipient_of_whom_the_relay_complains_does_not_hold_up_the_others_d19(world: World, launched: int) -> None:
    tray = Tray({"membre0@exemple0.example": TOO_FAST})
    sending.send_campaign(world.wire(tray), launched)
    assert tray.envelopes == []
    world.clock.forward(minutes=1)
    assert sending.send_campaign(world.wire(tray), launched) is False
    assert len(tray.envelopes) == 4
    figures = world.figures(launched)
    assert (figures.accepted, figures.pending, world.status(launched)) == (4, 1, CampaignStatus.SENDING)
    world.clock.forward(minutes=15)
    sending.send_campaign(world.wire(Tray()), launched)
    assert world.status(launched) is CampaignStatus.SENT


def test_a_resume_by_hand_tries_the_relay_at_once(world: World, launched: int, boss: Staff) -> None:
    sending.send_campaign(world.wire(Tray({"membre0@exemple0.example": DOWN})), launched)
    with world.sessions.begin() as session:
        campaign = session.get_one(Campaign, launched)
        campaigns.pause(session, campaign, by=session.merge(boss), now=world.clock())
        campaigns.resume(session, campaign, by=session.merge(boss), now=world.clock())
        assert (campaign.resumes_at, campaign.waits_for, campaign.failures) == (None, None, 0)


def test_no_campaign_sends_in_quiet_hours_but_a_convocation(world: World, author: Staff, boss: Staff) -> None:
    rules = Rules(quiet=quiet_hours_of("12:30-14:00", PARIS))  # 12:00 UTC is 13:00 in Paris
    world.mailing_list("essai")
    world.members(2, "essai", "convocations")
    quiet = world.approved(author, boss, "essai")
    legal = world.approved(author, boss, "convocations", kind=MailKind.AG_CONVOCATION)
    for number in (quiet, legal):
        world.send(number, boss)
    tray = Tray()
    assert sending.send_campaign(world.wire(tray, rules=rules), quiet) is False
    assert (len(tray.envelopes), world.campaign(quiet).waits_for) == (0, Wait.QUIET)
    assert world.campaign(quiet).resumes_at == world.clock() + timedelta(hours=1)
    sending.send_campaign(world.wire(tray, rules=rules), legal)
    assert len(tray.envelopes) == 5
    world.clock.forward(hours=1)
    sending.send_campaign(world.wire(tray, rules=rules), quiet)
    assert world.status(quiet) is CampaignStatus.SENT


@pytest.mark.parametrize("rules", [Rules(domain_pace=pace_of("12/min")), Rules(domain_connections=2)])
def test_d20_a_large_domain_does_not_starve_the_small_ones(
    world: World, author: Staff, boss: Staff, rules: Rules
) -> None:
    world.mailing_list("essai")
    rows = [f"P{n};N{n};p{n}@{'orange' if n < 30 else f'petit{n}'}.example" for n in range(35)]
    world.take_in("\n".join(["Prénom;Nom;E-mail", *rows]), "essai")
    number = world.approved(author, boss, "essai")
    world.send(number, boss)
    with world.sessions.begin() as session:
        tickets: list[Ticket] = []
        after = 0
        for _ in range(9):
            claim = claims.claim(session, number, owner="here/1", limit=5, after=after, now=world.clock(), rules=rules)
            tickets += claim.tickets
            after = 0 if claim.is_short else claim.looked_to
        domains = Counter(ticket.address.partition("@")[2] for ticket in tickets)
    assert domains.pop("orange.example") == 2
    assert len(domains) == 5
    assert claim.again_at is not None


def test_d20_at_a_throttled_domain_everybody_is_written_to_once_in_the_end(
    world: World, author: Staff, boss: Staff
) -> None:
    world.mailing_list("essai")
    world.members(20, "essai")
    number = world.approved(author, boss, "essai")
    world.send(number, boss)
    tray, rules = Tray(), Rules(domain_pace=pace_of("12/min"), domain_connections=1)
    for _ in range(60):
        sending.send_campaign(world.wire(tray, rules=rules, log=MemoryLog("here/1"), window=10), number)
        world.clock.forward(seconds=2)
    assert Counter(one.recipient for one in tray.envelopes) == Counter(
        f"membre{n}@exemple{n % 3}.example" for n in range(20)
    )
    assert world.status(number) is CampaignStatus.SENT
