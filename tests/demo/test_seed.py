"""The demo's cooperative is made by the product's own doors, and keeps nobody waiting meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from service import schema
from service.actions import lists, sending
from service.actions.campaigns import Launching
from service.actions.office import Office
from service.demo.mailboxes import Mailboxes
from service.demo.seed import Sower
from service.models.campaign import Campaign
from service.wiring import Wiring
from tests.web.world import wired


@pytest.fixture
def wiring(tmp_path: Path) -> Iterator[Wiring]:
    made = wired(tmp_path)
    schema.upgrade(made.engine)
    with made.sessions.begin() as session:
        lists.ensure_defaults(session, now=made.now())
    yield made
    made.engine.dispose()


def test_others_may_write_while_the_first_communique_is_rendered(
    wiring: Wiring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launching = sending.launching
    wrote: list[int] = []

    def write_meanwhile(office: Office, campaign: Campaign) -> Launching:
        with sqlite3.connect(tmp_path / "pli.db", timeout=0, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            wrote.append(campaign.id)
            other.execute("ROLLBACK")
        other.close()
        return launching(office, campaign)

    monkeypatch.setattr(sending, "launching", write_meanwhile)
    sower = Sower(wiring, Mailboxes.of(tmp_path), say=lambda _: None)
    sower._team()
    sower._members()
    assert wrote == []
    assert [sower._communique(sower._rdv())] == wrote
