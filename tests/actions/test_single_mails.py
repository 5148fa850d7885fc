"""Mail that stands outside any campaign: a test to oneself, a notice."""

from __future__ import annotations

import email
import email.policy
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from service.actions import bells, claims, deliveries, sending
from service.core.pacing import relay_pause
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import (
    DeliveryState,
    LeavingReason,
    MailClass,
    MailKind,
    SkipReason,
)
from service.models.delivery import Delivery
from service.models.member import Member
from service.models.staff import Staff
from tests.builders import SECRET, MemoryLog, Tray, World

DOWN = Outcome(Verdict.RELAY_DOWN, Stage.CONNECT, None, "connection refused")


def test_a_test_mail_goes_to_who_asked_with_a_mark_and_a_members_data(world: World, author: Staff) -> None:
    asked = world.ordered_test(world.draft(author, "nouvelles"), author)
    tray = Tray()
    sending.send_single(world.wire(tray), asked)
    mail = email.message_from_bytes(tray.envelopes[0].message, policy=email.policy.default)
    assert tray.envelopes[0].recipient == "jeanne@passerelles.example"
    assert mail["Subject"].startswith("[TEST] ")
    body = mail.get_body(("plain",))
    assert body is not None
    assert "Bonjour Camille" in body.get_content()
    sending.send_single(world.wire(tray), asked)
    assert len(tray.envelopes) == 1


def test_an_act_ordered_twice_is_one_mail(world: World, author: Staff) -> None:
    def order() -> int:
        with world.sessions.begin() as session:
            return deliveries.order(
                session,
                key="confirmation:1",
                kind=MailKind.TEST,
                address="a@x.example",
                fields={},
                subject="x",
                subject_id=1,
                domain="x.example",
                secret=SECRET,
                now=world.clock(),
            ).id

    assert order() == order()
    with world.sessions() as session:
        assert session.get_one(Delivery, order()).mail_class is MailClass.TRANSACTIONAL


def _unheard(world: World) -> list[int]:
    with world.sessions() as session:
        return [one.id for one in deliveries.unheard_singles(session, now=world.clock())]


def test_a_single_mail_that_met_a_relay_that_was_down_is_rung_for_again(world: World, author: Staff) -> None:
    number = world.ordered_test(world.draft(author, "nouvelles"), author)
    sending.send_single(world.wire(Tray({author.email: DOWN})), number)
    world.clock.forward(minutes=2)
    assert _unheard(world) == [number]
    tray = Tray()
    sending.send_single(world.wire(tray), number)
    assert len(tray.envelopes) == 1
    assert _unheard(world) == []


def test_a_single_mail_whose_cause_is_gone_is_refused_once_and_never_tried_again(world: World, author: Staff) -> None:
    number = world.ordered_test(world.draft(author, "nouvelles"), author)
    with world.sessions.begin() as session:
        session.get_one(Delivery, number).subject_id = None
    tray = Tray()
    sending.send_single(world.wire(tray), number)
    world.clock.forward(minutes=2)
    assert (tray.envelopes, _unheard(world)) == ([], [])


@pytest.fixture
def waiting(world: World, author: Staff) -> list[int]:
    """Five test mails that nobody has sent yet."""
    made = world.draft(author, "nouvelles")
    numbers = []
    for _ in range(5):
        world.clock.forward(seconds=1)
        numbers.append(world.ordered_test(made, author))
    return numbers


def _rung(world: World) -> list[int]:
    with world.sessions.begin() as session:
        deliveries.ring_singles(session, now=world.clock())
        return [bell.ids[0] for bell in bells.taken(session)]


def test_who_comes_for_one_mail_sends_the_others_that_wait_too(world: World, waiting: list[int]) -> None:
    tray = Tray()
    assert not sending.send_single(world.wire(tray), waiting[2])
    assert [envelope.id for envelope in tray.envelopes] == [waiting[2], *waiting[:2], *waiting[3:]]
    # Their own bells find nothing to do.
    for number in waiting:
        assert not sending.send_single(world.wire(tray), number)
    assert len(tray.envelopes) == 5


