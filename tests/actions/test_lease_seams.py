"""Where the leases of two processes, of two clocks and of two versions meet. SQLite has one writer: PostgreSQL only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from service import db, schema
from service.actions import claims, denials, leases, settling
from service.actions.clerk import Clerk
from service.core.send_log import Leg, Story
from service.core.verdicts import Outcome, Stage, Verdict
from service.models.delivery import Delivery
from service.models.lease import Lease
from service.ports import LostLog
from tests.builders import NOON, World
from tests.parts import await_that

pytestmark = pytest.mark.parametrize("world", ["postgresql"], indirect=True)
OWNER = "here/1"
GONE = LostLog(OWNER, Story(), complete=True)


def beside(act: Callable[[], None]) -> threading.Thread:
    """Let somebody else act meanwhile."""
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread


def await_a_waiter(world: World) -> None:
    """Wait until a transaction stands before a lock of another."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )

    def found() -> bool:
        with world.sessions() as session:
            return bool(session.scalar(waiting))

    await_that(found, "somebody waits for the lock")


def held(world: World) -> int:
    with world.sessions() as session:
        return session.scalar(select(func.count()).where(Delivery.lease_owner.is_not(None))) or 0


def claim(world: World, number: int, limit: int = 2) -> None:
    with world.sessions.begin() as session:
        claims.claim(session, number, owner=OWNER, limit=limit, after=0, now=world.clock())


def take_in(world: World) -> None:
    with world.sessions.begin() as session:
        settling.take_in(session, GONE, now=world.clock())


def test_who_takes_a_dead_process_in_waits_for_its_last_commit(world: World, launched: int) -> None:
    """Its COMMIT is under way when it is killed: what it claimed with it must not be left to nobody."""
    claim(world, launched)
    with world.sessions.begin() as session:
        assert leases.renew(session, owner=OWNER, now=world.clock())
        claims.claim(session, launched, owner=OWNER, limit=2, after=2, now=world.clock())
        clock = beside(lambda: take_in(world))
        await_a_waiter(world)
    clock.join()
    assert held(world) == 0
    assert world.figures(launched).pending == 5


def test_two_clocks_take_the_rows_of_a_dead_process_back_without_a_deadlock(world: World, launched: int) -> None:
    claim(world, launched)
    with world.sessions.begin() as session:
        session.execute(update(Lease).values(expires_at=NOON.replace(year=2020)))
    faults: list[BaseException] = []

    def other() -> None:
        try:
            take_in(world)
        except BaseException as error:
            faults.append(error)

    with world.sessions.begin() as session:
        assert [one.owner for one in leases.over(session, now=world.clock())] == [OWNER]
        clock = beside(other)
        await_a_waiter(world)
        # With the rows locked first by the other, this would end in a deadlock.
        settling.recover(session, now=world.clock())
    clock.join()
    assert faults == []
    assert held(world) == 0


def test_d19_who_takes_a_dead_process_in_and_who_reads_a_report_on_its_mail_do_not_wait_for_each_other(
    world: World, launched: int
) -> None:
    claim(world, launched, limit=1)
    unknown = Outcome(Verdict.REFUSED, Stage.RCPT, 550, "5.1.1 User unknown")
    with world.sessions() as session:
        row = session.scalars(select(Delivery).where(Delivery.lease_owner == OWNER)).one()
    log = LostLog(OWNER, Story({Leg(row.id, row.lease_epoch): unknown}), complete=True)
    faults: list[BaseException] = []

    def other() -> None:
        try:
            with world.sessions.begin() as session:
                settling.take_in(session, log, now=world.clock())
        except BaseException as error:
            faults.append(error)

    with world.sessions.begin() as session:
        denials.take_turn(session)
        clock = beside(other)
        await_a_waiter(world)
        # With the row locked first by the other, this would end in a deadlock.
        session.execute(update(Delivery).where(Delivery.id == row.id).values(bounced_at=NOON))
    clock.join()
    assert faults == []
    assert (held(world), world.figures(launched).refused) == (0, 1)


def test_a_claim_of_the_version_before_that_is_under_way_has_a_lease_after_the_migration(
    world: World, launched: int
) -> None:
    to(world, "0006")
    old = text(
        "UPDATE delivery SET state = 'handing', lease_owner = 'old/1', lease_epoch = 1, attempts = 1, "
        "lease_expires_at = now() WHERE id <= 3"
    )
    with world.engine.begin() as connection:
        connection.execute(old)
        migration = beside(lambda: to(world, "head"))
        await_a_waiter(world)
    migration.join()
    with world.sessions() as session:
        assert [(one.owner, one.from_id, one.to_id) for one in session.scalars(select(Lease))] == [("old/1", 1, 3)]
    with world.sessions.begin() as session:
        settling.recover(session, now=world.clock())
    assert (held(world), world.figures(launched).in_doubt) == (0, 3)


def to(world: World, revision: str) -> None:
    """Move the schema to a revision, up or down."""
    with world.engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        (command.upgrade if revision == "head" else command.downgrade)(config, revision)


def test_who_falls_asleep_in_a_transaction_is_not_waited_for_and_finds_his_lease_gone(
    world: World, launched: int
) -> None:
    """Its locks would else keep everybody from what it holds for as long as it sleeps."""
    with world.sessions.begin() as session:
        assert claims.claim(session, launched, owner=OWNER, limit=9, after=0, now=NOON).tickets
        session.execute(update(Lease).values(expires_at=NOON))
    engine = db.connect(world.engine.url.render_as_string(hide_password=False))
    db.end_sleeping_transactions(engine, 1.0)
    asleep, taken, held = threading.Event(), threading.Event(), []

    def sleep_in_it(session: Session) -> bool:
        held.append(leases.renew(session, owner=OWNER, now=NOON))
        asleep.set()
        assert taken.wait(30)
        # What it asks next, once it is awake.
        session.execute(select(func.now()))
        return held[-1]

    def take_over() -> bool:
        with world.sessions.begin() as session:
            return settling.recover(session, now=NOON) > 0

    results: list[bool] = []
    sleeper = beside(lambda: results.append(Clerk(db.sessions(engine)).run(sleep_in_it)))
    assert asleep.wait(30)
    assert not take_over()
    await_that(take_over, "the other takes over what the sleeper held")
    taken.set()
    sleeper.join(30)
    engine.dispose()
    assert held == [True, False]
    assert results == [False]
