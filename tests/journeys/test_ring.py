"""The main job from outside: import, write, approve, send, answer by mail, question in the queue."""

from __future__ import annotations

import email
import email.policy
from pathlib import Path

from tests.parts import await_that
from tests.parts.dovecot import Postbox
from tests.parts.installation import installation
from tests.parts.smtp_sink import Sink

# « Traités », as the server writes it.
DONE = "Trait&AOk-s"
SAID = "Quelle place pour les sociétaires dans la nouvelle stratégie ?"


def test_a_communique_goes_out_and_an_answer_comes_back_as_a_question(
    bare_database: str, tmp_path: Path, sink: Sink, dovecot: Postbox
) -> None:
    with installation(tmp_path, bare_database, sink, dovecot) as pli:
        pli.as_typed = bare_database.startswith("sqlite")  # once, the very commands
        pli.ready(members=60)
        for command in ("worker", "clock", "inbox"):
            pli.start(command)
        number = pli.approved_campaign()
        pli.send(number, "--wait")
        shown = pli.ask("campaigns", "show", number)
        assert (shown["status"], shown["planned"], shown["accepted"]) == ("sent", 60, 60)
        assert len({one.recipient for one in sink.messages}) == len(sink.messages) == 60
        assert {row["state"] for row in pli.lines("campaigns", "recipients", number)} == {"accepted"}

        received = sink.messages[7]
        mail = email.message_from_bytes(received.data, policy=email.policy.default)
        body = mail.get_body(("plain",))
        assert body is not None
        quoted = "".join(f"> {line}\r\n" for line in body.get_content().splitlines())
        dovecot.deliver(
            f"From: {received.recipient}\r\nTo: {mail['Reply-To']}\r\nSubject: Re: {mail['Subject']}\r\nMessage-ID: <r1@exemple.example>\r\n"
            f"In-Reply-To: {mail['Message-ID']}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{SAID}\r\n\r\n"
            f"Le ven. 26 mai 2023 à 10:00, Les Passerelles <vie@passerelles.example> a écrit :\r\n{quoted}".encode()
        )
        (question,) = pli.await_question()
        assert (question["text"].strip(), question["campaign"], question["from"]) == (SAID, number, received.recipient)
        assert pli.ask("campaigns", "show", number)["questions"] == 1
        await_that(lambda: len(dovecot.uids(DONE)) == 1, "what became a question is put away", 60)
        assert not [flags for flags in dovecot.flags(DONE) if "Seen" in flags]
        assert dovecot.flags() == []
        pli.stop()
        assert pli.alive() == []


def test_a_poll_by_hand_needs_neither_worker_nor_redis(
    bare_database: str, tmp_path: Path, sink: Sink, dovecot: Postbox
) -> None:
    with installation(tmp_path, bare_database, sink, dovecot) as pli:
        pli.ready(members=2)
        dovecot.deliver(b"From: membre0@exemple0.example\r\nSubject: Une question\r\n\r\nQuand est le RDV ?\r\n")
        dovecot.deliver(b"From: pub@ailleurs.example\r\nSubject: Offre\r\n\r\nAchetez\r\n")
        counted = pli.ask("inbox", "poll", "--once")
        assert (counted["read"], counted["questions"], counted["left_in_place"]) == (2, 1, 1)
        assert [one["text"].strip() for one in pli.lines("questions", "list")] == ["Quand est le RDV ?"]
        assert pli.ask("inbox", "poll", "--once")["read"] == 0
        assert (len(dovecot.flags()), len(dovecot.flags(DONE))) == (1, 1)
