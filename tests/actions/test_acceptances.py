"""Acceptances: what the relay said of each mail, written down for a whole window at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from bench.world import seed
from service import db
from service.actions import claims, settling
from service.actions.claims import Ticket
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import DeliveryState
from service.models.delivery import Delivery
from tests.builders import World
from tests.plans import plans

OWNER = "here/1"


def said(*words: str) -> list[Outcome]:
    return [Outcome(Verdict.ACCEPTED, Stage.DOT, 250, text) for text in words]


def claimed(world: World, number: int, *, limit: int = 9) -> tuple[Ticket, ...]:
    with world.sessions.begin() as session:
        return claims.claim(session, number, owner=OWNER, limit=limit, after=0, now=world.clock()).tickets


def settle(world: World, tickets: tuple[Ticket, ...], outcomes: list[Outcome]) -> None:
    with world.sessions.begin() as session:
        told = list(zip(tickets, outcomes, strict=True))
        settling.settle(session, told, owner=OWNER, now=world.clock())


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (
            ["2.0.0 Ok", "", "2.1.5 Accepté, merci !", "queued\nas 'A\"1'", "2.0.0 {a,b} \\ NULL"],
            ["2.0.0 Ok", "", "2.1.5 Accepté, merci !", "queued\nas 'A\"1'", "2.0.0 {a,b} \\ NULL"],
        ),
        (["", "", "", "", ""], ["", "", "", "", ""]),
    ],
)
def test_each_row_keeps_the_words_that_were_said_of_it(
    world: World, launched: int, words: list[str], kept: list[str]
) -> None:
    settle(world, claimed(world, launched), said(*words))
    with world.sessions() as session:
        rows = session.scalars(Delivery.of_campaign(launched)).all()
    assert [row.reply for row in rows] == kept
    assert [row.enhanced for row in rows] == [Outcome(Verdict.ACCEPTED, Stage.DOT, 250, text).enhanced for text in kept]
    assert {(row.state, row.code, row.lease_owner) for row in rows} == {(DeliveryState.ACCEPTED, 250, None)}


def test_the_words_of_a_relay_that_speaks_in_control_characters_stay_with_their_row(
    world: World, launched: int
) -> None:
    settle(world, claimed(world, launched), said("2.0.0 a\x1f2.0.0 b", "2.0.0 second", "\x1f", "2.0.0 fourth", "fifth"))
    with world.sessions() as session:
        rows = session.scalars(Delivery.of_campaign(launched)).all()
    assert [row.reply.replace("\x1f", " ").strip() for row in rows] == [
        "2.0.0 a 2.0.0 b",
        "2.0.0 second",
        "",
        "2.0.0 fourth",
        "fifth",
    ]


def test_a_row_that_was_put_off_is_claimed_as_it_stands(world: World, launched: int) -> None:
    """Both databases give it back alike: SQLite in one text, PostgreSQL row by row."""
    first = claimed(world, launched)
    with world.sessions.begin() as session:
        later = Outcome(Verdict.DEFERRED, Stage.RCPT, 450, "4.2.0 greylisted")
        settling.settle(session, [(ticket, later) for ticket in first], owner=OWNER, now=world.clock())
        # As SQLite writes an instant without fractions of a second, and one with.
        row = session.scalars(select(Delivery).where(Delivery.id == first[0].id)).one()
        row.handed_at = row.handed_at and row.handed_at.replace(microsecond=0)
    world.clock.forward(hours=2)
    again = claimed(world, launched)
    assert [ticket.id for ticket in again] == [ticket.id for ticket in first]
    for before, after in zip(first, again, strict=True):
        assert abs(after.handed_at - before.handed_at) < timedelta(seconds=1)
        assert after.handed_at.tzinfo is not None
        assert (after.attempts, after.epoch) == (2, before.epoch + 1)
        assert (after.address, after.fields, after.message_id) == (before.address, before.fields, before.message_id)
        assert (after.kind, after.link_version, after.in_reply_to) == (before.kind, before.link_version, "")


def test_a_window_is_settled_without_comparing_each_answer_with_each_row_in_hand(postgres: str) -> None:
    """The statistics of a campaign that waits know of no owner: PostgreSQL took more than 100 ms a window for that."""
    seed(postgres, 6000)
    engine = db.connect(postgres)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    world = World(db.sessions(engine))
    tickets = claimed(world, 1, limit=480)
    with plans(engine) as found:
        settle(world, tickets, said(*["2.0.0 Ok"] * len(tickets)))
    engine.dispose()
    assert len(tickets) == 480
    assert [lines for lines in found if lines.startswith("Update on delivery")]
    assert not [lines for lines in found if "Join Filter" in lines], found
