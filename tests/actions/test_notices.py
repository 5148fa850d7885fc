"""Who of the staff is told that a message leaves without a second reader, and in which words?"""

from __future__ import annotations

import email
import email.policy

from sqlalchemy import select

from service.actions import sending
from service.core.vocabulary import MailKind
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.staff import Staff
from tests.builders import Tray, World


def test_a_message_without_a_second_reader_is_told_to_the_others_with_the_reason_as_typed(
    world: World, author: Staff, boss: Staff
) -> None:
    reason = "Le *serveur* de {prénom} [ferme](https://x.example) ce soir."
    number = world.draft(author, "nouvelles")
    world.send(number, boss, reason=reason)
    with world.sessions.begin() as session:
        campaign, by = session.get_one(Campaign, number), session.merge(boss)
        assert sending.tell_the_others(session, world.office, campaign, by=by, now=world.clock()) == 1
        assert sending.tell_the_others(session, world.office, campaign, by=by, now=world.clock()) == 1
    with world.sessions() as session:
        told = session.scalars(select(Delivery).where(Delivery.kind == MailKind.NOTICE)).one()
    tray = Tray()
    sending.send_single(world.wire(tray), told.id)
    mail = email.message_from_bytes(tray.envelopes[0].message, policy=email.policy.default)
    assert tray.envelopes[0].recipient == "jeanne@passerelles.example"
    assert mail["Subject"] == "Sans relecture\u00a0: «\u00a0Où en sommes-nous\u00a0?\u00a0»"
    assert mail["List-Unsubscribe"] is None
    body = mail.get_body(("plain",))
    assert body is not None
    said = " ".join(body.get_content().replace("\u00a0", " ").split())
    assert "Paul envoie « Où en sommes-nous ? » à 5 personnes" in said
    assert reason in said.replace("> ", "")


def test_a_message_that_was_read_tells_nobody(world: World, launched: int, boss: Staff) -> None:
    with world.sessions.begin() as session:
        campaign, by = session.get_one(Campaign, launched), session.merge(boss)
        assert sending.tell_the_others(session, world.office, campaign, by=by, now=world.clock()) == 0