def test_a_turn_that_is_over_says_that_somebody_must_go_on(world: World, waiting: list[int]) -> None:
    tray = Tray()
    assert sending.send_single(world.wire(tray, go_on=lambda: len(tray.envelopes) < 2), waiting[0])
    assert len(tray.envelopes) == 2
    assert not sending.send_single(world.wire(tray), waiting[0])
    assert [envelope.id for envelope in tray.envelopes] == waiting


def test_a_proof_is_not_taken_along_for_it_is_printed_before(world: World, waiting: list[int]) -> None:
    with world.sessions.begin() as session:
        session.get_one(Delivery, waiting[1]).kind = MailKind.PROOF
    tray = Tray()
    sending.send_single(world.wire(tray), waiting[0])
    assert [envelope.id for envelope in tray.envelopes] == [waiting[0], *waiting[2:]]
    world.clock.forward(minutes=2)
    assert _rung(world) == [waiting[1]]


def test_two_processes_send_each_waiting_mail_once(world: World, waiting: list[int]) -> None:
    trays = [Tray(), Tray()]

    def send(place: int) -> None:
        sending.send_single(world.wire(trays[place], log=MemoryLog(f"here/{place}")), waiting[place])

    with ThreadPoolExecutor(2) as both:
        list(both.map(send, range(2)))
    assert sorted(envelope.id for tray in trays for envelope in tray.envelopes) == waiting


def test_while_the_relay_is_down_no_other_bell_knocks_at_it(
    world: World, author: Staff, boss: Staff, waiting: list[int]
) -> None:
    knocks: list[int] = []
    down = Tray({author.email: DOWN}, before=lambda envelope: knocks.append(envelope.id))
    for number in waiting:
        sending.send_single(world.wire(down), number)
    assert knocks == waiting[:1]
    # Who asks meanwhile is not made to wait for nothing: his own mail is tried.
    late = world.ordered_test(world.draft(author, "nouvelles"), boss)
    tray = Tray()
    sending.send_single(world.wire(tray), late)
    assert [envelope.id for envelope in tray.envelopes] == [late]
    assert _rung(world) == []
    world.clock.forward(seconds=relay_pause(1).total_seconds() + 60)
    assert len(_rung(world)) == 1
    sending.send_single(world.wire(tray), waiting[0])
    assert [envelope.id for envelope in tray.envelopes] == [late, *waiting]


def test_a_mail_that_ends_whoever_takes_it_is_not_always_the_one_that_is_rung_for(
    world: World, waiting: list[int]
) -> None:
    rung: set[int] = set()
    for _ in range(5):
        world.clock.forward(seconds=61)
        rung.update(_rung(world))
    assert rung == set(waiting)


@pytest.mark.parametrize(
    ("kind", "reason", "leaves"),
    [
        (MailKind.TEST, LeavingReason.DECES, False),
        (MailKind.ANSWER, LeavingReason.DECES, True),
        (MailKind.TEST, LeavingReason.RETRAIT, True),
    ],
)
def test_nothing_leaves_by_itself_to_who_died(
    world: World, waiting: list[int], kind: MailKind, reason: LeavingReason, leaves: bool
) -> None:
    with world.sessions.begin() as session:
        member = session.scalars(select(Member)).first()
        assert member is not None
        member.left_on, member.left_reason = world.clock().date(), reason.value
        for number in (waiting[0], waiting[3]):
            row = session.get_one(Delivery, number)
            row.member_id, row.kind = member.id, kind
    with world.sessions.begin() as session:
        first = claims.claim_single(session, waiting[0], owner="here/1", now=world.clock())
        others = claims.claim_singles(session, owner="here/1", limit=4, after=0, now=world.clock())
    assert [ticket.id for ticket in first.tickets] == ([waiting[0]] if leaves else [])
    assert [ticket.id for ticket in others.tickets] == [one for one in waiting[1:] if leaves or one != waiting[3]]
    assert not others.is_short
    with world.sessions() as session:
        row = session.get_one(Delivery, waiting[3])
        assert row.state is (DeliveryState.HANDING if leaves else DeliveryState.SKIPPED)
        assert row.why == ("" if leaves else SkipReason.LEFT)
