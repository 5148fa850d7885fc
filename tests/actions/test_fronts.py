"""The front of a campaign: what has left is not looked at again, and nothing that waits is ever behind it."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, delete, event, func, select, text, update

from service.actions import campaigns, claims, doubts, fronts, invariants, settling, tallies
from service.actions.claims import Ticket
from service.actions.doubts import Choice
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import DeliveryState, MailClass, Role
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.front import Front
from service.models.staff import Staff
from service.models.tally import Tally
from tests.builders import World

LOST = Outcome(Verdict.IN_DOUBT, Stage.DOT, None, "The relay closed the connection.")
KEPT = Outcome(Verdict.ACCEPTED, Stage.DOT, 250, "2.0.0 kept")
BUSY = Outcome(Verdict.RELAY_DOWN, Stage.MAIL, 421, "4.3.2 busy")
LATER = Outcome(Verdict.DEFERRED, Stage.RCPT, 450, "4.2.0 later")


def advance(world: World) -> int:
    with world.sessions.begin() as session:
        fronts.advance(session, worth=1)
    return front(world)


def front(world: World) -> int:
    with world.sessions() as session:
        return session.scalar(select(Front.of(1))) or 0


def taken(world: World, *, limit: int = 5, owner: str = "here/1") -> tuple[Ticket, ...]:
    """What a look from the start takes."""
    with world.sessions.begin() as session:
        return claims.claim(session, 1, owner=owner, limit=limit, after=0, now=world.clock()).tickets


def told(world: World, *outcomes: tuple[Ticket, Outcome | None], owner: str = "here/1") -> None:
    with world.sessions.begin() as session:
        settling.settle(session, outcomes, owner=owner, now=world.clock())


def numbers(tickets: tuple[Ticket, ...]) -> list[int]:
    return [ticket.id for ticket in tickets]


def faults(world: World) -> list[str]:
    with world.sessions() as session:
        return [fault.rule.broken for check in invariants.check(session) for fault in check.faults]


def test_the_first_look_of_a_process_begins_behind_what_has_left_and_not_behind_what_is_at_the_wire(
    world: World, launched: int
) -> None:
    one, two, three = taken(world, limit=3)
    told(world, (one, KEPT), (three, KEPT))
    assert advance(world) == 1
    told(world, (two, KEPT))
    assert (advance(world), numbers(taken(world, limit=1))) == (3, [4])
    assert advance(world) == 3


def test_nothing_that_lies_behind_the_front_is_looked_at_and_an_operator_is_told_and_can_mend_it(
    world: World, launched: int
) -> None:
    """I7: somebody wrote into the table."""
    with world.sessions.begin() as session:
        session.execute(update(Front).values(passed_id=3))
        session.execute(update(Campaign).values(rung_at=None))
        assert len(campaigns.unheard(session, now=world.clock())) == 1
    assert numbers(taken(world)) == [4, 5]
    assert [one for one in faults(world) if "behind the front" in one]
    with world.sessions.begin() as session:
        assert campaigns.unheard(session, now=world.clock()) == []
        tallies.recount(session)
        fronts.recount(session)
    assert faults(world) == []
    assert numbers(taken(world)) == [1, 2, 3]


def test_where_the_tally_knows_of_nothing_that_waits_no_mail_is_looked_at(world: World, launched: int) -> None:
    """What was put off may hold a campaign open for days; what has left of it is not passed by once a second meanwhile."""
    with world.sessions.begin() as session:
        session.execute(delete(Tally))
        session.execute(update(Campaign).values(rung_at=None))
        assert campaigns.unheard(session, now=world.clock()) == []
    with world.sessions.begin() as session:
        session.execute(update(Delivery).where(Delivery.id < 4).values(state=DeliveryState.ACCEPTED))
        session.execute(delete(Tally))
        fronts.advance(session, worth=1)
    assert front(world) == 0


def test_the_front_of_another_campaign_holds_no_look_back(
    world: World, launched: int, author: Staff, boss: Staff
) -> None:
    """Most have an older, smaller one beside them, whose front was never worth a step."""
    other = world.approved(author, boss, "nouvelles")
    world.send(other, boss)
    with world.sessions.begin() as session:
        session.execute(update(Front).where(Front.campaign_id == launched).values(passed_id=5))
        session.execute(update(Campaign).values(rung_at=None))
        assert [one.id for one in campaigns.unheard(session, now=world.clock())] == [other]


def test_mail_that_waits_again_is_before_the_front_however_it_came_to_wait(
    world: World, launched: int, boss: Staff
) -> None:
    """R15: the staff send what was in doubt again, a late word says that nothing left, the relay fails at one put off."""
    tickets = taken(world)
    told(world, (tickets[0], LOST), (tickets[1], LOST), (tickets[2], LATER), (tickets[3], KEPT), (tickets[4], None))
    assert advance(world) == 4
    told(world, (tickets[1], None))
    assert (front(world), faults(world)) == (1, [])
    with world.sessions.begin() as session:
        campaign = session.get_one(Campaign, launched)
        seen = doubts.undecided(session, campaign, now=world.clock()).seen
        doubts.decide(session, campaign, Choice.RESEND, by=session.merge(boss), seen=seen, now=world.clock())
    assert (front(world), advance(world), faults(world)) == (0, 0, [])
    again = taken(world)
    assert numbers(again) == [1, 2, 5]
    told(world, (again[0], KEPT), (again[1], KEPT))
    assert advance(world) == 4
    world.clock.forward(days=1)
    (put_off,) = taken(world)
    told(world, (put_off, BUSY))
    assert (front(world), numbers(taken(world)), faults(world)) == (2, [3], [])


def test_mail_that_must_arrive_is_before_the_front_when_it_leaves_once_more(world: World) -> None:
    world.mailing_list("assemblee", MailClass.STATUTORY)
    world.members(5, "assemblee")
    author, boss = world.staff("Jeanne"), world.staff("Paul", Role.ADMIN)
    world.send(world.approved(author, boss, "assemblee"), boss)
    tickets = taken(world, limit=4)
    told(world, *((ticket, LOST if ticket.id == 3 else KEPT) for ticket in tickets))
    assert advance(world) == 4
    world.clock.forward(minutes=15)
    with world.sessions.begin() as session:
        assert doubts.retry(session, now=world.clock()) == 1
    assert (front(world), faults(world), numbers(taken(world))) == (2, [], [3, 5])


def test_where_no_front_is_known_mail_that_waits_again_is_not_taken_for_one(world: World, launched: int) -> None:
    told(world, (taken(world, limit=4)[3], None))
    with world.sessions.begin() as session:
        session.execute(delete(Front))
        fronts.put_back(session, [(launched, 4), (None, 9)])
    assert (front(world), advance(world), numbers(taken(world))) == (0, 0, [4, 5])


def test_the_parts_are_put_together_and_the_smallest_holds(world: World, launched: int) -> None:
    told(world, *((ticket, KEPT if ticket.id in (1, 2) else LOST) for ticket in taken(world, limit=4)))
    assert advance(world) == 4
    with world.sessions.begin() as session:
        session.execute(update(Delivery).where(Delivery.id.in_((3, 4))).values(state=DeliveryState.PENDING))
        fronts.put_back(session, [(launched, 4), (launched, 3)])
        fronts.put_back(session, [(launched, 4)])
    assert (front(world), advance(world)) == (2, 2)
    with world.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Front)) == 1


def test_the_clock_finds_mail_that_was_left_behind_once_nothing_is_before_the_front(
    world: World, launched: int
) -> None:
    """I1: a statement typed by hand, or a fault of ours, costs such a mail its turn and not its departure."""
    told(world, *((ticket, KEPT) for ticket in taken(world, limit=4)))
    assert advance(world) == 4
    with world.sessions.begin() as session:
        session.execute(update(Delivery).where(Delivery.id == 2).values(state=DeliveryState.PENDING))
    assert advance(world) == 4
    assert [one for one in faults(world) if "behind the front" in one]
    told(world, *((ticket, KEPT) for ticket in taken(world)))
    assert (taken(world), advance(world), numbers(taken(world))) == ((), 0, [2])


def test_a_step_that_is_not_worth_a_write_is_not_made(world: World, launched: int) -> None:
    told(world, *((ticket, KEPT) for ticket in taken(world, limit=4)))
    with world.sessions.begin() as session:
        fronts.advance(session, worth=5)
        assert session.scalar(select(Front.of(launched))) == 0
        fronts.advance(session, worth=4)
        assert session.scalar(select(Front.of(launched))) == 4


@pytest.mark.parametrize("world", ["postgresql"], indirect=True)
@pytest.mark.parametrize("waits_again_first", [True, False])
def test_mail_that_waits_again_while_the_clock_moves_the_front_is_before_it(
    world: World, launched: int, *, waits_again_first: bool
) -> None:
    """Neither sees what the other does, and neither waits; SQLite has one writer at a time."""
    one, two, three = taken(world, limit=3)
    told(world, (one, KEPT), (two, LOST), (three, KEPT))
    with world.sessions() as settling_, world.sessions() as clock:
        for session in (settling_, clock):
            session.execute(text("SET LOCAL lock_timeout = '5s'"))
        if not waits_again_first:
            fronts.advance(clock, worth=1)
        settling.settle(settling_, [(two, None)], owner="here/1", now=world.clock())
        if waits_again_first:
            fronts.advance(clock, worth=1)
        for session in (settling_, clock) if waits_again_first else (clock, settling_):
            session.commit()
    assert (front(world), faults(world), advance(world)) == (1, [], 1)


@pytest.mark.parametrize("world", ["postgresql"], indirect=True)
def test_mail_that_waits_again_between_the_look_of_the_clock_and_its_move_keeps_its_part(
    world: World, launched: int
) -> None:
    one, two, three = taken(world, limit=3)
    told(world, (one, KEPT), (two, LOST), (three, KEPT))
    late = [two]

    def wait_again(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("DELETE FROM front") and late:
            told(world, (late.pop(), None))

    event.listen(world.engine, "before_cursor_execute", wait_again)
    try:
        assert (advance(world), late) == (1, [])
    finally:
        event.remove(world.engine, "before_cursor_execute", wait_again)
    assert (faults(world), numbers(taken(world, limit=1))) == ([], [2])


@pytest.mark.parametrize("world", ["postgresql"], indirect=True)
def test_a_claim_that_is_not_committed_holds_the_front_back(world: World, launched: int) -> None:
    """Its process may die, and nobody would say that these rows wait again."""
    with world.sessions() as session:
        assert numbers(claims.claim(session, 1, owner="x", limit=2, after=0, now=world.clock()).tickets) == [1, 2]
        told(world, *((ticket, KEPT) for ticket in taken(world, limit=2)))
        assert advance(world) == 0
        session.rollback()
    assert numbers(taken(world)) == [1, 2, 5]


@pytest.mark.parametrize("world", ["postgresql"], indirect=True)
def test_two_clocks_do_not_wait_for_each_other(world: World, launched: int) -> None:
    told(world, *((ticket, KEPT) for ticket in taken(world, limit=2)))
    with world.sessions() as one, world.sessions() as two:
        for session in (one, two):
            session.execute(text("SET LOCAL lock_timeout = '5s'"))
            fronts.advance(session, worth=1)
        two.commit()
        one.commit()
    assert front(world) == 2
