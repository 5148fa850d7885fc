"""The tally of each campaign's mails: right after every act, whoever writes, and nothing is counted to tell it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import pytest
from sqlalchemy import Connection, delete, event, func, insert, select, text, update
from sqlalchemy.orm import Session

from service.actions import campaigns, sending, tallies
from service.core.vocabulary import CampaignStatus, DeliveryState
from service.models.delivery import Delivery
from service.models.tally import Tally
from tests.builders import Tray, World

Key = tuple[int, DeliveryState, bool, bool, bool, bool]


def told(session: Session) -> dict[Key, int]:
    return {tuple(row[:6]): row[6] for row in session.execute(Tally.of(*range(9)))}  # type: ignore[misc]


def counted(session: Session) -> dict[Key, int]:
    rows = session.execute(Tally.counted()).all()
    return {(row[0], row[1], bool(row[2]), bool(row[3]), bool(row[4]), bool(row[5])): row[6] for row in rows}


def of(session: Session, *numbers: int, **values: object) -> None:
    session.execute(update(Delivery).where(Delivery.id.in_(numbers)).values(values))


def test_the_tally_follows_every_change_of_a_mail(world: World, launched: int) -> None:
    """I8: states, marks set and taken back, a mail deleted, one that joins a campaign, whatever statement does it."""
    acts = (
        lambda session: of(session, 1, 2, 3, state=DeliveryState.HANDING),
        lambda session: of(session, 1, 2, state=DeliveryState.ACCEPTED),
        lambda session: of(session, 1, bounced_at=world.clock()),
        lambda session: of(session, 1, complained_at=world.clock(), answered_at=world.clock()),
        lambda session: of(session, 1, state=DeliveryState.REFUSED, bounced_at=None),
        lambda session: of(session, 3, state=DeliveryState.DEFERRED, due_at=world.clock()),
        lambda session: of(session, 3, due_at=None),
        lambda session: of(session, 3, reply="no change of where it stands"),
        lambda session: session.execute(text("UPDATE delivery SET state = 'skipped' WHERE id > 2")),
        lambda session: of(session, 4, campaign_id=None),
        lambda session: of(session, 4, campaign_id=launched),
        lambda session: session.execute(delete(Delivery).where(Delivery.id.in_((1, 5)))),
    )
    for act in acts:
        with world.sessions.begin() as session:
            before = told(session)
            assert before == counted(session)
            act(session)
            assert told(session) == counted(session)
    with world.sessions() as session:
        assert sum(told(session).values()) == 3


def test_what_is_rolled_back_is_not_in_the_tally(world: World, launched: int) -> None:
    with world.sessions() as session:
        of(session, 1, 2, state=DeliveryState.ACCEPTED)
        session.rollback()
    assert (world.figures(launched).pending, world.figures(launched).accepted) == (5, 0)


def test_a_mail_outside_any_campaign_is_in_no_tally(world: World, launched: int) -> None:
    table = Delivery.__table__
    own = ("id", "message_id", "campaign_id")
    columns = [one for one in table.columns if one.computed is None and one.name not in own]
    alone = select(*columns, text("'<x@passerelles.example>'")).where(Delivery.id == 1)
    with world.sessions.begin() as session:
        session.execute(insert(Delivery).from_select([*columns, "message_id"], alone))
        session.execute(update(Delivery).where(Delivery.campaign_id.is_(None)).values(state=DeliveryState.ACCEPTED))
        assert session.scalar(select(func.count()).select_from(Delivery)) == 6
        assert told(session) == {(launched, DeliveryState.PENDING, False, False, False, False): 5}


@pytest.mark.parametrize("world", ["postgresql"], indirect=True)
def test_two_processes_that_settle_at_once_wait_neither_for_each_other_nor_for_the_clock(
    world: World, launched: int
) -> None:
    """Two clocks neither; SQLite has one writer at a time."""
    with world.sessions() as one, world.sessions() as two, world.sessions() as clock, world.sessions() as other:
        for session in (one, two, clock, other):
            session.execute(text("SET LOCAL lock_timeout = '5s'"))
        of(one, 1, 2, state=DeliveryState.ACCEPTED)
        of(two, 3, 4, state=DeliveryState.ACCEPTED)
        tallies.sum_up(clock)
        tallies.sum_up(other)
        assert (told(one), told(two), told(clock)) == (counted(one), counted(two), counted(clock))
        for session in (two, other, clock, one):
            session.commit()
    assert (world.figures(launched).pending, world.figures(launched).accepted) == (1, 4)


def test_the_clock_sums_up_the_parts_and_the_figures_stay(world: World, launched: int) -> None:
    with world.sessions.begin() as session:
        tallies.sum_up(session)
    sending.send_campaign(world.wire(Tray()), launched)
    before = asdict(world.figures(launched))
    for _ in range(2):
        with world.sessions.begin() as session:
            tallies.sum_up(session)
            assert session.scalar(select(func.count()).where(Tally.part != 0)) == 0
            # pending, handing and accepted.
            assert session.scalar(select(func.count()).select_from(Tally)) == 3
        assert asdict(world.figures(launched)) == before
    assert before["accepted"] == 5


def test_a_tally_that_is_wrong_is_counted_anew(world: World, launched: int) -> None:
    sending.send_campaign(world.wire(Tray()), launched)
    with world.sessions.begin() as session:
        session.execute(update(Tally).values(rows=7))
    with world.sessions.begin() as session:
        tallies.recount(session)
        assert told(session) == counted(session) == {(launched, DeliveryState.ACCEPTED, False, False, False, False): 5}


def test_neither_the_figures_nor_the_end_of_a_sending_look_at_a_mail(world: World, launched: int) -> None:
    """A look at the mails would be slower the larger the sending; the tally is as short for a million as for five."""
    sending.send_campaign(world.wire(Tray()), launched)
    with world.sessions.begin() as session:
        campaign = world.campaign(launched)
        assert campaign.status is CampaignStatus.SENT
        with statements(world) as asked:
            assert campaigns.figures(session, campaign).accepted == 5
            assert not campaigns.finish(session, launched, now=world.clock())
    assert len(asked) >= 3
    assert [one for one in asked if "delivery" in one] == []


@contextmanager
def statements(world: World) -> Iterator[list[str]]:
    """Note what is asked of the database."""
    asked: list[str] = []

    def note(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(world.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(world.engine, "before_cursor_execute", note)
