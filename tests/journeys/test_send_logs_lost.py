"""R1, I1, I2: a killed process whose send log is gone, or lost its end in a power cut, against the rows of the database."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.actions import settling
from service.core import send_log as records
from service.core.vocabulary import CampaignStatus, DeliveryState
from service.gateways import send_log
from service.models.delivery import Delivery
from tests.builders import World
from tests.journeys.test_kills import MEMBERS, campaign
from tests.journeys.test_sleepers import end_leases, held
from tests.parts import await_that
from tests.parts.account import Account, account, account_in
from tests.parts.deadly_relay import DeadlyRelay, Step, Strike, deadly_relay
from tests.parts.installation import Installation, installation
from tests.parts.stable import Stable, stable

HEADER = 512
CONNECTIONS = 4


@contextmanager
def killed(
    folder: Path, database: str, *steps: Step, durability: str = "strict", members: int = MEMBERS
) -> Iterator[tuple[DeadlyRelay, Installation, World]]:
    """An installation whose sending processes are killed at these steps, one after the other."""
    strikes = deque(Strike(step, 40 * place) for place, step in enumerate(steps, 1))
    with (
        deadly_relay(DeadlyRelay(strikes)) as relay,
        installation(folder, database, relay, SEND_CONNECTIONS=str(CONNECTIONS), DURABILITY=durability) as pli,
    ):
        yield relay, pli, pli.seeded(members)


def logs(pli: Installation) -> list[Path]:
    return list((Path(pli.environment["DATA_DIR"]) / "sending").glob("*.log"))


def test_r1_a_send_log_deleted_before_or_after_the_death_of_its_process_leaves_doubts_and_no_copy(
    database: str, tmp_path: Path
) -> None:
    with (
        # Without its log all that a process held is in doubt, a whole window: the next one must find rows of its own.
        killed(tmp_path, database, Step.BEFORE_COMMIT, Step.BEFORE_COMMIT, members=400) as (relay, pli, world),
        stable(pli.environment, tmp_path / "stable.log") as horses,
    ):
        number = campaign(world)
        assert horses.run("send", number) < 0
        (log,) = logs(pli)
        log.unlink()
        lost(horses, world)
        assert world.figures(number).in_doubt
        horses.begin("send", number)
        # Behind its lock: whose empty file is taken away before that makes another one.
        await_that(lambda: any(log.stat().st_size for log in logs(pli)), "the next process has a log")
        logs(pli)[0].unlink()
        assert horses.ended() < 0
        lost(horses, world)
        horses.run("send", number)
        await_that(lambda: not relay.open_lines, "the relay has read everything")
        found = account(world, number, relay.messages)
        assert (found.extra, found.open, world.status(number)) == (0, 0, CampaignStatus.SENT)


def lost(horses: Stable, world: World) -> None:
    """Nobody can read what the process did: only the end of its leases frees its rows."""
    assert horses.run("tick") == 0
    assert held(world)
    end_leases(world)
    assert horses.run("tick") == 0
    assert not held(world)


@pytest.mark.parametrize("durability", ["strict", "relaxed"])
def test_r1_a_power_cut_at_any_byte_of_the_send_log_lets_nobody_be_written_to_twice(
    database: str, tmp_path: Path, durability: str
) -> None:
    """What is after the cut is zeros, or the file ends there; the machine has started again (another boot id).

    Under `strict` the bytes up to the last body that left are on the disk, or its dot had not left.
    """
    with killed(tmp_path, database, Step.BEFORE_COMMIT, durability=durability) as (relay, pli, world):
        number = campaign(world)
        with stable(pli.environment, tmp_path / "stable.log") as horses:
            assert horses.run("send", number) < 0
        await_that(lambda: not relay.open_lines, "the relay has read what the dead had written")
        whole = logs(pli)[0].read_bytes()
        written = HEADER + len(whole[HEADER:].rstrip(b"\0"))
        sure = durable_to(world, relay, whole) if durability == "strict" else HEADER
        folder = tmp_path / "cut"
        folder.mkdir()

        @settings(max_examples=30, deadline=None)
        @given(st.integers(sure, written + 200), st.booleans())
        def cut(place: int, is_short: bool) -> None:
            content = after_a_restart(whole)[:place]
            (folder / logs(pli)[0].name).write_bytes(content if is_short else content.ljust(len(whole), b"\0"))
            found = taken_in(world, number, relay, folder)
            assert found.states[DeliveryState.HANDING] == 0
            if (
                durability == "strict"
                and not is_short
                and records.read(content[HEADER:].ljust(len(whole), b"\0")).whole
            ):
                # One a connection whose answer was not waited for, and those whose answer the cut took. A record
                # that is torn makes a doubt of every row in hand, since nobody knows what stood behind it.
                assert found.states[DeliveryState.IN_DOUBT] <= CONNECTIONS + answers_after(whole, place)

        cut()


def after_a_restart(whole: bytes) -> bytes:
    header = json.loads(whole[:HEADER]) | {"boot": "another run of the machine"}
    return json.dumps(header).encode().ljust(HEADER) + whole[HEADER:]


def durable_to(world: World, relay: DeadlyRelay, whole: bytes) -> int:
    """How many bytes of the log a disk that keeps its word must have: up to the last body whose dot left."""
    with world.sessions() as session:
        numbers = {row.address: row.id for row in session.query(Delivery)}
    left = {numbers[one.recipient] for one in relay.messages}

    def tells_of_all(place: int) -> bool:
        return left <= {leg.id for leg in records.read(whole[HEADER:place].ljust(len(whole), b"\0")).outcomes}

    low, high = HEADER, len(whole)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if tells_of_all(middle) else (middle + 1, high)
    return low


def answers_after(whole: bytes, place: int) -> int:
    """How many answers a cut takes away."""

    def answered(content: bytes) -> int:
        return sum(outcome is not None for outcome in records.read(content.ljust(len(whole), b"\0")).outcomes.values())

    return answered(whole[HEADER:]) - answered(whole[HEADER:place])


def taken_in(world: World, number: int, relay: DeadlyRelay, folder: Path) -> Account:
    """Take the log in, look, and undo it."""
    (door,) = send_log.left_behind(folder)
    with door as log, world.sessions() as session:
        assert log is not None
        settling.take_in(session, log, now=world.clock())
        session.flush()
        session.expire_all()
        found = account_in(session, number, relay.messages)
        session.rollback()
    return found
