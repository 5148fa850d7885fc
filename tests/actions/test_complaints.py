"""Does a complaint end what is unwanted, and nothing else?"""

from __future__ import annotations

import pytest
from sqlalchemy import select

from service.actions import lists, sending
from service.core.vocabulary import Channel, InboundKind, MailClass, MailKind
from service.models.delivery import Delivery
from service.models.journal import JournalEntry
from service.models.member import Contact
from tests.actions.test_inbox import arrive
from tests.builders import MemoryLog, Tray, World


def complaint(returned: str, to: str = "vie@passerelles.example") -> bytes:
    """What a provider writes when one of its users says « indésirable »."""
    return (
        f"From: plaintes@messagerie.example\r\nTo: {to}\r\nSubject: Abuse report\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nThis is an abuse report.\r\n"
        "--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\n\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\n{returned}\r\nSubject: Bonjour\r\n\r\nBonjour\r\n\r\n--b--\r\n"
    ).encode()


@pytest.mark.parametrize("named_by", ["token", "message_id"])
def test_a_complaint_marks_the_mail_and_takes_its_reader_off_the_list(
    world: World, sent: Delivery, named_by: str
) -> None:
    returned = (
        f"Return-Path: <{world.office.usual.returns.envelope_sender_for(sent.id)}>"
        if named_by == "token"
        else f"Message-ID: {sent.message_id}"
    )
    assert reads(world, sent)
    (row,) = arrive(world, complaint(returned))
    assert row.kind is InboundKind.COMPLAINT
    with world.sessions() as session:
        assert session.get_one(Delivery, sent.id).complained_at == world.clock()
        assert sent.campaign_id is not None
    assert world.figures(sent.campaign_id or 0).complained == 1
    assert not reads(world, sent)
    arrive(world, complaint(returned + "\r\nX-Again: yes"))
    with world.sessions() as session:
        noted = session.scalars(select(JournalEntry).where(JournalEntry.act == "delivery.complained")).all()
        assert len(noted) == 1


def test_a_complaint_that_names_no_mail_of_ours_takes_nobody_off(world: World, sent: Delivery) -> None:
    """Anybody can write somebody's address into a complaint (S3)."""
    forged = f"To: {sent.address}\r\nMessage-ID: <somebody@elsewhere.example>"
    arrive(world, complaint(forged))
    assert reads(world, sent)
    assert world.figures(sent.campaign_id or 0).complained == 0


def test_p3_a_complaint_about_a_convocation_is_told_and_ends_no_convocation(world: World, sent: Delivery) -> None:
    author, boss = world.colleagues()
    world.mailing_list("assemblees", MailClass.STATUTORY)
    with world.sessions.begin() as session:
        contact = session.get_one(Contact, sent.contact_id)
        lists.subscribe(
            session,
            lists.find(session, "assemblees"),
            [contact.id],
            channel=Channel.STAFF,
            wording="",
            now=world.clock(),
        )
    number = world.approved(author, boss, "assemblees", kind=MailKind.AG_CONVOCATION)
    world.send(number, boss)
    sending.send_campaign(world.wire(Tray(), log=MemoryLog("here/2")), number)
    with world.sessions() as session:
        row = session.scalars(Delivery.of_campaign(number).where(Delivery.contact_id == sent.contact_id)).one()
    arrive(world, complaint(f"Message-ID: {row.message_id}"))
    assert world.figures(number).complained == 1
    assert reads(world, sent, "assemblees")
    assert reads(world, sent)


def reads(world: World, sent: Delivery, slug: str = "nouvelles") -> bool:
    with world.sessions() as session:
        return lists.is_reader(session, lists.find(session, slug), session.get_one(Contact, sent.contact_id))
