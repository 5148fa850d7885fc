"""Is every mail that leaves signed where we sign, the same on every attempt, and none where the relay does (D1, D3, D8)?"""

from __future__ import annotations

import email
from dataclasses import replace
from email.utils import parsedate_to_datetime

import pytest

from service.actions import deliveries, lists, sending
from service.core.dkim import Signer
from service.core.smtp_text import WireReady, is_fit
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import MailClass, MailKind
from service.models.campaign import Campaign
from service.models.staff import Staff
from service.ports import Envelope
from tests.builders import NOON, Tray, World
from tests.parts.dkim_zone import ALGORITHMS, Zone, signer_of, tags

LATER = Outcome(Verdict.DEFERRED, Stage.RCPT, 450, "4.2.0 try again")
SENDABLE = [
    (MailClass.NEWSLETTER, "nouvelles", MailKind.COMMUNIQUE),
    (MailClass.COOPERATIVE, "vie", MailKind.COMMUNIQUE),
    (MailClass.STATUTORY, lists.STATUTORY, MailKind.AG_CONVOCATION),
]


@pytest.fixture(params=ALGORITHMS)
def ours(request: pytest.FixtureRequest, world: World) -> Signer:
    made = signer_of(request.param)
    world.office = replace(world.office, signer=made)
    return made


@pytest.mark.parametrize(("mail_class", "slug", "kind"), SENDABLE)
def test_d1_d3_every_mail_of_a_campaign_of_each_class_verifies(
    world: World, author: Staff, boss: Staff, ours: Signer, mail_class: MailClass, slug: str, kind: MailKind
) -> None:
    if mail_class is MailClass.COOPERATIVE:
        world.mailing_list(slug, mail_class)
    world.members(5, slug)
    number = world.approved(author, boss, slug, kind=kind)
    world.send(number, boss)
    tray = Tray()
    sending.send_campaign(world.wire(tray), number)
    assert len(tray.envelopes) == 5
    for envelope in tray.envelopes:
        assert Zone.of(ours).verifies(envelope.message)
        mail = email.message_from_bytes(envelope.message)
        assert len(mail.get_all("DKIM-Signature", [])) == 1
        assert int(tags(envelope.message)["t"]) == parsedate_to_datetime(mail["Date"]).timestamp()
        assert ("list-unsubscribe-post" in tags(envelope.message)["h"]) is mail_class.can_be_left


def test_d3_a_mail_to_one_person_verifies(world: World, author: Staff, boss: Staff, ours: Signer) -> None:
    number = world.draft(author, "nouvelles")
    world.send(number, boss, reason="Le serveur ferme ce soir.")
    with world.sessions.begin() as session:
        campaign, by = session.get_one(Campaign, number), session.merge(boss)
        test = sending.order_test(session, world.office, campaign, by=by, fields={"prénom": "Zoé"}, now=world.clock())
        assert sending.tell_the_others(session, world.office, campaign, by=by, now=world.clock()) == 1
        test_id = test.id
    world.clock.forward(minutes=2)
    with world.sessions() as session:
        waiting = [one.id for one in deliveries.unheard_singles(session, now=world.clock())]
    assert test_id in waiting
    assert len(waiting) == 2
    tray = Tray()
    for one in waiting:
        sending.send_single(world.wire(tray), one)
    assert [Zone.of(ours).verifies(envelope.message) for envelope in tray.envelopes] == [True, True]


def test_d8_a_mail_that_is_tried_again_is_the_same_to_the_last_byte(world: World, launched: int, ours: Signer) -> None:
    tried: list[bytes] = []

    def keep(envelope: Envelope) -> None:
        if envelope.recipient == "membre0@exemple0.example":
            tried.append(envelope.message)

    sending.send_campaign(world.wire(Tray({"membre0@exemple0.example": LATER}, before=keep)), launched)
    world.clock.forward(hours=1)
    sending.send_campaign(world.wire(Tray(before=keep)), launched)
    assert len(tried) == 2
    assert tried[0] == tried[1]
    assert int(tags(tried[1])["t"]) == NOON.timestamp()


def test_a_signed_mail_needs_no_second_look_at_the_wire(world: World, launched: int, ours: Signer) -> None:
    tray = Tray()
    sending.send_campaign(world.wire(tray), launched)
    assert len(tray.envelopes) == 5
    for envelope in tray.envelopes:
        assert envelope.message.startswith(b"DKIM-Signature:")
        assert isinstance(envelope.content, WireReady)
        assert is_fit(envelope.message)


def test_without_a_key_the_signing_is_left_to_the_relay(world: World, launched: int) -> None:
    tray = Tray()
    sending.send_campaign(world.wire(tray), launched)
    assert email.message_from_bytes(tray.envelopes[0].message)["DKIM-Signature"] is None
