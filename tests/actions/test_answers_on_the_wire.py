"""« Re: » of a hostile subject, from the mailbox to a real relay: one line, no header of somebody else's (S9)."""

from __future__ import annotations

import re
from dataclasses import replace
from email import message_from_bytes, policy
from email.header import Header

from sqlalchemy import select

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


def test_no_subject_adds_a_line_and_none_keeps_its_answer_from_leaving(
    world: World, sent: Delivery, sink: Sink
) -> None:
    to = token_address(world, sent)
    arrive(
        world,
        *(
            mail(f"Question {place}", To=to, Subject=subject, Message_ID=f"<q{place}@x.example>")
            for place, subject in enumerate(SUBJECTS)
        ),
    )
    for number in answer_each(world):
        outbox = SmtpOutbox(Relay("localhost", sink.port, tls="none", connections=1))
        sending.send_single(replace(world.wire(Tray(), log=MemoryLog(f"here/{number}")), outbox=outbox), number)
    assert len(sink.messages) == len(SUBJECTS)
    harmless = names(sink.messages[0])
    for subject, received in zip(SUBJECTS, sink.messages, strict=True):
        assert names(received) == harmless, subject
        assert received.recipient == "membre1@exemple1.example"
        assert not re.search(rb"\r(?!\n)|(?<!\r)\n", received.data), subject
        assert max(map(len, received.data.split(b"\r\n"))) <= 998
        told = str(message_from_bytes(received.data, policy=policy.default)["Subject"])
        assert told.startswith("Re: ")
        assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", told), told


def answer_each(world: World) -> list[int]:
    """Have Jeanne answer every question; give the number of each mail."""
    by, ordered = world.colleagues()[0], []
    with world.sessions.begin() as session:
        numbers = list(session.scalars(select(Asking.question_id).order_by(Asking.id)))
    for number in numbers:
        with world.sessions.begin() as session:
            questions.accept(session, number, Hand(by, 1, world.clock()))
            answer = answers.write(session, number, "Oui.", Hand(by, 2, world.clock()))
            shown = answers.sheet(session.get_one(Question, number), answer, world.office, by_name=by.name)
            letter = answers.send(session, number, world.office, Hand(by, 3, world.clock()), seen=shown.seen)
            ordered.append(letter.id)
    return ordered


def names(received: Received) -> list[bytes]:
    """The names of the header lines as they stood on the wire."""
    head = received.data.partition(b"\r\n\r\n")[0]
    return [line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] not in b" \t"]
