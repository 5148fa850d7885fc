"""What becomes of messages that are given to a relay, well behaved or not."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import count
from pathlib import Path
from time import monotonic

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.core.smtp_text import Message, WireReady
from service.core.verdicts import Outcome, Stage, Verdict
from service.gateways.relay import Relay
from service.gateways.smtp import SmtpOutbox
from service.ports import Envelope
from tests.parts import free_port
from tests.parts.desk import ListDesk, carry
from tests.parts.smtp_sink import HANG_UP, Sink, make_certificate

MESSAGE = b"Subject: Bonjour\r\n\r\nUne nouvelle.\r\n"
NUMBERS = count(1)


def outbox(sink: Sink, **settings: object) -> SmtpOutbox:
    """An outbox of one line, so that the order of things is known."""
    usual: dict[str, object] = {"tls": "none", "connections": 1, "command_timeout": 10.0, "dot_timeout": 10.0}
    return SmtpOutbox(Relay("localhost", sink.port, **usual | settings))  # type: ignore[arg-type]


def to(local: str, message: Message = MESSAGE, sender: str = "vie") -> Envelope:
    return Envelope(next(NUMBERS), f"{sender}@passerelles.example", f"{local}@membre.example", message)


def send(out: SmtpOutbox, *envelopes: Envelope) -> list[Outcome | None]:
    """What became of each message; where the relay could not be used, its words instead of "not sent"."""
    desk = ListDesk(list(envelopes))
    trouble = out.run(desk)
    return [desk.fate.get(one.id) or trouble for one in envelopes]


def verdict_of(out: SmtpOutbox, envelope: Envelope) -> Outcome:
    (outcome,) = send(out, envelope)
    assert outcome is not None
    return outcome


@pytest.fixture(params=["pipelining", "one by one"])
def sink(request: pytest.FixtureRequest, sink: Sink) -> Sink:
    """The same relay, with and without RFC 2920."""
    if request.param == "pipelining":
        sink.extensions = (*sink.extensions, "PIPELINING")
    return sink


def test_an_accepted_message_keeps_the_relays_reply_as_proof(sink: Sink) -> None:
    outcome = verdict_of(outbox(sink), to("luce"))
    assert (outcome.verdict, outcome.stage, outcome.code) == (Verdict.ACCEPTED, Stage.DOT, 250)
    assert "queued as 42" in outcome.text
    assert [(m.sender, m.recipient, m.data) for m in sink.messages] == [
        ("vie@passerelles.example", "luce@membre.example", MESSAGE)
    ]


def test_the_connection_is_reused_and_ended_politely(sink: Sink) -> None:
    desk = carry(outbox(sink), [to(name) for name in ("luce", "omar", "line")])
    assert desk.verdicts() == [Verdict.ACCEPTED] * 3
    assert sink.connections == 1
    assert sink.commands[-1].lower() == "quit"


def test_every_body_is_announced_before_it_leaves_and_every_answer_told_once(sink: Sink) -> None:
    first, second = to("luce"), to("omar")
    desk = carry(outbox(sink), [first, second])
    assert [entry for entry in desk.journal if entry[1] == first.id] == [("hand", first.id), ("accepted", first.id)]
    assert [entry for entry in desk.journal if entry[1] == second.id] == [("hand", second.id), ("accepted", second.id)]


def test_a_body_that_may_not_leave_does_not_and_the_others_do(sink: Sink) -> None:
    envelopes = [to("luce"), to("omar"), to("line")]
    desk = ListDesk(list(envelopes), forbidden=frozenset({envelopes[1].id}))
    outbox(sink).run(desk)
    assert desk.verdicts() == [Verdict.ACCEPTED, None, Verdict.ACCEPTED]
    assert [message.recipient for message in sink.messages] == ["luce@membre.example", "line@membre.example"]


def test_several_lines_share_the_work_and_nobody_is_written_twice(sink: Sink) -> None:
    envelopes = [to(f"membre{number}") for number in range(60)]
    desk = carry(outbox(sink, connections=5), envelopes)
    assert desk.verdicts() == [Verdict.ACCEPTED] * 60
    assert sorted(message.recipient for message in sink.messages) == sorted(one.recipient for one in envelopes)
    assert 1 < sink.connections <= 5


@given(
    st.lists(
        st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\r", b".").replace(b"\n", b".")), max_size=60),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_line_arrives_as_it_was_whatever_dots_it_begins_with(sink: Sink, mails: list[list[bytes]]) -> None:
    messages = [b"".join(line + b"\r\n" for line in [b"Subject: x", b"", *lines]) for lines in mails]
    sink.messages.clear()
    assert set(carry(outbox(sink), [to("luce", message) for message in messages]).verdicts()) == {Verdict.ACCEPTED}
    assert [received.data for received in sink.messages] == messages


@pytest.mark.parametrize("pieces", [7, 3000])
def test_a_message_in_pieces_arrives_whole_however_many_and_however_large(sink: Sink, pieces: int) -> None:
    """More than a socket takes at once, and more pieces than a system call takes (IOV_MAX)."""
    lines = [
        MESSAGE,
        *[b"line %d of a message in pieces\r\n" % number * (300_000 // pieces) for number in range(pieces)],
    ]
    desk = carry(outbox(sink), [to("luce", WireReady(lines)), to("omar", WireReady([MESSAGE])), to("line")])
    assert desk.verdicts() == [Verdict.ACCEPTED] * 3
    assert [message.data for message in sink.messages] == [b"".join(lines), MESSAGE, MESSAGE]


def test_a_large_message_arrives_whole(sink: Sink) -> None:
    message = MESSAGE + b"..a line of a large message\r\n" * 100_000
    assert verdict_of(outbox(sink), to("luce", message)).verdict is Verdict.ACCEPTED
    assert sink.messages[0].data == message


def test_a_message_without_a_last_line_end_gets_one(sink: Sink) -> None:
    verdict_of(outbox(sink), to("luce", b"Subject: x\r\n\r\nsans fin de ligne"))
    assert sink.messages[0].data == b"Subject: x\r\n\r\nsans fin de ligne\r\n"


@pytest.mark.parametrize("smuggled", [b"a\n.\r\nb\r\n", b"a\r.\r\n", b"a\r\n.\rMAIL FROM:<x>\r\n", b"a\n"])
def test_d9_a_bare_line_end_is_refused_before_anything_is_said_of_it(sink: Sink, smuggled: bytes) -> None:
    refused, accepted = send(outbox(sink), to("luce", smuggled), to("omar"))
    assert (refused and refused.verdict, refused and refused.stage) == (Verdict.REFUSED, Stage.WRITING)
    assert accepted is not None
    assert [message.recipient for message in sink.messages] == ["omar@membre.example"]
    assert not [command for command in sink.commands if "luce" in command]


def test_an_address_with_a_line_end_is_refused_before_anything_is_said_of_it(sink: Sink) -> None:
    (refused,) = send(outbox(sink), to("luce>\r\nRCPT TO:<autre"))
    assert (refused and refused.verdict, refused and refused.stage) == (Verdict.REFUSED, Stage.WRITING)
    assert not [command for command in sink.commands if "luce" in command or "autre" in command]


def test_a_refused_recipient_is_the_members_and_the_line_serves_the_next(sink: Sink) -> None:
    sink.answers["rcpt", "parti"] = "550 5.1.1 No such user"
    refused, accepted = send(outbox(sink), to("parti"), to("luce"))
    assert refused is not None
    assert accepted is not None
    assert (refused.verdict, refused.stage, refused.enhanced) == (Verdict.REFUSED, Stage.RCPT, "5.1.1")
    assert accepted.verdict is Verdict.ACCEPTED
    assert "RSET" in [command.upper() for command in sink.commands]
    assert sink.connections == 1


def test_a_multi_line_reply_is_read_whole(sink: Sink) -> None:
    sink.answers["rcpt", "parti"] = "550-5.1.1 No such user\r\n550-5.1.1 here,\r\n550 5.1.1 ask elsewhere"
    refused, accepted = send(outbox(sink), to("parti"), to("luce"))
    assert "ask elsewhere" in (refused.text if refused else "")
    assert accepted is not None
    assert accepted.verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("stage", "reply", "verdict"),
    [
        ("rcpt", "450 4.2.0 Come back later", Verdict.DEFERRED),
        ("data", "554 5.5.1 No", Verdict.REFUSED),
        ("dot", "554 5.6.0 Content rejected", Verdict.REFUSED),
        ("dot", "451 4.3.0 Later", Verdict.DEFERRED),
        ("dot", "421 4.3.0 Closing", Verdict.DEFERRED),
        ("rcpt", "421 4.7.0 Closing", None),
        ("rcpt", HANG_UP, None),
        ("data", HANG_UP, None),
        ("dot", HANG_UP, Verdict.IN_DOUBT),
        ("dot", "what?", Verdict.IN_DOUBT),
    ],
)
def test_each_stage_is_judged_and_the_next_message_is_accepted(
    sink: Sink, stage: str, reply: str, verdict: Verdict | None
) -> None:
    sink.answers[stage, "omar"] = reply
    desk = carry(outbox(sink, farewell_timeout=0.2), [to("omar"), to("luce")])
    assert desk.verdicts() == [verdict, Verdict.ACCEPTED]
    assert [message.recipient for message in sink.messages] == ["luce@membre.example"]


def test_a_relay_that_talks_nonsense_is_left_alone_and_had_nothing(sink: Sink) -> None:
    sink.answers["rcpt", "omar"] = "what?"
    desk = carry(outbox(sink), [to("omar")])
    assert desk.verdicts()[-1] is None
    assert sink.messages == []


def test_a_refused_sender_is_the_relays_fault(sink: Sink) -> None:
    sink.answers["mail", "vie"] = "550 5.7.1 Sender not owned"
    outcome = verdict_of(outbox(sink), to("luce"))
    assert (outcome.verdict, outcome.stage) == (Verdict.RELAY_DOWN, Stage.MAIL)


@pytest.mark.parametrize("farewell", ["421 4.4.2 Idle for too long", HANG_UP])
def test_a_line_that_the_relay_ended_between_two_messages_is_opened_again_at_once(sink: Sink, farewell: str) -> None:
    sink.answers["mail", "retours"] = farewell
    envelopes = [to("luce"), to("omar", sender="retours"), to("line")]
    desk = carry(outbox(sink), envelopes)
    assert desk.verdicts() == [Verdict.ACCEPTED, None, Verdict.ACCEPTED]
    assert 1 < sink.connections <= 5


def test_a_relay_that_ends_every_line_before_it_took_anything_is_left_alone(sink: Sink) -> None:
    sink.answers["mail", "vie"] = HANG_UP
    envelopes = [to(f"membre{number}") for number in range(10)]
    desk = carry(outbox(sink), envelopes)
    assert desk.fate[0] is not None
    assert desk.fate[0].verdict is Verdict.RELAY_DOWN
    assert sink.connections == 3
    assert set(desk.verdicts()) == {None}


def test_a_relay_that_never_answers_a_dot_is_left_alone_after_three(sink: Sink) -> None:
    envelopes = [to(f"membre{number}") for number in range(10)]
    for one in envelopes:
        sink.answers["dot", one.recipient.partition("@")[0]] = HANG_UP
    desk = carry(outbox(sink), envelopes)
    assert desk.verdicts().count(Verdict.IN_DOUBT) == 3
    assert len(desk.envelopes) == 7


@pytest.mark.parametrize("greeting", ["421 Too busy", "554 5.7.1 Blocked", HANG_UP, "nonsense"])
def test_a_relay_that_refuses_the_connection_is_down_until_it_greets(sink: Sink, greeting: str) -> None:
    sink.answers["connect", ""] = greeting
    out = outbox(sink)
    outcome = verdict_of(out, to("luce"))
    assert (outcome.verdict, outcome.stage) == (Verdict.RELAY_DOWN, Stage.CONNECT)
    del sink.answers["connect", ""]
    assert verdict_of(out, to("luce")).verdict is Verdict.ACCEPTED


def test_a_relay_that_is_not_there_is_down() -> None:
    outcome = verdict_of(outbox(Sink(port=free_port())), to("luce"))
    assert (outcome.verdict, outcome.code) == (Verdict.RELAY_DOWN, None)


def test_a_relay_that_hangs_up_amid_the_body_leaves_the_message_unsent(sink: Sink) -> None:
    sink.answers["body", "luce"] = HANG_UP
    desk = carry(outbox(sink), [to("luce", MESSAGE + b"line\r\n" * 2_000_000)])
    assert desk.verdicts() == [None]


def test_what_the_relay_said_before_it_hung_up_amid_the_body_is_its_verdict(sink: Sink) -> None:
    sink.answers["body", "luce"] = "552 5.3.4 Message too big"
    outcome = verdict_of(outbox(sink), to("luce", MESSAGE + b"line\r\n" * 2_000_000))
    assert (outcome.verdict, outcome.stage, outcome.enhanced) == (Verdict.REFUSED, Stage.DOT, "5.3.4")


def test_no_reply_to_the_dot_within_the_time_is_doubt(sink: Sink) -> None:
    sink.answers["dot", "luce"] = "250-still thinking"  # a reply that never ends
    doubtful, accepted = send(outbox(sink, dot_timeout=0.3), to("luce"), to("omar"))
    assert doubtful is not None
    assert accepted is not None
    assert (doubtful.verdict, doubtful.stage, doubtful.code) == (Verdict.IN_DOUBT, Stage.DOT, None)
    assert accepted.verdict is Verdict.ACCEPTED


def test_who_is_asked_to_end_waits_no_longer_for_an_answer(sink: Sink) -> None:
    sink.answers["dot", "luce"] = "250-still thinking"
    desk = ListDesk([to("luce")], end_at=0.0)
    desk.envelopes.append(to("omar"))
    outbox(sink).run(desk)
    assert Verdict.ACCEPTED not in desk.verdicts()


def test_that_we_hang_up_on_several_lines_is_no_fault_of_the_relay(sink: Sink) -> None:
    envelopes = [to(f"membre{number}") for number in range(4)]
    for one in envelopes:
        sink.answers["dot", one.recipient.partition("@")[0]] = "250-still thinking"
    desk = ListDesk(envelopes, end_at=monotonic() + 1.0)
    trouble = outbox(sink, connections=4).run(desk)
    assert desk.verdicts().count(Verdict.IN_DOUBT) == 4
    assert trouble is None


def test_d22_without_starttls_nothing_leaves_in_clear_text(sink: Sink) -> None:
    sink.credentials = ("vie", "secret")
    outcome = verdict_of(outbox(sink, tls="starttls", user="vie", password="secret"), to("luce"))
    assert outcome.verdict is Verdict.RELAY_DOWN
    assert "STARTTLS" in outcome.text
    assert not [command for command in sink.commands if command.startswith(("AUTH", "MAIL", "mail"))]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_d22_a_certificate_that_nobody_vouches_for_is_refused(sink: Sink, tmp_path: Path, tls: str) -> None:
    sink.certificate, sink.implicit_tls = make_certificate(tmp_path), tls == "implicit"
    outcome = verdict_of(outbox(sink, tls=tls), to("luce"))
    assert outcome.verdict is Verdict.RELAY_DOWN
    assert "CERTIFICATE_VERIFY_FAILED" in outcome.text
    assert sink.messages == []


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("password", ["secret", "sésame à l’entrée"])
def test_a_relay_with_a_good_certificate_takes_password_and_mail(
    sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: str, password: str
) -> None:
    sink.certificate, sink.implicit_tls = make_certificate(tmp_path), tls == "implicit"
    sink.credentials = ("vie", password)
    monkeypatch.setenv("SSL_CERT_FILE", str(sink.certificate.cert))
    large = MESSAGE + b"..a line of a large message\r\n" * 20_000
    pieces = [MESSAGE, *[b"line %d\r\n" % number * 500 for number in range(40)]]
    envelopes = [to("luce"), to("omar", large), to("rose", WireReady(pieces)), to("line")]
    desk = carry(outbox(sink, tls=tls, user="vie", password=password), envelopes)
    assert desk.verdicts() == [Verdict.ACCEPTED] * 4
    assert [message.data for message in sink.messages] == [MESSAGE, large, b"".join(pieces), MESSAGE]


@pytest.mark.parametrize("password", ["faux", "faux é"])
def test_a_wrong_password_is_the_relays_matter_and_never_logged(
    sink: Sink, caplog: pytest.LogCaptureFixture, password: str
) -> None:
    caplog.set_level(logging.DEBUG)
    sink.credentials = ("vie", "secret")
    outcome = verdict_of(outbox(sink, user="vie", password=password), to("luce"))
    assert (outcome.verdict, outcome.stage, outcome.code) == (Verdict.RELAY_DOWN, Stage.CONNECT, 535)
    assert "535" in caplog.text
    assert password not in caplog.text
    assert "membre.example" not in caplog.text
    assert password not in repr(Relay("localhost", 25, "vie", password))


def test_a_relay_that_lets_nobody_in_is_asked_once_a_line(sink: Sink) -> None:
    sink.credentials = ("vie", "secret")
    desk = ListDesk([to(f"m{number}") for number in range(40)])
    trouble = outbox(sink, connections=8, user="vie", password="faux").run(desk)
    assert trouble is not None
    assert trouble.code == 535
    # More of them would look like somebody who guesses the password.
    assert sink.connections == 8


def test_d10_an_address_with_accents_needs_a_relay_that_says_smtputf8(sink: Sink) -> None:
    refused, accepted = send(outbox(sink), to("rené"), to("luce"))
    assert refused is not None
    assert accepted is not None
    assert (refused.verdict, refused.stage, refused.enhanced) == (Verdict.REFUSED, Stage.RCPT, "5.6.7")
    assert accepted.verdict is Verdict.ACCEPTED
    sink.extensions = (*sink.extensions, "SMTPUTF8")
    assert verdict_of(outbox(sink), to("rené")).verdict is Verdict.ACCEPTED
    assert sink.messages[-1].recipient == "rené@membre.example"


def test_d17_what_the_relay_offers_is_used(sink: Sink) -> None:
    sink.extensions = (*sink.extensions, "SIZE 100000", "DSN")
    token = "jnsxg5bb4kq2v7wz6y3tnfra5e"
    envelope = replace(to("luce", "Subject: x\r\n\r\nété\r\n".encode()), envid=token)
    assert verdict_of(outbox(sink), envelope).verdict is Verdict.ACCEPTED
    said = f"MAIL FROM:<vie@passerelles.example> SIZE=21 BODY=8BITMIME RET=HDRS ENVID={token}"
    assert said in sink.commands
    assert verdict_of(outbox(sink), to("omar")).verdict is Verdict.ACCEPTED
    assert f"MAIL FROM:<vie@passerelles.example> SIZE={len(MESSAGE)} RET=HDRS" in sink.commands
    assert "RCPT TO:<luce@membre.example> NOTIFY=FAILURE,DELAY" in sink.commands


def test_d17_what_the_relay_does_not_offer_is_not_said(sink: Sink) -> None:
    sink.extensions = tuple(one for one in sink.extensions if one == "PIPELINING")
    assert verdict_of(outbox(sink), replace(to("luce"), envid="x")).verdict is Verdict.ACCEPTED
    assert "MAIL FROM:<vie@passerelles.example>" in sink.commands
    assert "RCPT TO:<luce@membre.example>" in sink.commands


def test_a_message_larger_than_the_relay_takes_is_refused_without_trying(sink: Sink) -> None:
    sink.extensions = (*sink.extensions, "SIZE 100")
    refused, accepted = send(outbox(sink), to("luce", MESSAGE + b"x\r\n" * 100), to("omar"))
    assert (refused and refused.verdict, refused and refused.enhanced) == (Verdict.REFUSED, "5.3.4")
    assert accepted is not None
    assert accepted.verdict is Verdict.ACCEPTED
