"""R1, R3, I2: a sending process sleeps past its lease, others go on without it, and it wakes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select, update

from service.core.vocabulary import CampaignStatus, DeliveryState
from service.models.delivery import Delivery
from service.models.lease import Lease
from tests.builders import NOON, World
from tests.journeys.test_kills import campaign
from tests.parts import await_that
from tests.parts.account import Account, account
from tests.parts.deadly_relay import DeadlyRelay, Step, Strike, deadly_relay
from tests.parts.installation import Installation, installation
from tests.parts.stable import Stable, stable

MEMBERS, CONNECTIONS = 120, 4
SLEEPING = (Step.LEASE_TAKEN, Step.AFTER_RCPT, Step.MID_DATA, Step.BEFORE_250, Step.BEFORE_COMMIT)


def held(world: World) -> int:
    with world.sessions() as session:
        return session.scalar(select(func.count()).where(Delivery.lease_owner.is_not(None))) or 0


def lease_ends_at(world: World) -> datetime | None:
    with world.sessions() as session:
        return session.scalar(select(func.max(Lease.expires_at)))


def end_leases(world: World) -> None:
    """As if the time had passed for the database alone."""
    with world.sessions.begin() as session:
        session.execute(update(Lease).values(expires_at=NOON.replace(year=2020)))


@contextmanager
def asleep(relay: DeadlyRelay, horses: Stable, number: int) -> Iterator[None]:
    """Let a process begin a campaign and fall asleep where the relay strikes it; it wakes when the block ends."""
    process = horses.begin("send", number)
    await_that(lambda: relay.struck, "the process sleeps")
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def everybody_once(world: World, number: int, relay: DeadlyRelay) -> Account:
    await_that(lambda: not relay.open_lines, "the relay has read everything")
    found = account(world, number, relay.messages)
    assert (found.extra, found.open) == (0, 0)
    assert found.states.keys() <= {DeliveryState.ACCEPTED, DeliveryState.IN_DOUBT}
    return found


def finish(horses: Stable, world: World, number: int) -> None:
    for _ in range(5):
        horses.run("send", number)
        horses.run("tick")
        if world.status(number) is CampaignStatus.SENT:
            return
    raise AssertionError("the campaign does not end")


def test_r1_who_sleeps_past_his_lease_lets_nothing_leave_when_he_wakes(tmp_path: Path) -> None:
    """The lease is of two seconds here, and runs out by the clocks of the machine, as the long one does.

    Whoever is in doubt may be written to again by the staff meanwhile: not one final dot may leave late.
    """
    database, told = f"sqlite:///{tmp_path}/data/pli.db", tmp_path / "stable.log"
    with sleeping_relay() as relay, at(tmp_path, database, relay) as pli:
        world = pli.seeded(MEMBERS)
        with stable(pli.environment, told, lease=2.0) as first, stable(pli.environment, told) as second:
            for step in (Step.LEASE_TAKEN, Step.AFTER_RCPT, Step.BEFORE_250):
                number = begin(world, relay, step)
                with asleep(relay, first, number):
                    # The log of a process that lives is nobody else's: only the end of its leases frees its rows.
                    second.run("tick")
                    assert held(world)
                    await_that(lambda: second.run("tick") == 0 and not held(world), "its leases have run out")
                    second.run("send", number)
                    before = len(relay.messages)
                assert first.ended() == 0
                assert len(relay.messages) == before
                finish(second, world, number)
                assert len(everybody_once(world, number, relay).in_doubt) <= 2 * CONNECTIONS * 2


def test_r1_of_two_machines_one_is_cut_off_for_longer_than_its_lease(postgres: str, tmp_path: Path) -> None:
    """Two DATA_DIRs: the log of the one is out of the other's reach. The one believes that its lease holds."""
    told = tmp_path / "stable.log"
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    with (
        sleeping_relay() as relay,
        at(tmp_path / "here", postgres, relay) as here,
        at(tmp_path / "there", postgres, relay) as there,
    ):
        world = here.seeded(MEMBERS)
        with stable(here.environment, told) as first, stable(there.environment, told) as second:
            for step in SLEEPING:
                number = begin(world, relay, step)
                with asleep(relay, first, number):
                    end_leases(world)
                    second.run("tick")
                    assert not held(world)
                    in_doubt = world.figures(number).in_doubt
                    second.run("send", number)
                assert first.ended() == 0
                first.run("tick")
                finish(second, world, number)
                # What the sleeper knew when it woke ended doubts, and made none.
                assert len(everybody_once(world, number, relay).in_doubt) <= in_doubt


def test_r1_of_two_machines_one_sleeps_past_its_lease_by_the_clock_of_their_database(
    postgres: str, tmp_path: Path
) -> None:
    """The lease is of two seconds here, and nobody ends it: the log of the sleeper is out of the other's reach."""
    told = tmp_path / "stable.log"
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    with (
        sleeping_relay() as relay,
        at(tmp_path / "here", postgres, relay) as here,
        at(tmp_path / "there", postgres, relay) as there,
        stable(here.environment, told, lease=2.0) as first,
        stable(there.environment, told) as second,
    ):
        world = here.seeded(MEMBERS)
        number = begin(world, relay, Step.BEFORE_250)
        with asleep(relay, first, number):
            await_that(lambda: second.run("tick") == 0 and not held(world), "its leases have run out")
            second.run("send", number)
            before, in_doubt = len(relay.messages), world.figures(number).in_doubt
            assert in_doubt
        assert first.ended() == 0
        # What it still heard ended doubts; it let nothing leave.
        assert len(relay.messages) == before
        finish(second, world, number)
        assert len(everybody_once(world, number, relay).in_doubt) <= in_doubt


def begin(world: World, relay: DeadlyRelay, step: Step) -> int:
    """Another campaign, at which the process falls asleep at this step."""
    relay.struck.clear()
    relay.messages.clear()
    relay.strikes.append(Strike(step, 0 if step is Step.LEASE_TAKEN else MEMBERS // 3))
    return campaign(world)


@contextmanager
def sleeping_relay() -> Iterator[DeadlyRelay]:
    with deadly_relay(DeadlyRelay(signal=signal.SIGSTOP)) as relay:
        yield relay


@contextmanager
def at(folder: Path, database: str, relay: DeadlyRelay) -> Iterator[Installation]:
    with installation(folder, database, relay, SEND_CONNECTIONS=str(CONNECTIONS)) as pli:
        yield pli
