"""A relay that loses count of pipelined commands is found out once, and not by each job anew (sending.md)."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from service import schema
from service.actions import relays
from service.core.vocabulary import DeliveryState, Role
from service.models.delivery import Delivery
from service.setting_values import ROOT
from service.wiring import Wiring
from tests.builders import World
from tests.parts.scripted_smtp import Fault, ScriptedRelay, scripted_relay
from tests.web.world import wired
from workers import crew
from workers.ending import Ending

PEOPLE = 8
# The digits of membre4@exemple1.example, and of membre5@exemple2.example.
FOURTH, FIFTH = 41, 52


class Asked(Ending):
    """A wish to end that was there from the start, without a signal."""

    def __init__(self) -> None:
        pass

    @property
    def asked(self) -> bool:
        return True


@pytest.fixture
def relay() -> Iterator[ScriptedRelay]:
    with scripted_relay(ScriptedRelay({FOURTH: Fault.EXTRA_REPLY})) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def wiring(request: pytest.FixtureRequest, tmp_path: Path, relay: ScriptedRelay) -> Iterator[Wiring]:
    url = f"sqlite:///{tmp_path}/pli.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("migrated_postgres")
    made = wired(tmp_path, DATABASE_URL=url, SMTP_URL=f"smtp://localhost:{relay.port}?tls=none", SEND_CONNECTIONS="1")
    schema.upgrade(made.engine)
    yield made
    made.engine.dispose()


@pytest.fixture
def launched(wiring: Wiring) -> list[int]:
    """Two campaigns to the same people."""
    world = World(wiring.sessions)
    world.clock.at = wiring.now()
    world.mailing_list()
    world.members(PEOPLE, "nouvelles")
    author, boss = world.staff("Jeanne"), world.staff("Paul", Role.ADMIN)
    numbers = [world.approved(author, boss, "nouvelles") for _ in range(2)]
    for number in numbers:
        world.send(number, boss)
    return numbers


def job(wiring: Wiring, relay: ScriptedRelay, campaign_id: int) -> None:
    """Send a campaign by a job of its own process, as a work-horse does."""
    settings = wiring.settings
    environment = {
        "DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "SECRET_KEY": "k" * 64,
        "PUBLIC_URL": settings.public_url,
        "SENDER": "Les Passerelles <vie@passerelles.example>",
        "REPLY_TO": "vie@passerelles.example",
        "SMTP_URL": f"smtp://localhost:{relay.port}?tls=none",
        "SEND_CONNECTIONS": "1",
        "DURABILITY": "relaxed",
    }
    command = [sys.executable, "-c", f"from workers import jobs; jobs.send({campaign_id})"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert "@" not in done.stderr.decode()


def states(wiring: Wiring, campaign_id: int) -> Counter[DeliveryState]:
    with wiring.reading() as session:
        return Counter(session.scalars(select(Delivery.state).where(Delivery.campaign_id == campaign_id)))


def is_trusted(wiring: Wiring, address: str = "") -> bool:
    with wiring.reading() as session:
        return relays.distrusted_since(session, address or wiring.relay_address) is None


def test_the_job_after_the_one_that_found_out_gives_the_relay_one_command_at_a_time(
    wiring: Wiring, relay: ScriptedRelay, launched: list[int]
) -> None:
    """What follows a final dot would be dropped, and each job would wait a minute for its answer or doubt a mail."""
    first, second = launched
    assert is_trusted(wiring)
    job(wiring, relay, first)
    assert states(wiring, first) == {DeliveryState.ACCEPTED: PEOPLE - 1, DeliveryState.IN_DOUBT: 1}
    assert not is_trusted(wiring)
    relay.faults[FIFTH] = Fault.DROPS_WHAT_FOLLOWS_THE_DOT
    job(wiring, relay, second)
    assert (relay.faults, relay.dropped) == ({}, [])
    assert states(wiring, second) == {DeliveryState.ACCEPTED: PEOPLE}


def test_another_relay_is_trusted_and_workers_that_start_anew_trust_this_one_again(wiring: Wiring) -> None:
    with wiring.sessions.begin() as session:
        relays.distrust(session, wiring.relay_address, now=wiring.now())
        relays.distrust(session, wiring.relay_address, now=wiring.now())
    assert (is_trusted(wiring), is_trusted(wiring, "localhost:25")) == (False, True)
    crew.run(wiring, 1, Asked())
    assert is_trusted(wiring)
