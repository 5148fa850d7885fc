"""The hour that a proof gives is that of the relay's answer, whenever it is settled."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from service.actions import sending, settling
from service.core import send_log
from service.core.send_log import Leg
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import DeliveryState
from service.models.delivery import Delivery
from service.ports import Envelope, LostLog
from tests.builders import NOON, MemoryLog, Tray, World

ACCEPTED = Outcome(Verdict.ACCEPTED, Stage.DOT, 250, "2.0.0 kept")


class Killed(BaseException):
    """What a process sees of its own kill."""


def relay(world: World, *, killed_at: int | None = None, steps: float = 0.25) -> Tray:
    """A relay that takes so many seconds for each answer, and at one of them the process dies; the second is refused."""

    def wait(envelope: Envelope) -> None:
        world.clock.forward(seconds=steps)
        if envelope.id == killed_at:
            raise Killed

    unknown = Outcome(Verdict.REFUSED, Stage.RCPT, 550, "5.1.1 No such user")
    return Tray(before=wait, script={"membre1@exemple1.example": unknown})


def take_in(world: World, lost: LostLog) -> None:
    with world.sessions.begin() as session:
        settling.take_in(session, lost, now=world.clock())


def hours(world: World, number: int, *states: DeliveryState) -> list[datetime | None]:
    with world.sessions() as session:
        rows = session.scalars(Delivery.of_campaign(number)).all()
    return [row.settled_at for row in rows if row.state in states]


ANSWERED = (DeliveryState.ACCEPTED, DeliveryState.REFUSED)


def test_a_log_that_is_taken_in_ten_hours_later_gives_the_hour_of_each_answer(world: World, launched: int) -> None:
    log = MemoryLog("here/1")
    with pytest.raises(Killed):
        sending.send_campaign(world.wire(relay(world, killed_at=4), log=log, connections=5), launched)
    assert hours(world, launched, *ANSWERED) == []
    world.clock.forward(hours=10)
    take_in(world, log.lost())
    assert hours(world, launched, *ANSWERED) == [NOON + timedelta(seconds=second) for second in (0.25, 0.5, 0.75)]
    assert hours(world, launched, DeliveryState.IN_DOUBT) == [world.clock()]


def test_rows_that_are_settled_together_keep_an_hour_each(world: World, launched: int) -> None:
    sending.send_campaign(world.wire(relay(world), connections=5), launched)
    expected = [NOON + timedelta(seconds=0.25 * place) for place in range(1, 6)]
    assert hours(world, launched, *ANSWERED) == expected


def test_r13_a_log_of_a_former_version_knows_no_hour_and_is_settled_at_that_of_its_reading(
    world: World, launched: int
) -> None:
    log = MemoryLog("here/1")
    with pytest.raises(Killed):
        sending.send_campaign(world.wire(relay(world, killed_at=1), log=log, connections=5), launched)
    former = send_log.handed(Leg(1, 1)) + send_log.answered(Leg(1, 1), ACCEPTED)
    world.clock.forward(hours=10)
    take_in(world, LostLog(log.owner, send_log.read(former), complete=True))
    assert hours(world, launched, *ANSWERED) == [world.clock()]


@pytest.mark.parametrize("restored", [timedelta(hours=-2), timedelta(seconds=-0.6)], ids=str)
def test_r12_an_answer_is_never_older_than_its_mail_nor_younger_than_its_settle(
    world: World, launched: int, restored: timedelta
) -> None:
    """The clock of the machine ran ahead while the mail left, and is right again when the log is taken in."""
    log = MemoryLog("here/1")
    with pytest.raises(Killed):
        sending.send_campaign(world.wire(relay(world, killed_at=4), log=log, connections=5), launched)
    world.clock.at += restored
    take_in(world, log.lost())
    latest = max(world.clock(), NOON)
    assert hours(world, launched, *ANSWERED) == [
        min(NOON + timedelta(seconds=second), latest) for second in (0.25, 0.5, 0.75)
    ]


def test_r12_a_clock_that_is_put_back_in_mid_turn_gives_no_answer_before_its_mail(world: World, launched: int) -> None:
    tray = relay(world, steps=-600.0)
    sending.send_campaign(world.wire(tray, connections=5), launched)
    assert hours(world, launched, *ANSWERED) == [NOON] * 5
