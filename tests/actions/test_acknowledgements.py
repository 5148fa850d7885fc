"""Who is told that his message came, how often, in which words; and how somebody who wants to leave is given the link (D15)."""

from __future__ import annotations

import email
import email.policy
import itertools
import re
import threading
from dataclasses import replace
from email.message import EmailMessage

from sqlalchemy import select

from service.actions import acknowledgements, inbox, mailbox, sending
from service.core.tokens import read_link_token
from service.core.vocabulary import InboundKind, LinkPurpose, MailKind
from service.models.delivery import Delivery
from service.models.inbound_message import InboundMessage
from service.models.mailing_list import Subscription
from service.models.member import Contact
from tests.actions.test_inbox import OURS, READER, Box, arrive, mail, token_address
from tests.builders import SECRET, MemoryLog, Tray, World

ANSWERING = replace(READER, domain="passerelles.example")
_NUMBERS = itertools.count(100)
BY_THEMSELVES = (MailKind.ACKNOWLEDGEMENT, MailKind.UNSUBSCRIBE_LINK)


def ordered(world: World) -> list[Delivery]:
    with world.sessions() as session:
        return list(session.scalars(select(Delivery).where(Delivery.kind.in_(BY_THEMSELVES)).order_by(Delivery.id)))


def left(world: World, delivery: Delivery) -> EmailMessage:
    tray = Tray()
    sending.send_single(world.wire(tray, log=MemoryLog(f"here/{delivery.id}")), delivery.id)
    (envelope,) = tray.envelopes
    assert envelope.recipient == "membre1@exemple1.example"
    made = email.message_from_bytes(bytes(envelope.message), policy=email.policy.default)
    assert isinstance(made, EmailMessage)
    return made


def words(made: EmailMessage) -> str:
    body = made.get_body(("plain",))
    assert body is not None
    return " ".join(body.get_content().replace("\u00a0", " ").replace("\u202f", " ").split())


def test_d15_who_writes_is_told_in_his_thread_by_a_mail_that_no_machine_answers(world: World, sent: Delivery) -> None:
    arrive(world, mail(To=token_address(world, sent)), reader=ANSWERING)
    (told,) = ordered(world)
    made = left(world, told)
    assert made["Subject"] == "Nous avons bien reçu votre message"
    assert made["In-Reply-To"] == made["References"] == "<r1@exemple1.example>"
    assert made["Auto-Submitted"] == "auto-replied"
    assert made["X-Auto-Response-Suppress"] == "DR, RN, NRN, OOF, AutoReply"
    assert made["Precedence"] is None
    assert made["List-Unsubscribe"] is None
    assert "vie+" in made["Reply-To"], "what is answered to it finds its way back"
    said = words(made)
    assert said.startswith("Bonjour Prénom1, Nous avons bien reçu votre message.")
    assert "L’équipe des Passerelles" in said
    assert "Quelle place" not in said, "a From only claims: nobody's words leave in our name"


def test_d15_one_a_sender_and_day_however_many_messages_and_addresses_of_ours(world: World, sent: Delivery) -> None:
    for number in range(3):
        arrives_now(world, mail(f"Question {number} ?", To=token_address(world, sent)))
    assert len(ordered(world)) == 1
    world.clock.forward(hours=23)
    arrives_now(world, mail("Encore ?"))
    assert len(ordered(world)) == 1, "another day, yet not a day later"
    world.clock.forward(hours=2)
    arrives_now(world, mail("Et encore ?"))
    assert len(ordered(world)) == 2


def arrives_now(world: World, raw: bytes) -> InboundMessage:
    """Read a message that came this instant, into a mailbox of its own."""
    box = Box(uidvalidity=next(_NUMBERS), arrived=world.clock())
    box.put(raw)
    (stored,) = mailbox.collect(world.sessions, box, ANSWERING, "INBOX", now=world.clock)
    row = inbox.read(world.sessions, ANSWERING, stored, now=world.clock)
    assert row is not None
    return row


def test_d15_two_messages_of_one_sender_that_are_read_at_once_are_told_once(world: World, sent: Delivery) -> None:
    box = Box()
    for number in range(2):
        box.put(mail(f"Question {number} ?", Message_ID=f"<r{number}@exemple1.example>"))
    stored = mailbox.collect(world.sessions, box, ANSWERING, "INBOX", now=world.clock)
    barrier = threading.Barrier(len(stored))

    def read(message_id: int) -> None:
        barrier.wait()
        inbox.read(world.sessions, ANSWERING, message_id, now=world.clock)

    threads = [threading.Thread(target=read, args=(one,)) for one in stored]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with world.sessions() as session:
        kinds = session.scalars(select(InboundMessage.kind)).all()
    assert kinds == [InboundKind.QUESTION] * 2, "the other one is read all the same"
    assert len(ordered(world)) == 1


NOT_ANSWERED = (
    ({"Auto-Submitted": "auto-replied"}, "a machine"),
    ({"Precedence": "bulk"}, "sent in bulk"),
    ({"List-Id": "<amis.exemple.example>"}, "through a list"),
    ({"X-Auto-Response-Suppress": "DR, OOF"}, "asks for silence"),
    ({"X-Auto-Response-Suppress": "All"}, "asks for silence"),
    ({"Return-Path": "<>"}, "nobody to answer to"),
    ({"Subject": "Absence du bureau : je reviens lundi"}, "an absence"),
    ({"From": "Autre <autre@ailleurs.example>"}, "from another address"),
    ({"From": "MAILER-DAEMON <mailer-daemon@exemple1.example>", "Subject": "Undelivered mail"}, "a mail system"),
    ({"From": "vie@passerelles.example"}, "our own mail"),
)


