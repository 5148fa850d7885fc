"""What a process that dies or sleeps in the middle leaves behind, and who takes it up."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Connection, event, select, update
from sqlalchemy.exc import OperationalError

from service.actions import campaigns, claims, leases, sending, settling
from service.core import addresses, explanations
from service.core.send_log import Story
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import CampaignStatus, DeliveryState
from service.models.delivery import Delivery
from service.models.mailing_list import Suppression
from service.ports import Desk, Envelope, LostLog
from tests.builders import SECRET, MemoryLog, Tray, World


class Killed(BaseException):
    """What a process sees of its own kill: nothing runs after it."""


def killed_at(local: str) -> Tray:
    """A relay at which the process dies, with the message to this address at the wire."""

    def kill(envelope: Envelope) -> None:
        if envelope.recipient.startswith(f"{local}@"):
            raise Killed

    return Tray(before=kill)


def send(world: World, tray: Tray, launched: int, log: MemoryLog) -> None:
    """Send with all the rows in hand at once."""
    process = world.wire(tray, log=log, connections=5)
    sending.send_campaign(process, launched)


def take_in(world: World, lost: LostLog) -> None:
    with world.sessions.begin() as session:
        settling.take_in(session, lost, now=world.clock())


def doubtful(world: World) -> list[str]:
    with world.sessions() as session:
        return list(session.scalars(select(Delivery.address).where(Delivery.state == DeliveryState.IN_DOUBT)))


def test_who_is_ended_in_mid_turn_leaves_no_clerk_behind_and_settles_nothing(world: World, launched: int) -> None:
    """Its log is free as soon as the turn is over: who reads it must not meet a claim that is still to come."""
    before = set(threading.enumerate())
    with pytest.raises(Killed) as ended:
        send(world, killed_at("membre2"), launched, MemoryLog("here/1"))
    # The frames of what ended it still hold the desk.
    assert ended.tb is not None
    assert [one.name for one in set(threading.enumerate()) - before if one.name.startswith("clerk")] == []
    assert (world.figures(launched).handing, world.figures(launched).accepted) == (5, 0)


def test_the_log_of_a_process_killed_at_the_wire_leaves_one_row_in_doubt_and_loses_nobody(
    world: World, launched: int
) -> None:
    tray, other, log = killed_at("membre2"), Tray(), MemoryLog("here/1")
    with pytest.raises(Killed):
        send(world, tray, launched, log)
    send(world, other, launched, MemoryLog("here/2"))
    assert other.envelopes == []  # the lease still holds
    take_in(world, log.lost())
    send(world, other, launched, MemoryLog("here/2"))
    figures = world.figures(launched)
    assert (figures.accepted, figures.in_doubt, figures.planned) == (4, 1, 5)
    sent = [one.recipient for one in (*tray.envelopes, *other.envelopes)]
    assert len(sent) == len(set(sent)) == 4
    assert doubtful(world) == ["membre2@exemple2.example"]
    assert world.status(launched) is CampaignStatus.SENT


def test_a_log_that_lost_its_end_leaves_every_row_of_its_process_in_doubt_but_the_answered(
    world: World, launched: int
) -> None:
    tray, log = killed_at("membre2"), MemoryLog("here/1")
    with pytest.raises(Killed):
        send(world, tray, launched, log)
    take_in(world, log.lost(complete=False))
    figures = world.figures(launched)
    assert (figures.accepted, figures.in_doubt, figures.pending) == (2, 3, 0)


def test_a_log_taken_in_twice_changes_nothing_more(world: World, launched: int) -> None:
    log = MemoryLog("here/1")
    with pytest.raises(Killed):
        send(world, killed_at("membre2"), launched, log)
    take_in(world, log.lost())
    before = world.figures(launched)
    send(world, Tray(), launched, MemoryLog("here/2"))
    after = world.figures(launched)
    take_in(world, log.lost())
    assert (before.in_doubt, before.pending) == (1, 2)
    assert world.figures(launched) == after


def test_a_log_out_of_reach_leaves_what_was_claimed_for_the_wire_in_doubt_when_the_lease_ends(
    world: World, launched: int
) -> None:
    with pytest.raises(Killed):
        send(world, killed_at("membre2"), launched, MemoryLog("elsewhere/1"))
    world.end_leases()
    with world.sessions.begin() as session:
        settling.recover(session, now=world.clock())
    other = Tray()
    send(world, other, launched, MemoryLog("here/2"))
    figures = world.figures(launched)
    assert (figures.in_doubt, figures.planned) == (5, 5)
    assert other.envelopes == []


def sleep_past_the_lease(world: World) -> None:
    world.end_leases()
    with world.sessions.begin() as session:
        settling.recover(session, now=world.clock())


def test_a_process_that_wakes_after_its_lease_lets_no_body_leave_that_it_held(world: World, launched: int) -> None:
    class Sleeper(Tray):
        def run(self, desk: Desk) -> Outcome | None:
            first, second = desk.take(), desk.take()
            assert first is not None
            assert second is not None
            desk.hand([first.id])
            sleep_past_the_lease(world)
            assert not desk.dot_may_leave(first.id)
            assert list(desk.hand([second.id])) == []
            desk.unsent(second.id)
            desk.answered(first.id, Outcome(Verdict.ACCEPTED, Stage.DOT, 250, "2.0.0 kept"))
            assert desk.take() is None
            return None

    send(world, Sleeper(), launched, MemoryLog("here/1"))
    # The reply that it still read counts for its own row; what it never handed over waits again.
    figures = world.figures(launched)
    assert (figures.accepted, figures.in_doubt, figures.pending) == (1, 0, 4)


def test_a_process_that_sleeps_past_its_lease_and_one_that_takes_over_write_to_each_once(
    world: World, launched: int
) -> None:
    other = Tray()

    def sleep(_envelope: Envelope) -> None:
        sleep_past_the_lease(world)
        send(world, other, launched, MemoryLog("here/2"))

    sleeper = Tray(before=sleep)
    send(world, sleeper, launched, MemoryLog("here/1"))
    send(world, other, launched, MemoryLog("here/2"))
    sent = [one.recipient for one in (*sleeper.envelopes, *other.envelopes)]
    assert len(sent) == len(set(sent)) == 5
    assert (world.figures(launched).accepted, world.status(launched)) == (5, CampaignStatus.SENT)


def test_a_doubt_that_comes_after_the_yes_takes_it_back(world: World, launched: int) -> None:
    doubt = Outcome(Verdict.IN_DOUBT, Stage.DOT, None, "a reply out of place")

    class Confused(Tray):
        def run(self, desk: Desk) -> Outcome | None:
            first = desk.take()
            assert first is not None
            desk.hand([first.id])
            desk.answered(first.id, Outcome(Verdict.ACCEPTED, Stage.DOT, 250, "2.0.0 kept"))
            Tray.run(self, desk)
            desk.answered(first.id, doubt)
            return None

    send(world, Confused(), launched, MemoryLog("here/1"))
    assert doubtful(world) == ["membre0@exemple0.example"]
    assert world.figures(launched).accepted == 4


def test_the_clock_rings_again_only_for_what_nobody_works_at(world: World, launched: int) -> None:
    def unheard() -> list[int]:
        with world.sessions() as session:
            return [one.id for one in campaigns.unheard(session, now=world.clock())]

    assert unheard() == []  # rung a moment ago
    world.clock.forward(seconds=16)
    assert unheard() == [launched]
    with world.sessions.begin() as session:
        claims.claim(session, launched, owner="here/1", limit=2, after=0, now=world.clock())
    assert unheard() == []
    world.end_leases()
    assert unheard() == [launched]


def test_a_row_that_another_process_took_over_is_not_settled_or_held_by_the_first(world: World, launched: int) -> None:
    def claim(owner: str) -> claims.Ticket:
        with world.sessions.begin() as session:
            claimed = claims.claim(session, launched, owner=owner, limit=1, after=0, now=world.clock())
            return claimed.tickets[0]

    def state(ticket: claims.Ticket) -> DeliveryState:
        with world.sessions() as session:
            return session.get_one(Delivery, ticket.id).state

    accepted = Outcome(Verdict.ACCEPTED, Stage.DOT, 250, "2.0.0 kept")
    first = claim("here/1")
    take_in(world, LostLog("here/1", Story(), complete=True))
    second = claim("here/2")
    assert (second.id, second.epoch) == (first.id, first.epoch + 1)
    with world.sessions.begin() as session:
        assert not leases.renew(session, owner="here/1", now=world.clock())
        settling.settle(session, [(first, accepted)], owner="here/1", now=world.clock())
        # The right name under an older epoch.
        settling.settle(session, [(first, accepted)], owner="here/2", now=world.clock())
    assert state(second) is DeliveryState.HANDING
    with world.sessions.begin() as session:
        settling.settle(session, [(second, accepted)], owner="here/2", now=world.clock())
    assert state(second) is DeliveryState.ACCEPTED


def test_a_claim_whose_commit_was_not_heard_of_is_freed_when_its_process_is_done(world: World, launched: int) -> None:
    with world.sessions.begin() as session:
        claims.claim(session, launched, owner="here/1", limit=2, after=0, now=world.clock())
    tray = Tray()
    send(world, tray, launched, MemoryLog("here/1"))
    assert (world.figures(launched).accepted, world.figures(launched).pending) == (3, 2)


def test_an_address_suppressed_after_the_launch_is_skipped_at_the_claim(world: World, launched: int) -> None:
    with world.sessions.begin() as session:
        forbidden = addresses.fingerprint("membre3@exemple0.example", SECRET)
        session.add(Suppression(address_hmac=forbidden, reason="complaint", at=world.clock()))
    tray = Tray()
    sending.send_campaign(world.wire(tray), launched)
    assert "membre3@exemple0.example" not in {one.recipient for one in tray.envelopes}
    assert (world.figures(launched).accepted, world.figures(launched).skipped) == (4, 1)


def test_a_reply_is_written_down_even_when_the_database_fails_at_that_instant(world: World, launched: int) -> None:
    failures = []

    def fail(_connection: Connection) -> None:
        event.remove(world.engine, "commit", fail)
        failures.append(1)
        raise OperationalError("COMMIT", {}, Exception("the server closed the connection unexpectedly"))

    def break_the_next_commit(envelope: Envelope) -> None:
        if envelope.recipient.startswith(("membre1@", "membre4@")):
            event.listen(world.engine, "commit", fail)

    tray = Tray(before=break_the_next_commit)
    sending.send_campaign(world.wire(tray), launched)
    assert len(failures) == 2
    assert len({one.recipient for one in tray.envelopes}) == len(tray.envelopes) == 5
    assert (world.figures(launched).accepted, world.status(launched)) == (5, CampaignStatus.SENT)


def test_a_message_that_cannot_be_written_is_refused_alone_and_nobody_doubts_it(world: World, launched: int) -> None:
    with world.sessions.begin() as session:
        broken = Delivery.address == "membre2@exemple2.example"
        session.execute(update(Delivery).where(broken).values(fields={"to_name": "Camille"}))
    tray = Tray()
    sending.send_campaign(world.wire(tray), launched)
    figures = world.figures(launched)
    assert (figures.accepted, figures.refused, figures.in_doubt, len(tray.envelopes)) == (4, 1, 0, 4)
    with world.sessions() as session:
        refused = session.scalars(select(Delivery).where(Delivery.state == DeliveryState.REFUSED)).one()
        told = explanations.of_delivery(refused.state, why=refused.why, code=refused.code, reply=refused.reply)
    assert told.reason.startswith("Le message n’a pas pu être écrit pour cette personne")


def test_the_log_ends_a_doubt_that_began_when_the_lease_ran_out(world: World, launched: int) -> None:
    log = MemoryLog("here/1")
    with pytest.raises(Killed):
        send(world, killed_at("membre2"), launched, log)
    world.end_leases()
    with world.sessions.begin() as session:
        settling.recover(session, now=world.clock())
    assert len(doubtful(world)) == 5
    take_in(world, log.lost())
    assert world.figures(launched).accepted == 2
    assert "membre2@exemple2.example" in doubtful(world)


def test_a_late_doubt_speaks_of_the_last_attempt(world: World, launched: int) -> None:
    """The rows in hand were given back to a slow relay's next look, and taken again under a higher epoch."""
    accepted = Outcome(Verdict.ACCEPTED, Stage.DOT, 250, "2.0.0 kept")
    doubt = Outcome(Verdict.IN_DOUBT, Stage.DOT, None, "a reply out of place")

    class Slow(Tray):
        def run(self, desk: Desk) -> Outcome | None:
            first = desk.take()
            assert first is not None
            desk.hand([first.id])
            world.clock.forward(seconds=5)
            second = desk.take()
            assert second is not None
            desk.hand([second.id])
            desk.answered(first.id, accepted)
            desk.answered(second.id, accepted)
            Tray.run(self, desk)
            desk.answered(second.id, doubt)
            return None

    send(world, Slow(), launched, MemoryLog("here/1"))
    assert doubtful(world) == ["membre1@exemple1.example"]
    assert world.figures(launched).accepted == 4


def test_r3_the_lease_is_renewed_while_an_answer_is_awaited_for_ten_minutes(world: World, launched: int) -> None:
    """RFC 5321 4.5.3.2.6 allows it so long; meanwhile the clock looks for leases that have run out."""

    class Slow(Tray):
        def run(self, desk: Desk) -> Outcome | None:
            envelope = desk.take()
            assert envelope is not None
            assert desk.hand([envelope.id])
            for _ in range(40):
                world.clock.forward(seconds=15)
                desk.hand(())
                with world.sessions.begin() as session:
                    assert settling.recover(session, now=world.clock()) == 0
            assert desk.dot_may_leave(envelope.id)
            desk.answered(envelope.id, Outcome(Verdict.ACCEPTED, Stage.DOT, 250, "2.0.0 kept"))
            return None

    sending.send_campaign(world.wire(Slow()), launched)
    assert (world.figures(launched).accepted, world.figures(launched).in_doubt) == (1, 0)
