"""kill −9 at every step from the fetch to the move, on a real Dovecot: each message in one place, none lost or twice (I5, R7)."""

from __future__ import annotations

import shutil
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import select

from service import db
from service.core.vocabulary import InboundState, MailFolder
from service.models.inbound_message import InboundMessage
from service.models.question import Asking
from tests.actions.test_mailbox import nothing_is_broken
from tests.builders import NOON, Clock, World
from tests.parts.dovecot import OLD_SERVER, DovecotServer, dovecot_server
from tests.parts.fatal_step import Mortal, Order, mortal

DONE = "Trait&AOk-s"
FROM = {"question": "membre1@exemple1.example", "pub": "pub@ailleurs.example"}
# Fewer would mean that the steps are not counted.
AT_LEAST = 40


def mail(word: str, user: str) -> bytes:
    return f"From: {FROM[word]}\r\nSubject: {word} {user}\r\n\r\n{word} de {user} ?\r\n".encode()


def subjects(server: DovecotServer, user: str) -> dict[str, list[str]]:
    box = server.postbox(user)
    found = {}
    for name in box.folders():
        texts = [raw.partition(b"Subject: ")[2].split()[0].decode() for raw in box.texts(f'"{name}"')]
        found[name.removeprefix("INBOX.")] = sorted(texts)
    return found


def one_place_each(world: World, server: DovecotServer, user: str) -> None:
    assert subjects(server, user) == {"INBOX": ["pub"], DONE: ["question"]}, user
    with world.sessions() as session:
        rows = session.scalars(select(InboundMessage).where(InboundMessage.account == user)).all()
        assert sorted((row.state, row.filed_in) for row in rows if row.filed_at) == [
            (InboundState.TREATED, MailFolder.DONE)
        ]
        assert [row.state for row in rows if not row.filed_at] == [InboundState.LEFT_IN_PLACE]
        asked = select(Asking.id).join(InboundMessage).where(InboundMessage.account == user)
        assert len(session.scalars(asked).all()) == 1


def kill_at_each_step(world: World, url: str, server: DovecotServer, dying: Mortal) -> int:
    """Kill a reading at its first step, the next at its second, and so on until one ends; return how many were killed."""
    for step in count(1):
        user, at = f"tue{step}", NOON + timedelta(hours=step)
        for word in FROM:
            server.postbox(user).deliver(mail(word, user))
        order = Order(url, server.port, user, server.password, at.isoformat(), step)
        killed = dying.read(order)
        # The pause after a reading that died is over then.
        later = (at + timedelta(minutes=30)).isoformat()
        assert not dying.read(Order(url, server.port, user, server.password, later, 0))
        one_place_each(world, server, user)
        if not killed:
            return step - 1
    raise AssertionError


@pytest.fixture(params=["sqlite, MOVE", "postgresql, COPY"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    database, way = request.param.split(", ")
    if database == "postgresql":
        return str(request.getfixturevalue("migrated_postgres")), way
    shutil.copy(request.getfixturevalue("empty_database"), tmp_path / "pli.db")
    return f"sqlite:///{tmp_path}/pli.db", way


def test_i5_r7_killed_at_any_step_each_message_lies_in_one_place_and_is_asked_once(place: tuple[str, str]) -> None:
    url, way = place
    engine = db.connect(url)
    world = World(db.sessions(engine), Clock(NOON))
    world.mailing_list()
    world.members(3, "nouvelles")
    with dovecot_server(OLD_SERVER if way == "COPY" else "") as server, mortal() as dying:
        assert kill_at_each_step(world, url, server, dying) >= AT_LEAST
    assert nothing_is_broken(world)
    engine.dispose()
