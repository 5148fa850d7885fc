"""D18: a relay that puts somebody off is tried again at the hours that the settings say, and then takes one copy."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

from service.core.vocabulary import CampaignStatus, DeliveryState
from service.models.delivery import Delivery
from tests.journeys.test_kills import campaign
from tests.parts import await_that
from tests.parts.account import account
from tests.parts.installation import installation
from tests.parts.scripted_smtp import Fault, ScriptedRelay, scripted_relay
from tests.parts.stable import stable

MEMBERS = 6
GREYLISTED = 360.0  # seconds


@dataclass
class Greylist(ScriptedRelay):
    """Says 450 to each recipient until six minutes after it met him first, by the clock that the product goes by."""

    clock: Path = Path()
    met: dict[int, list[float]] = field(default_factory=dict)

    def fault(self, number: int) -> Fault | None:
        now = monotonic() + float(self.clock.read_text())
        times = self.met.setdefault(number, [])
        times.append(now)
        return Fault.NOT_NOW if now - times[0] < GREYLISTED else None


def test_d18_a_greylist_of_six_minutes_is_met_again_by_the_product_itself_and_takes_one_copy(
    database: str, tmp_path: Path
) -> None:
    """Nobody touches a row: the clock of the machine goes on, and nothing is tried before the hour nor twice."""
    clock = tmp_path / "clock"
    clock.write_text("0")
    with (
        scripted_relay(Greylist(clock=clock)) as relay,
        installation(tmp_path, database, relay) as pli,
        stable(pli.environment, tmp_path / "stable.log", clock=clock) as horses,
    ):
        assert isinstance(relay, Greylist)
        world = pli.seeded(MEMBERS)
        number = campaign(world, members=MEMBERS)
        tries = []
        for minutes in (0, 7, 14, 16):
            clock.write_text(str(60 * minutes))
            assert horses.run("send", number) == 0
            tries.append({len(times) for times in relay.met.values()})
        await_that(lambda: not relay.open_lines, "the relay has read everything")
        # The greylist is open after seven minutes, but the hour of the next try is after fifteen.
        assert tries == [{1}, {1}, {1}, {2}]
        found = account(world, number, relay.messages)
        assert (found.states, found.extra) == ({DeliveryState.ACCEPTED: MEMBERS}, 0)
        assert world.status(number) is CampaignStatus.SENT


def test_d18_the_hours_of_the_next_tries_and_the_end_of_them_are_those_of_the_settings(tmp_path: Path) -> None:
    """RETRY_DELAYS and RETRY_DAYS of the environment, to the row that a relay has put off."""
    clock = tmp_path / "clock"
    database = f"sqlite:///{tmp_path}/data/pli.db"
    with (
        scripted_relay(ScriptedRelay()) as relay,
        installation(tmp_path, database, relay, RETRY_DELAYS="3,50", RETRY_DAYS="1") as pli,
        stable(pli.environment, tmp_path / "stable.log", clock=clock) as horses,
    ):
        world = pli.seeded(members=1)
        number = campaign(world, members=1)

        def after_a_turn(later: timedelta) -> tuple[Delivery, datetime, datetime]:
            """The row, and when the turn began and ended by the clock that the product goes by."""
            clock.write_text(str(later.total_seconds()))
            relay.faults = dict.fromkeys(range(1000), Fault.NOT_NOW)
            begun = datetime.now(UTC)  # noqa: TID251 (the processes read the real clock)
            assert horses.run("send", number) == 0
            ended = datetime.now(UTC)  # noqa: TID251
            with world.sessions() as session:
                return session.scalars(Delivery.of_campaign(number)).one(), begun + later, ended + later

        for later, minutes in ((timedelta(), 3), (timedelta(minutes=4), 50), (timedelta(minutes=60), 50)):
            row, begun, ended = after_a_turn(later)
            assert row.state is DeliveryState.DEFERRED
            assert row.due_at is not None
            assert begun <= row.due_at - timedelta(minutes=minutes) <= ended
        row, _, _ = after_a_turn(timedelta(days=1, minutes=1))
        assert (row.state, row.why, row.enhanced) == (DeliveryState.REFUSED, "given_up", "4.4.7")
        assert relay.took == []