def test_d15_no_machine_and_no_list_and_no_other_address_is_answered(world: World, sent: Delivery) -> None:
    for headers, why in NOT_ANSWERED:
        arrives_now(world, mail(why, To=token_address(world, sent), **headers))
        assert ordered(world) == [], why
    arrives_now(world, mail("Et maintenant ?", To=token_address(world, sent)))
    assert len(ordered(world)) == 1


def test_d15_what_people_s_own_exchange_asks_of_receipts_alone_is_no_wish_for_silence(
    world: World, sent: Delivery
) -> None:
    asks = {"X-Auto-Response-Suppress": "DR, RN, NRN"}
    arrive(world, mail(To=token_address(world, sent), **asks), reader=ANSWERING)
    assert len(ordered(world)) == 1


def test_what_is_older_than_a_day_on_arrival_is_told_to_nobody(world: World, sent: Delivery) -> None:
    """A mailbox that was out of reach for two days must not write to everybody at once."""
    world.clock.forward(hours=49)
    (row,) = arrive(world, mail(To=token_address(world, sent)), reader=ANSWERING)
    assert row.kind is InboundKind.QUESTION
    assert ordered(world) == []


def test_a_stranger_whose_mail_answers_nothing_of_ours_gets_none(world: World, sent: Delivery) -> None:
    arrive(world, mail(From="Qui <qui@ailleurs.example>"), reader=ANSWERING)
    assert ordered(world) == []


def test_the_name_of_who_only_claims_to_write_is_not_told(world: World, sent: Delivery) -> None:
    """By the address alone anybody may have written, and several people may read it (S3)."""
    arrive(world, mail(), reader=ANSWERING)
    (told,) = ordered(world)
    assert words(left(world, told)).startswith("Bonjour, Nous avons bien reçu")


def test_the_message_of_a_former_version_is_read_without_an_answer(world: World, sent: Delivery) -> None:
    arrive(world, mail(To=token_address(world, sent)))
    assert ordered(world) == [], "an installation without any sender"


def test_d15_two_installations_that_write_to_each_other_stop_at_one(world: World, sent: Delivery) -> None:
    """The other one's inbox reads our acknowledgement as a message of one of its own members."""
    arrive(world, mail(To=token_address(world, sent)), reader=ANSWERING)
    (told,) = ordered(world)
    there = replace(OURS, addresses=frozenset({"vie@ailleurs.example"}), domains=frozenset({"ailleurs.example"}))
    with world.sessions.begin() as session:
        ours = session.scalars(select(Contact).where(Contact.id != sent.contact_id)).first()
        assert ours is not None
        ours.email = ours.email_key = "vie@passerelles.example"
    tray = Tray()
    sending.send_single(world.wire(tray, log=MemoryLog("here/9")), told.id)
    reader = replace(ANSWERING, account="vie@ailleurs", ours=there)
    (row,) = arrive(world, bytes(tray.envelopes[0].message), reader=reader)
    assert row.kind is InboundKind.AUTO_REPLY
    assert len(ordered(world)) == 1


def test_who_asks_to_leave_gets_the_link_of_the_list_and_is_still_on_it(world: World, sent: Delivery) -> None:
    arrive(world, mail("Désinscription", To=token_address(world, sent)), reader=ANSWERING)
    (told,) = ordered(world)
    assert told.kind is MailKind.UNSUBSCRIBE_LINK
    made = left(world, told)
    assert made["Auto-Submitted"] == "auto-replied"
    link = re.search(r"https?://\S+/d/(\S+)", words(made))
    assert link is not None
    assert read_link_token(link[1], LinkPurpose.UNSUBSCRIBE, SECRET).id == sent.id
    assert "Pour quitter « Nouvelles »" in words(made)
    with world.sessions() as session:
        mine = session.scalars(select(Subscription).where(Subscription.contact_id == sent.contact_id)).all()
        assert mine
        assert {one.left_at for one in mine} == {None}, "nobody leaves by a mail that anybody can write"


def test_a_wish_that_answers_nothing_gets_the_link_of_the_last_mail_of_who_wrote(world: World, sent: Delivery) -> None:
    arrive(world, mail("stop"), reader=ANSWERING)
    (told,) = ordered(world)
    assert (told.kind, told.subject_id) == (MailKind.UNSUBSCRIBE_LINK, sent.id)


def test_of_two_who_read_one_address_neither_is_given_the_link_of_the_other(world: World, sent: Delivery) -> None:
    world.take_in("Prénom;Nom;E-mail\nDominique;Autre;membre1@exemple1.example")
    (row,) = arrive(world, mail("stop"), reader=ANSWERING)
    assert row.kind is InboundKind.UNSUBSCRIBE, "it is in the queue, for somebody of the team"
    assert ordered(world) == []


def test_who_received_nothing_that_can_be_left_waits_for_the_team(world: World) -> None:
    world.members(3)
    (row,) = arrive(world, mail("Désinscription"), reader=ANSWERING)
    assert row.kind is InboundKind.UNSUBSCRIBE
    assert ordered(world) == []


def test_the_team_finds_what_a_message_was_answered_with(world: World, sent: Delivery) -> None:
    (row,) = arrive(world, mail(To=token_address(world, sent)), reader=ANSWERING)
    (told,) = ordered(world)
    other = arrives_now(world, mail("Encore ?", To=token_address(world, sent), Message_ID="<r2@exemple1.example>"))
    with world.sessions() as session:
        found = acknowledgements.of(session, session.get_one(InboundMessage, row.id))
        assert found is not None
        assert found.id == told.id
        assert acknowledgements.of(session, session.get_one(InboundMessage, other.id)) is None
