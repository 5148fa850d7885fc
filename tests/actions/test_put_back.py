"""R12: what was told to wait under a clock that was put back since waits no longer than its own rule lets it."""

from __future__ import annotations

from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from service.actions import campaigns, sending, waits
from service.actions.pace import FREE, Rules
from service.core.pace import QuietHours, pace_of
from service.core.pacing import DEFAULT_RETRIES, Retries
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import Wait
from service.models.delivery import Delivery
from service.models.staff import Staff
from tests.builders import Tray, World

DOWN = Outcome(Verdict.RELAY_DOWN, Stage.CONNECT, None, "connection refused")
LATER = Outcome(Verdict.DEFERRED, Stage.RCPT, 450, "4.2.0 try again")
ADDRESSES = [f"membre{n}@exemple{n % 3}.example" for n in range(5)]
BACK = timedelta(hours=5)
NIGHT = QuietHours(time(21), time(7), ZoneInfo("Europe/Paris"))


def shorten(world: World, rules: Rules = FREE, retries: Retries = DEFAULT_RETRIES) -> int:
    with world.sessions.begin() as session:
        return waits.shorten(session, rules=rules, retries=retries, now=world.clock())


def resumes_in(world: World, number: int) -> timedelta:
    resumes_at = world.campaign(number).resumes_at
    assert resumes_at is not None
    return resumes_at - world.clock()


def due_in(world: World) -> list[timedelta]:
    with world.sessions() as session:
        waiting = select(Delivery.due_at).where(Delivery.due_at.is_not(None)).order_by(Delivery.id)
        return [at - world.clock() for at in session.scalars(waiting) if at is not None]


@pytest.mark.parametrize("failures", [1, 3])
def test_r12_a_relay_is_tried_again_after_its_pause_and_not_after_the_jump(
    world: World, launched: int, failures: int
) -> None:
    for _ in range(failures):
        sending.send_campaign(world.wire(Tray(dict.fromkeys(ADDRESSES, DOWN))), launched)
    pause = resumes_in(world, launched)
    assert shorten(world) == 0
    world.clock.at -= BACK
    assert shorten(world) == 1
    assert resumes_in(world, launched) == pause
    # Once: it must not be put off with each look.
    world.clock.at += pause
    assert shorten(world) == 0
    with world.sessions() as session:
        assert [one.id for one in campaigns.unheard(session, now=world.clock())] == [launched]


def test_r12_a_pace_holds_nobody_for_longer_than_its_longest_cap(world: World, launched: int) -> None:
    rules = Rules(pace_of("2/min"))
    sending.send_campaign(world.wire(Tray(), rules=rules, window=5), launched)
    for _ in range(5):
        world.clock.forward(seconds=10)
        sending.send_campaign(world.wire(Tray(), rules=rules, window=5), launched)
    assert world.campaign(launched).waits_for is Wait.PACE
    world.clock.at -= BACK
    assert shorten(world, rules) == 1
    assert resumes_in(world, launched) == timedelta(seconds=70)
    # A rule that is no rule any more holds nobody.
    assert shorten(world) == 1
    assert resumes_in(world, launched) == timedelta()


@pytest.mark.parametrize(
    ("back", "left"),
    [
        (timedelta(hours=5), timedelta()),  # 16:00: it is not quiet at all
        (timedelta(hours=18), timedelta(hours=4)),  # 03:00 of the day before: quiet until that morning
    ],
)
def test_r12_quiet_hours_end_by_the_clock_as_it_is(
    world: World, launched: int, back: timedelta, left: timedelta
) -> None:
    rules = Rules(quiet=NIGHT)
    world.clock.forward(hours=8)  # 21:00 in Paris
    sending.send_campaign(world.wire(Tray(), rules=rules), launched)
    assert (world.campaign(launched).waits_for, resumes_in(world, launched)) == (Wait.QUIET, timedelta(hours=10))
    assert shorten(world, rules) == 0
    world.clock.at -= back
    assert (shorten(world, rules), resumes_in(world, launched)) == (1, left)


def test_r12_rows_that_are_put_off_keep_to_the_delay_of_their_own_attempt(world: World, launched: int) -> None:
    retries = Retries((timedelta(minutes=15), timedelta(hours=2)))
    wire = world.wire(Tray(dict.fromkeys(ADDRESSES, LATER)))
    sending.send_campaign(wire, launched)
    with world.sessions.begin() as session:
        for attempts, row in enumerate(session.scalars(Delivery.of_campaign(launched)), 1):
            row.attempts, row.due_at = attempts, retries.next_try(attempts, now=world.clock())
    assert shorten(world, retries=retries) == 0
    world.clock.at -= BACK
    assert shorten(world, retries=retries) == 5
    quarter, two_hours = timedelta(minutes=15), timedelta(hours=2)
    assert due_in(world) == [quarter, two_hours, two_hours, two_hours, two_hours]
    world.clock.at += quarter
    assert shorten(world, retries=retries) == 0


def test_r12_a_mail_outside_any_campaign_is_brought_back_and_the_hour_of_a_sending_is_kept(
    world: World, launched: int, author: Staff, boss: Staff
) -> None:
    sending.send_single(world.wire(Tray({boss.email: LATER})), world.ordered_test(launched, boss))
    hour = world.clock() + timedelta(days=3)
    planned = world.approved(author, boss, "nouvelles")
    world.send(planned, boss, at=hour)
    world.clock.at -= BACK
    assert shorten(world) == 1
    assert due_in(world) == [timedelta(minutes=15)]
    assert world.campaign(planned).due_at == hour
