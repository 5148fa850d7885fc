"""R12: the clock of the machine jumps in the middle of a campaign, and the server keeps the hours of another country."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from pathlib import Path

from service.core.vocabulary import CampaignStatus
from service.models.campaign import Campaign
from tests.journeys.test_faults import approved
from tests.journeys.test_kills import CONNECTIONS, MEMBERS, campaign
from tests.journeys.test_sleepers import everybody_once, finish
from tests.parts.deadly_relay import DeadlyRelay, Step, Strike, deadly_relay
from tests.parts.installation import installation
from tests.parts.smtp_sink import Sink
from tests.parts.stable import stable

JUMPS = (3600, -3600, -86_400)  # seconds


def test_r12_a_clock_that_jumps_in_mid_campaign_doubles_nobody_and_loses_nobody(database: str, tmp_path: Path) -> None:
    """Each time with bodies at the wire, and another process looks at once for rows whose lease has run out.

    On SQLite that is told by the very clock that jumps: an hour ahead, the rows of a living process are taken from it.
    """
    clock, jumps = tmp_path / "clock", iter(JUMPS)
    clock.write_text("0")
    strikes = deque(Strike(Step.AFTER_RCPT, MEMBERS * place // 4) for place in range(1, len(JUMPS) + 1))
    with (
        deadly_relay(DeadlyRelay(strikes)) as relay,
        installation(tmp_path, database, relay, SEND_CONNECTIONS=str(CONNECTIONS)) as pli,
        stable(pli.environment, tmp_path / "stable.log", clock=clock) as horses,
        stable(pli.environment, tmp_path / "stable.log", clock=clock) as others,
    ):

        def jump() -> None:
            clock.write_text(str(next(jumps)))
            assert others.run("tick") == 0

        relay.act = jump
        world = pli.seeded(MEMBERS)
        number = campaign(world)
        finish(horses, world, number)
        assert len(relay.struck) == len(JUMPS)
        in_doubt = everybody_once(world, number, relay).in_doubt
        # What is at the wire when its rows are taken; its own process ends most of these doubts.
        assert len(in_doubt) <= (2 * CONNECTIONS if database.startswith("sqlite") else 0)
        assert world.status(number) is CampaignStatus.SENT


def test_r12_an_hour_is_the_cooperatives_wherever_the_server_believes_to_be(tmp_path: Path, sink: Sink) -> None:
    with installation(tmp_path, f"sqlite:///{tmp_path}/data/pli.db", sink) as pli:
        world = pli.seeded(1)
        for zone in ("UTC", "Pacific/Kiritimati"):
            pli.environment["TZ"] = zone
            number = approved(world)
            pli.pli("campaigns", "send", number, "--by", "paul@passerelles.example", "--at", "2030-10-27T02:30")
            with world.sessions() as session:
                # It comes twice that night, and is the first.
                assert session.get_one(Campaign, number).due_at == datetime(2030, 10, 27, 0, 30, tzinfo=UTC)
