"""Two inbox processes on one mailbox: one reads, the other waits and takes over when the first is gone."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from service import db
from service.models.inbound_message import InboundMessage
from tests.builders import World
from tests.parts import await_that
from tests.parts.dovecot import Postbox
from tests.parts.installation import installation
from tests.parts.smtp_sink import Sink


def stored(world: World) -> int:
    with world.sessions() as session:
        return session.scalar(select(func.count(InboundMessage.id))) or 0


def test_the_second_process_waits_and_takes_over_when_the_first_is_killed(
    database: str, tmp_path: Path, sink: Sink, dovecot: Postbox
) -> None:
    with installation(tmp_path, database, sink, dovecot) as pli:
        world, log = pli.seeded(0), tmp_path / "inbox.log"
        first = pli.start("inbox")
        dovecot.deliver(b"Subject: 1\r\n\r\nx\r\n")
        await_that(lambda: stored(world) == 1, "the first process reads", 60)
        second = pli.start("inbox")
        await_that(lambda: log.read_text().count("inbox.waits") == 1, "the second process waits", 60)
        dovecot.deliver(b"Subject: 2\r\n\r\nx\r\n")
        await_that(lambda: stored(world) == 2, "the first process reads on", 60)
        first.send_signal(signal.SIGKILL)
        first.wait()
        dovecot.deliver(b"Subject: 3\r\n\r\nx\r\n")
        await_that(lambda: stored(world) == 3, "the second process takes over", 60)
        assert second.poll() is None
        assert log.read_text().count("inbox.waits") == 1


def test_a_name_is_held_by_one_and_free_when_it_lets_go(database: str, tmp_path: Path) -> None:
    engine, other = db.connect(database), db.connect(database)
    with db.holding(engine, "inbox", tmp_path) as ours:
        assert ours is not None
        ours()
        with db.holding(other, "inbox", tmp_path) as theirs:
            assert theirs is None
        with db.holding(other, "another", tmp_path) as theirs:
            assert theirs is not None
    with db.holding(other, "inbox", tmp_path) as theirs:
        assert theirs is not None
    engine.dispose()
    other.dispose()


def test_who_has_lost_the_database_has_lost_the_name_and_hears_of_it(postgres: str, tmp_path: Path) -> None:
    engine, other = db.connect(postgres), db.connect(postgres)
    with db.holding(engine, "inbox", tmp_path) as ours, other.connect() as line:
        assert ours is not None
        line.execute(text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"))
        with db.holding(other, "inbox", tmp_path) as theirs:
            assert theirs is not None
        with pytest.raises(DBAPIError):
            ours()
    engine.dispose()
    other.dispose()
