"""`pli campaigns recipients`: what a hostile server said neither moves the operator's cursor nor makes lines of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from service import db
from service.cli.campaigns import campaigns
from service.core.vocabulary import Role
from service.models.delivery import Delivery
from tests.actions.test_doubts import carry
from tests.builders import Tray, World

HOSTILE = "2.0.0 \x1b[2J\x1b]0;title\x07kept\r\n-  a@b.example  refused  forged\x9b31m\u202etxt " + "x" * 900


@pytest.fixture
def world(migrated_sqlite: str) -> Iterator[World]:
    """A communiqué that left to one member, whose server answered with the bytes of a terminal."""
    engine = db.connect(migrated_sqlite)
    made = World(db.sessions(engine))
    made.mailing_list()
    made.members(1, "nouvelles")
    number = made.approved(made.staff("Jeanne"), boss := made.staff("Paul", Role.VALIDEUR), "nouvelles")
    made.send(number, boss)
    carry(made, number, Tray())
    with made.sessions.begin() as session:
        session.execute(update(Delivery).values(reply=HOSTILE))
    yield made
    engine.dispose()


@pytest.fixture
def listed(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    def run(*options: str) -> str:
        monkeypatch.setenv("DATA_DIR", str(tmp_path))
        done = CliRunner().invoke(campaigns, ["recipients", "1", *options])
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def test_what_a_server_said_is_one_line_without_controls_and_is_cut(listed: Callable[..., str]) -> None:
    line, end = listed().split("\n")
    assert end == ""
    assert line.isprintable()
    said = line.partition("accepted  ")[2]
    assert said.startswith("2.0.0 [2J]0;titlekept - a@b.example")
    assert (len(said), said[-1]) == (200, "…")


def test_the_json_keeps_all_of_it(listed: Callable[..., str]) -> None:
    assert json.loads(listed("--json"))["reply"] == HOSTILE
