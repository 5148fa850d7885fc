"""R12: the clock of the machine jumps, and twice a year the hours of France do: nobody twice, nobody left waiting for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from service.actions import bells, campaigns, deliveries, sending, settling
from service.actions.pace import Rules
from service.core.hours import instant_of
from service.core.pace import pace_of
from service.core.vocabulary import CampaignStatus
from service.models.campaign import Campaign
from service.models.staff import Staff
from tests.builders import MemoryLog, Tray, World

PARIS = ZoneInfo("Europe/Paris")
ONCE = {f"membre{n}@exemple{n % 3}.example": 1 for n in range(5)}


def tick(world: World) -> list[int]:
    """What the clock of the workers does for campaigns; return those whose bell it rings."""
    with world.sessions() as session:
        due = session.scalars(Campaign.due(world.clock())).all()
    for campaign in due:
        with world.sessions() as session:
            launching = sending.launching(world.office, session.get_one(Campaign, campaign.id))
        with world.sessions.begin() as session:
            campaigns.launch(session, session.get_one(Campaign, campaign.id), launching, now=world.clock())
    with world.sessions.begin() as session:
        for campaign in session.scalars(Campaign.due(world.clock())):
            campaigns.begin(session, campaign, now=world.clock())
        for campaign in campaigns.unheard(session, now=world.clock()):
            campaigns.ring(session, campaign, now=world.clock())
        return [bell.ids[0] for bell in bells.taken(session)]


def sent(tray: Tray) -> Counter[str]:
    return Counter(envelope.recipient for envelope in tray.envelopes)


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=-1)], ids=str)
def test_r12_a_bell_that_was_lost_is_rung_again_though_the_clock_has_jumped(
    world: World, launched: int, boss: Staff, jump: timedelta
) -> None:
    single = world.ordered_test(launched, boss)
    world.clock.at += jump
    assert tick(world) == [launched]
    assert tick(world) == []
    with world.sessions() as session:
        assert [one.id for one in deliveries.unheard_singles(session, now=world.clock())] == [single]


@pytest.mark.parametrize("caps", ["5/min", "5/h", "2/min,5/d"])
def test_r12_what_was_counted_before_the_clock_went_back_holds_nobody_for_longer_than_its_cap(
    world: World, author: Staff, boss: Staff, caps: str
) -> None:
    rules, tray = Rules(pace_of(caps)), Tray()
    numbers = [world.approved(author, boss, "nouvelles") for _ in range(2)]
    for number in numbers:
        world.send(number, boss)
    step = min(cap.within for cap in rules.pace.caps) / 4
    sending_of(world, tray, rules, numbers[0], step)
    world.clock.at -= timedelta(days=1, hours=1)
    back = world.clock()
    sending_of(world, tray, rules, numbers[1], step)
    assert set(sent(tray).values()) == {2}
    assert world.clock() - back <= max(cap.within for cap in rules.pace.caps) * 2


def sending_of(world: World, tray: Tray, rules: Rules, number: int, step: timedelta) -> None:
    """Work at a campaign until it is sent, a turn each step."""
    for _ in range(50):
        sending.send_campaign(world.wire(tray, rules=rules, window=5), number)
        if world.status(number) is CampaignStatus.SENT:
            return
        world.clock.at += step


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=-1)], ids=str)
def test_r12_a_clock_that_jumps_under_a_sending_process_doubles_nobody(
    world: World, launched: int, jump: timedelta
) -> None:
    """Another turn and the clock act at once after the jump; on SQLite a lease is measured by that very clock."""
    tray = Tray()

    def jumps(envelope: object) -> None:
        if len(tray.envelopes) == 2:
            tray.before = lambda _: None
            world.clock.at += jump
            with world.sessions.begin() as session:
                settling.recover(session, now=world.clock())
            sending.send_campaign(world.wire(tray, log=MemoryLog("here/2")), launched)

    tray.before = jumps
    wire = world.wire(tray, window=2)
    # The time since the machine started does not jump: the process believes that its lease holds.
    wire = replace(wire, process=replace(wire.process, uptime=lambda: 0.0))
    sending.send_campaign(wire, launched)
    assert sent(tray) == ONCE
    figures = world.figures(launched)
    assert figures.pending + figures.deferred + figures.handing == 0


@pytest.mark.parametrize(
    ("hour", "leaves"),
    [
        ("2026-10-25T02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # comes twice: the first
        ("2026-10-25T03:00", datetime(2026, 10, 25, 2, 0, tzinfo=UTC)),
        ("2026-03-29T03:00", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),  # the minute after 01:59
        ("2027-03-28T03:30", datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),
    ],
)
def test_r12_a_sending_at_an_hour_of_a_night_that_changes_leaves_once_and_then(
    world: World, author: Staff, boss: Staff, hour: str, leaves: datetime
) -> None:
    """The clock ticks through the whole night, and is put back an hour in its middle, as if it kept local time."""
    world.clock.at = leaves - timedelta(hours=4)
    number = world.approved(author, boss, "nouvelles")
    world.send(number, boss, at=instant_of(hour, PARIS, option="at"))
    tray, begun = Tray(), []
    night = [leaves + timedelta(minutes=minute) for minute in [*range(-180, 70, 10), *range(10, 180, 10)]]
    for world.clock.at in night:
        for rung in tick(world):
            begun.append(world.clock())
            sending.send_campaign(world.wire(tray, log=MemoryLog(f"here/{len(begun)}")), rung)
    assert begun == [leaves]
    assert (sent(tray), world.status(number)) == (ONCE, CampaignStatus.SENT)
