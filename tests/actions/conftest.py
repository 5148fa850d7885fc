"""One world, on each of the two databases."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from service import db
from service.actions import sending
from service.core.vocabulary import Role
from service.models.delivery import Delivery
from service.models.staff import Staff
from tests.builders import Tray, World


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("empty_database"), tmp_path / "pli.db")
        url = f"sqlite:///{tmp_path}/pli.db"
    else:
        url = request.getfixturevalue("migrated_postgres")
    engine = db.connect(url)
    made = World(db.sessions(engine))
    made.defaults()
    yield made
    engine.dispose()


@pytest.fixture
def author(world: World) -> Staff:
    world.mailing_list()
    world.members(5, "nouvelles")
    return world.staff("Jeanne")


@pytest.fixture
def boss(world: World) -> Staff:
    return world.staff("Paul", Role.ADMIN)


@pytest.fixture
def launched(world: World, author: Staff, boss: Staff) -> int:
    number = world.approved(author, boss, "nouvelles")
    world.send(number, boss)
    return number


@pytest.fixture
def sent(world: World) -> Delivery:
    """The mail that one member received."""
    world.mailing_list()
    world.members(3, "nouvelles")
    author, boss = world.staff("Jeanne"), world.staff("Paul", Role.ADMIN)
    number = world.approved(author, boss, "nouvelles")
    world.send(number, boss)
    sending.send_campaign(world.wire(Tray()), number)
    with world.sessions() as session:
        return session.scalars(select(Delivery).where(Delivery.address == "membre1@exemple1.example")).one()
