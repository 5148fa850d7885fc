"""« Re: » of a hostile subject, from the mailbox to a real relay: one line, no header of somebody else's (S9)."""

from __future__ import annotations

import re
from dataclasses import replace
from email import message_from_bytes, policy
from email.header import Header
from email.message import EmailMessage

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.actions import answers, questions, sending
from service.actions.questions import Hand
from service.gateways.relay import Relay
from service.gateways.smtp import SmtpOutbox
from service.models.delivery import Delivery
from service.models.question import Asking, Question
from tests.actions.test_inbox import arrive, mail, token_address
from tests.builders import MemoryLog, Tray, World
from tests.parts.smtp_sink import Received, Sink

SUBJECTS = (
    "Question simple",
    "=?utf-8?q?Question=0d=0aBcc=3a_autre=40mal.example?=",
    "=?utf-8?b?UXVlc3Rpb24NCkJjYzogYXV0cmVAbWFsLmV4YW1wbGUNCg0KPHA+?=",
    "=?utf-8?q?Question=0aX-Mal=3a_1?=",
    "=?utf-8?q?Question=0dX-Mal=3a_1?=",
    "=?utf-8?q?Question=00=1b=7f?=",
    "=?utf-16?b?UQAKAEIAYwBjADoAIAB4AA==?=",
    Header("Question\u2028Bcc: autre@mal.example\u2029\x85X-Mal: 1", "utf-8").encode(),
    Header("Question \u202eelpmaxe.lam\u202c {prénom} {{7*7}} {% raw %}", "utf-8").encode(),
    Header("Q" * 5000, "utf-8", maxlinelen=20_000).encode(),
    "Re: RE : =?utf-8?q?=3d=3futf-8=3fq=3fencore=3d0d=3d0aBcc=3a_x=3f=3d?=",
    "<script>alert(1)</script>",
)


# What a header of ours may show once it is decoded: nothing that ends a line or turns it round.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]")
# As they would be had nothing cleaned them on the way in: a former version, a file of members.
RAW = (
    "Question\r\nBcc: autre@mal.example\r\n\r\n<p>",
    "Question\nX-Mal: 1",
    "Question\rX-Mal: 1",
    "Question\u2028Bcc: autre@mal.example\u2029\x85X-Mal: 1",
    "Question \u202eelpmaxe.lam\u202c",
    "=?utf-8?q?Question=0d=0aBcc=3a_autre=40mal.example?=",
    'Question" <autre@mal.example>, "Oui',
)


def test_no_subject_adds_a_line_and_none_keeps_its_answer_from_leaving(
    world: World, sent: Delivery, sink: Sink
) -> None:
    to = token_address(world, sent)
    rows = arrive(
        world,
        *(
            mail(f"Question {place}", To=to, Subject=subject, Message_ID=f"<q{place}@x.example>")
            for place, subject in enumerate(SUBJECTS)
        ),
    )
    assert not [row.subject for row in rows if UNSEEN.search(row.subject)], "cleaned as it comes in"
    leave(world, sink)
    assert len(sink.messages) == len(SUBJECTS)
    harmless = names(sink.messages[0])
    for subject, received in zip(SUBJECTS, sink.messages, strict=True):
        require_harmless(received, harmless, subject)
        assert str(message_from_bytes(received.data, policy=policy.default)["Subject"]).startswith("Re: ")


def test_nothing_that_was_stored_as_it_came_adds_a_line_either(world: World, sent: Delivery, sink: Sink) -> None:
    """The names, the subject and the identity of a mail, each with what would end a line, as the database holds them."""
    to = token_address(world, sent)
    arrive(
        world,
        *(mail(f"Question {place}", To=to, Message_ID=f"<q{place}@x.example>") for place in range(len(RAW) + 1)),
    )
    numbers = answer_each(world, spoil=RAW)
    leave(world, sink, numbers)
    assert len(sink.messages) == len(RAW) + 1
    *spoilt, sound = sink.messages
    for words, received in zip(RAW, spoilt, strict=True):
        # Nobody can be answered in the thread of what has no identity that a header can carry.
        bare = [one for one in names(sound) if one not in (b"In-Reply-To", b"References")]
        require_harmless(received, bare, words)
        to_whom = decoded(received)["To"]
        assert [one.addr_spec for one in to_whom.addresses] == [received.recipient], words
        assert not to_whom.defects, words


def leave(world: World, sink: Sink, numbers: list[int] | None = None) -> None:
    """Have each answer leave by the relay."""
    for number in numbers if numbers is not None else answer_each(world):
        outbox = SmtpOutbox(Relay("localhost", sink.port, tls="none", connections=1))
        sending.send_single(replace(world.wire(Tray(), log=MemoryLog(f"here/{number}")), outbox=outbox), number)


def require_harmless(received: Received, harmless: list[bytes], said: str) -> None:
    """Fail where a mail has a header too many, a line that ends oddly, or one that shows what it must not."""
    assert names(received) == harmless, said
    assert received.recipient == "membre1@exemple1.example", said
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", received.data), said
    assert max(map(len, received.data.split(b"\r\n"))) <= 998, said
    for name, value in decoded(received).items():
        assert not UNSEEN.search(str(value)), f"{said!r} in {name}: {value!r}"


def decoded(received: Received) -> EmailMessage:
    """Read a mail as its reader's program does."""
    return message_from_bytes(received.data, policy=policy.default)


def answer_each(world: World, spoil: tuple[str, ...] = ()) -> list[int]:
    """Have Jeanne answer every question; give the number of each mail. What the n-th is made of says `spoil[n]`."""
    by, ordered = world.colleagues()[0], []
    with world.sessions.begin() as session:
        numbers = list(session.scalars(select(Asking.question_id).order_by(Asking.id)))
    for place, number in enumerate(numbers):
        with world.sessions.begin() as session:
            if place < len(spoil):
                spoil_one(session, number, spoil[place])
            questions.accept(session, number, Hand(by, 1, world.clock()))
            answer = answers.write(session, number, "Oui.", Hand(by, 2, world.clock()))
            shown = answers.sheet(session.get_one(Question, number), answer, world.office, by_name=by.name)
            letter = answers.send(session, number, world.office, Hand(by, 3, world.clock()), seen=shown.seen)
            ordered.append(letter.id)
    return ordered


def spoil_one(session: Session, number: int, words: str) -> None:
    """Write words that end lines wherever a mail that answers takes a header from."""
    asking = session.get_one(Question, number).askings[0]
    assert asking.inbound_message is not None
    assert asking.contact is not None
    asking.inbound_message.subject = words
    asking.inbound_message.message_id = f"<q{number}@x.example>{words}"
    asking.contact.given_name, asking.contact.family_name = words, ""


def names(received: Received) -> list[bytes]:
    """The names of the header lines as they stood on the wire."""
    head = received.data.partition(b"\r\n\r\n")[0]
    return [line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] not in b" \t"]
