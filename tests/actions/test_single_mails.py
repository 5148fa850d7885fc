"""Mail that stands outside any campaign: a test to oneself, a notice."""

from __future__ import annotations

import email
import email.policy

from service.actions import deliveries, sending
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import (
    MailClass,
    MailKind,
)
from service.models.delivery import Delivery
from service.models.staff import Staff
from tests.builders import SECRET, Tray, World

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
