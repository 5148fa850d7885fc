"""One world, on each of the two databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from service import db
from service.actions import sending
from service.core.vocabulary import Role
from service.models.delivery import Delivery
from service.models.staff import Staff
from tests.builders import Tray, World

MIGRATED = {"sqlite": "migrated_sqlite", "postgresql": "migrated_postgres"}


@pytest.fixture(params=MIGRATED)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    engine = db.connect(request.getfixturevalue(MIGRATED[request.param]))
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
