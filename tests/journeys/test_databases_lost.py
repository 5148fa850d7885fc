"""R5, I1, I2: the database breaks in the middle of a campaign, at its COMMITs or as a whole."""

from __future__ import annotations

from collections import deque
from itertools import cycle
from pathlib import Path

from service.core.vocabulary import CampaignStatus, DeliveryState
from tests.builders import World
from tests.journeys.test_kills import MEMBERS, campaign
from tests.parts import await_that
from tests.parts.account import account
from tests.parts.deadly_relay import DeadlyRelay, Step, Strike, deadly_relay
from tests.parts.installation import installation
from tests.parts.postgres import postgres_server
from tests.parts.postgres_proxy import Cut, proxy
from tests.parts.stable import Stable, stable


def finish(horses: Stable, world: World, number: int) -> None:
    for _ in range(20):
        horses.run("send", number)
        horses.run("tick")
        if world.status(number) is CampaignStatus.SENT:
            return
    raise AssertionError("the campaign does not end")


def everybody_once(world: World, number: int, relay: DeadlyRelay) -> None:
    """Nobody was at the wire of a process that died: nobody is in doubt."""
    await_that(lambda: not relay.open_lines, "the relay has read everything")
    found = account(world, number, relay.messages)
    assert (found.extra, found.states[DeliveryState.ACCEPTED]) == (0, MEMBERS)


def test_r5_a_line_lost_at_commit_loses_nobody_and_sends_nothing_twice(postgres: str, tmp_path: Path) -> None:
    """A COMMIT that errors is unknown: half of these were heard by the server, and half were not."""
    with (
        deadly_relay(DeadlyRelay()) as relay,
        proxy(postgres) as line,
        installation(tmp_path, postgres, relay) as pli,
    ):
        world = pli.seeded(MEMBERS)
        number = campaign(world)
        line.cuts = dict(zip(range(2, 24, 2), cycle(Cut), strict=False))
        environment = pli.environment | {"DATABASE_URL": line.url}
        with stable(environment, tmp_path / "stable.log") as horses:
            for _ in range(3):
                horses.run("send", number)
            horses.run("tick")
            assert set(line.done) == set(Cut)
            line.cuts.clear()
            finish(horses, world, number)
        everybody_once(world, number, relay)


def test_r5_a_postgresql_killed_in_mid_campaign_and_started_again_loses_nobody(tmp_path: Path) -> None:
    with postgres_server() as server, server.fresh_database() as url:

        def die_and_come_back() -> None:
            server.kill()
            server.start()

        strikes = deque(Strike(step, after) for step, after in ((Step.AFTER_RCPT, 20), (Step.BEFORE_COMMIT, 60)))
        with (
            deadly_relay(DeadlyRelay(strikes, act=die_and_come_back)) as relay,
            installation(tmp_path, url, relay) as pli,
        ):
            world = pli.seeded(MEMBERS)
            number = campaign(world)
            with stable(pli.environment, tmp_path / "stable.log") as horses:
                horses.run("send", number)
                assert len(relay.struck) == 2
                finish(horses, world, number)
            everybody_once(world, number, relay)
