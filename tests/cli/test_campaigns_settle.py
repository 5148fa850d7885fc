"""`pli campaigns settle`: what it says to the operator, and what it does to the people in doubt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from service import db
from service.cli.campaigns import campaigns
from service.core.refusals import Conflict, Forbidden, Refusal
from service.core.vocabulary import CampaignStatus, DeliveryState, DoubtReason, Role
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from tests.actions.test_doubts import LOST, WHO, carry
from tests.builders import Tray, World

Settle = Callable[..., Result]


@pytest.fixture
def world(migrated_sqlite: str) -> Iterator[World]:
    """A communiqué to three members, of which one is in doubt."""
    engine = db.connect(migrated_sqlite)
    made = World(db.sessions(engine))
    # Not the hour at which this file was read: a doubt is old after ten minutes, and the suite may last longer.
    made.clock.at = datetime.now(UTC) - timedelta(minutes=1)  # noqa: TID251 (the command has the real clock)
    made.mailing_list()
    made.members(3, "nouvelles")
    author, boss = made.staff("Jeanne"), made.staff("Paul", Role.VALIDEUR)
    number = made.approved(author, boss, "nouvelles")
    made.send(number, boss)
    carry(made, number, Tray({WHO: LOST}))
    yield made
    engine.dispose()


@pytest.fixture
def settle(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settle:
    def run(choice: str, by: str = "paul") -> Result:
        monkeypatch.setenv("DATA_DIR", str(tmp_path))
        arguments = ["settle", "1", "--in-doubt", choice, "--by", f"{by}@passerelles.example"]
        return CliRunner().invoke(campaigns, arguments)

    return run


def test_it_sends_again_under_the_same_identifier_and_says_what_that_means(world: World, settle: Settle) -> None:
    told = settle("resend")
    assert (told.exit_code, told.stdout) == (0, "")
    assert told.stderr == (
        "Le message repart à 1\u00a0personne, sous le même identifiant\u00a0: il arrivera peut-être deux fois.\n"
    )
    assert (world.status(1), world.figures(1).pending) == (CampaignStatus.SENDING, 1)


def test_it_leaves_them_and_says_so_once(world: World, settle: Settle) -> None:
    assert "en doute" in settle("leave").stderr
    assert settle("leave").stderr == "Personne n’est en doute\u00a0: il n’y a rien à décider.\n"
    assert settle("resend").exit_code == 0
    assert (world.status(1), world.figures(1).in_doubt) == (CampaignStatus.SENT, 1)


def test_an_answer_that_may_still_come_is_waited_for(world: World, settle: Settle) -> None:
    with world.sessions.begin() as session:
        doubtful = update(Delivery).where(Delivery.state == DeliveryState.IN_DOUBT)
        session.execute(doubtful.values(why=DoubtReason.LEASE_ENDED))
    refused = settle("resend").exception
    assert isinstance(refused, Refusal)
    assert "la réponse du serveur peut encore arriver" in refused.sentence
    assert world.figures(1).in_doubt == 1


def test_who_may_not_send_is_refused_and_so_is_a_stopped_campaign(world: World, settle: Settle) -> None:
    assert isinstance(settle("resend", by="jeanne").exception, Forbidden)
    with world.sessions.begin() as session:
        session.get_one(Campaign, 1).status = CampaignStatus.STOPPED
    assert isinstance(settle("resend").exception, Conflict)
    assert settle("everybody").exit_code == 2
