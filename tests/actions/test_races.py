"""Two people act on one message at the same moment: one of them is told."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from service.actions import campaigns, drafts, sending
from service.core.refusals import Conflict
from service.models.campaign import Campaign
from service.models.staff import Staff
from tests.builders import World


def test_who_edits_while_another_sends_waits_and_is_refused(world: World, author: Staff, boss: Staff) -> None:
    number = world.approved(author, boss, "nouvelles")
    results: list[Exception | None] = []

    def edit() -> None:
        try:
            with world.sessions.begin() as session:
                campaign = session.get_one(Campaign, number)
                drafts.edit(
                    session,
                    campaign,
                    subject="Un autre objet",
                    preheader="",
                    body="Un autre texte.",
                    list_slugs=["nouvelles"],
                    by=session.merge(author),
                    seen_version=1,
                    now=world.clock(),
                )
            results.append(None)
        except Conflict as refusal:
            results.append(refusal)

    with world.sessions() as session:
        launching = sending.launching(world.office, session.get_one(Campaign, number))
    editor = threading.Thread(target=edit)
    with world.sessions.begin() as session:
        campaign = session.get_one(Campaign, number)
        drafts.hold(session, campaign)
        editor.start()
        _until_it_waits(session, editor)
        campaigns.send(
            session, campaign, launching, by=session.merge(boss), at=None, hold=timedelta(), now=world.clock()
        )
    editor.join()
    assert [type(result) for result in results] == [Conflict]
    with world.sessions() as session:
        assert session.get_one(Campaign, number).version.subject == "Où en sommes-nous ?"


def _until_it_waits(session: Session, editor: threading.Thread) -> None:
    """On PostgreSQL until the other one stands at our lock; on SQLite its BEGIN waits for our commit anyway."""
    if session.get_bind().dialect.name == "sqlite":
        return
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    while editor.is_alive() and not session.execute(waiting).scalar():
        time.sleep(0.01)
