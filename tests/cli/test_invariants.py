"""`pli invariants`: the form that scripts read, the one that people read, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from service import db
from service.cli.database import database
from service.cli.invariants import invariants
from service.core.vocabulary import Role
from service.models.delivery import Delivery
from service.models.front import Front
from service.models.tally import Tally
from tests.builders import World


@pytest.fixture
def world(migrated_sqlite: str) -> Iterator[World]:
    """A campaign that was launched for three members."""
    engine = db.connect(migrated_sqlite)
    made = World(db.sessions(engine))
    made.mailing_list()
    made.members(3, "nouvelles")
    boss = made.staff("Paul", Role.VALIDEUR)
    made.send(made.approved(made.staff("Jeanne"), boss, "nouvelles"), boss)
    yield made
    engine.dispose()


@pytest.fixture
def run(tmp_path: Path, world: World) -> Callable[..., Result]:
    def invoke(*options: str) -> Result:
        return CliRunner().invoke(invariants, options, env={"DATA_DIR": str(tmp_path)})

    return invoke


def test_a_sound_database_gives_nine_checks_and_no_fault(run: Callable[..., Result]) -> None:
    done = run("--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, done.stderr, told["ok"]) == (0, "", True)
    assert [(one["name"], one["ok"], one["found"], one["examples"]) for one in told["checks"]] == [
        (f"I{number}", True, 0, []) for number in range(1, 10)
    ]
    read = run().stdout
    assert "I6  not checked" in read
    assert read.count("not seen from here:") == 9


def test_a_fault_is_named_with_its_rows_and_ends_in_1(world: World, run: Callable[..., Result]) -> None:
    with world.sessions.begin() as session:
        session.execute(update(Delivery).values(doubts=1, attempts=0))
    done = run("--json")
    told = {one["name"]: one for one in json.loads(done.stdout)["checks"]}
    assert (done.exit_code, json.loads(done.stdout)["ok"]) == (1, False)
    assert (told["I2"]["ok"], told["I2"]["found"], told["I2"]["examples"][:3]) == (False, 6, [1, 2, 3])
    assert told["I1"]["ok"]
    done = run()
    assert done.exit_code == 1
    assert "delivery 1, 2, 3: had more doubts than attempts (3 found)" in done.stdout


def test_a_tally_that_is_wrong_names_the_command_that_mends_it(
    tmp_path: Path, world: World, run: Callable[..., Result]
) -> None:
    """I8: the page and the server say the same again after `pli db recount`."""
    with world.sessions.begin() as session:
        session.execute(update(Tally).values(rows=2))
    done = run()
    assert done.exit_code == 1
    assert "campaign 1: has a tally that is not the count of its rows (./pli db recount counts anew)" in done.stdout
    mended = CliRunner().invoke(database, ["recount"], env={"DATA_DIR": str(tmp_path)})
    assert (mended.exit_code, run().exit_code, world.figures(1).pending) == (0, 0, 3)


def test_mail_behind_the_front_names_the_command_that_mends_it(
    tmp_path: Path, world: World, run: Callable[..., Result]
) -> None:
    """I7: no sending process looks there."""
    with world.sessions.begin() as session:
        session.execute(update(Front).values(passed_id=2))
    done = run()
    assert done.exit_code == 1
    assert "delivery 1, 2: waits behind the front of its campaign" in done.stdout
    assert CliRunner().invoke(database, ["recount"], env={"DATA_DIR": str(tmp_path)}).exit_code == run().exit_code == 0
