"""What becomes of a message that is given to a relay, well behaved or not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.core.verdicts import Stage, Verdict
from service.gateways.smtp import Relay, SmtpOutbox
from service.ports import Envelope
from tests.parts import free_port
from tests.parts.smtp_sink import HANG_UP, Sink, make_certificate, smtp_sink

MESSAGE = b"Subject: Bonjour\r\n\r\nUne nouvelle.\r\n"


@contextmanager
def outbox(sink: Sink, **settings: object) -> Iterator[SmtpOutbox]:
    given_settings: dict[str, object] = {"tls": "none", "command_timeout": 10.0, "dot_timeout": 10.0} | settings
    opened = SmtpOutbox(Relay("localhost", sink.port, **given_settings))  # type: ignore[arg-type]
    try:
        yield opened
    finally:
        opened.close()


def to(local: str, message: bytes = MESSAGE) -> Envelope:
    return Envelope("vie@passerelles.example", f"{local}@membre.example", message)


def test_an_accepted_message_keeps_the_relays_reply_as_proof(sink: Sink) -> None:
    with outbox(sink) as out:
        outcome = out.hand(to("luce"))
    assert (outcome.verdict, outcome.stage, outcome.code) == (Verdict.ACCEPTED, Stage.DOT, 250)
    assert "queued as 42" in outcome.text
    assert [(m.sender, m.recipient, m.data) for m in sink.messages] == [
        ("vie@passerelles.example", "luce@membre.example", MESSAGE)
    ]


def test_the_connection_is_reused_and_ended_politely(sink: Sink) -> None:
    with outbox(sink) as out:
        assert [out.hand(to(name)).verdict for name in ("luce", "omar", "line")] == [Verdict.ACCEPTED] * 3
    assert sink.connections == 1
    assert sink.commands[-1].lower() == "quit"


@pytest.fixture(scope="module")
def long_running_sink() -> Iterator[Sink]:
    with smtp_sink() as running:
        yield running


@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\r", b".").replace(b"\n", b".")), max_size=60))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_line_arrives_as_it_was_whatever_dots_it_begins_with(long_running_sink: Sink, lines: list[bytes]) -> None:
    message = b"".join(line + b"\r\n" for line in [b"Subject: x", b"", *lines])
    long_running_sink.messages.clear()
    with outbox(long_running_sink) as out:
        assert out.hand(to("luce", message)).verdict is Verdict.ACCEPTED
    assert [received.data for received in long_running_sink.messages] == [message]


def test_a_large_message_arrives_whole(sink: Sink) -> None:
    message = MESSAGE + b"..a line of a large message\r\n" * 100_000
    with outbox(sink) as out:
        assert out.hand(to("luce", message)).verdict is Verdict.ACCEPTED
    assert sink.messages[0].data == message


def test_a_message_without_a_last_line_end_gets_one(sink: Sink) -> None:
    with outbox(sink) as out:
        out.hand(to("luce", b"Subject: x\r\n\r\nsans fin de ligne"))
    assert sink.messages[0].data == b"Subject: x\r\n\r\nsans fin de ligne\r\n"


@pytest.mark.parametrize("smuggled", [b"a\n.\r\nb\r\n", b"a\r.\r\n", b"a\r\n.\rMAIL FROM:<x>\r\n", b"a\n"])
def test_a_bare_line_end_is_refused_before_anything_is_sent(sink: Sink, smuggled: bytes) -> None:
    with outbox(sink) as out, pytest.raises(ValueError, match="bare CR or LF"):
        out.hand(to("luce", smuggled))
    assert sink.connections == 0


def test_an_address_with_a_line_end_is_refused_before_anything_is_sent(sink: Sink) -> None:
    with outbox(sink) as out, pytest.raises(ValueError, match="control character"):
        out.hand(to("luce>\r\nRCPT TO:<autre"))
    assert sink.connections == 0


def test_a_refused_recipient_is_the_members_and_the_line_serves_the_next(sink: Sink) -> None:
    sink.answers["rcpt", "parti"] = "550 5.1.1 No such user"
    with outbox(sink) as out:
        refused, accepted = out.hand(to("parti")), out.hand(to("luce"))
    assert (refused.verdict, refused.stage, refused.enhanced) == (Verdict.REFUSED, Stage.RCPT, "5.1.1")
    assert accepted.verdict is Verdict.ACCEPTED
    assert "RSET" in [command.upper() for command in sink.commands]
    assert sink.connections == 1


def test_a_multi_line_reply_is_read_whole(sink: Sink) -> None:
    sink.answers["rcpt", "parti"] = "550-5.1.1 No such user\r\n550-5.1.1 here,\r\n550 5.1.1 ask elsewhere"
    with outbox(sink) as out:
        assert "ask elsewhere" in out.hand(to("parti")).text
        assert out.hand(to("luce")).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("stage", "reply", "verdict"),
    [
        ("rcpt", "450 4.2.0 Come back later", Verdict.DEFERRED),
        ("data", "554 5.5.1 No", Verdict.REFUSED),
        ("dot", "554 5.6.0 Content rejected", Verdict.REFUSED),
        ("dot", "451 4.3.0 Later", Verdict.DEFERRED),
        ("dot", "421 4.3.0 Closing", Verdict.DEFERRED),
        ("rcpt", "421 4.7.0 Closing", Verdict.RELAY_DOWN),
        ("rcpt", HANG_UP, Verdict.RELAY_DOWN),
        ("rcpt", "what?", Verdict.RELAY_DOWN),
        ("data", HANG_UP, Verdict.RELAY_DOWN),
        ("dot", HANG_UP, Verdict.IN_DOUBT),
        ("dot", "what?", Verdict.IN_DOUBT),
    ],
)
def test_each_stage_is_judged_and_the_next_message_is_accepted(
    sink: Sink, stage: str, reply: str, verdict: Verdict
) -> None:
    sink.answers[stage, "omar"] = reply
    with outbox(sink) as out:
        outcome = out.hand(to("omar"))
        assert (outcome.verdict, outcome.stage) == (verdict, stage)
        assert out.hand(to("luce")).verdict is Verdict.ACCEPTED
    assert [message.recipient for message in sink.messages] == ["luce@membre.example"]


def test_a_refused_sender_is_the_relays_fault(sink: Sink) -> None:
    sink.answers["mail", "vie"] = "550 5.7.1 Sender not owned"
    with outbox(sink) as out:
        outcome = out.hand(to("luce"))
    assert (outcome.verdict, outcome.stage) == (Verdict.RELAY_DOWN, Stage.MAIL)


@pytest.mark.parametrize("farewell", ["421 4.4.2 Idle for too long", HANG_UP])
def test_a_line_that_the_relay_ended_between_two_messages_is_opened_again_at_once(sink: Sink, farewell: str) -> None:
    with outbox(sink) as out:
        out.hand(to("luce"))
        sink.answers["mail", "retours"] = farewell
        ended = Envelope("retours@passerelles.example", "omar@membre.example", MESSAGE)
        assert out.hand(ended).verdict is Verdict.RELAY_DOWN
        assert sink.connections == 2
        out.hand(to("luce"))
        del sink.answers["mail", "retours"]
        assert out.hand(ended).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("greeting", ["421 Too busy", "554 5.7.1 Blocked", HANG_UP, "nonsense"])
def test_a_relay_that_refuses_the_connection_is_down_until_it_greets(sink: Sink, greeting: str) -> None:
    sink.answers["connect", ""] = greeting
    with outbox(sink) as out:
        outcome = out.hand(to("luce"))
        assert (outcome.verdict, outcome.stage) == (Verdict.RELAY_DOWN, Stage.CONNECT)
        del sink.answers["connect", ""]
        assert out.hand(to("luce")).verdict is Verdict.ACCEPTED


def test_a_relay_that_is_not_there_is_down() -> None:
    with outbox(Sink(port=free_port())) as out:
        outcome = out.hand(to("luce"))
    assert (outcome.verdict, outcome.code) == (Verdict.RELAY_DOWN, None)


def test_a_relay_that_hangs_up_amid_the_body_leaves_the_message_unsent(sink: Sink) -> None:
    sink.answers["body", "luce"] = HANG_UP
    with outbox(sink) as out:
        outcome = out.hand(to("luce", MESSAGE + b"line\r\n" * 2_000_000))
    assert (outcome.verdict, outcome.stage) == (Verdict.RELAY_DOWN, Stage.DATA)


def test_what_the_relay_said_before_it_hung_up_amid_the_body_is_its_verdict(sink: Sink) -> None:
    sink.answers["body", "luce"] = "552 5.3.4 Message too big"
    with outbox(sink) as out:
        outcome = out.hand(to("luce", MESSAGE + b"line\r\n" * 2_000_000))
    assert (outcome.verdict, outcome.stage, outcome.enhanced) == (Verdict.REFUSED, Stage.DATA, "5.3.4")


def test_no_reply_to_the_dot_within_the_time_is_doubt(sink: Sink) -> None:
    sink.answers["dot", "luce"] = "250-still thinking"  # a reply that never ends
    with outbox(sink, dot_timeout=0.3) as out:
        outcome = out.hand(to("luce"))
        assert (outcome.verdict, outcome.stage, outcome.code) == (Verdict.IN_DOUBT, Stage.DOT, None)
        assert out.hand(to("omar")).verdict is Verdict.ACCEPTED


def test_without_starttls_nothing_leaves_in_clear_text(sink: Sink) -> None:
    sink.credentials = ("vie", "secret")
    with outbox(sink, tls="starttls", user="vie", password="secret") as out:
        outcome = out.hand(to("luce"))
    assert outcome.verdict is Verdict.RELAY_DOWN
    assert "STARTTLS" in outcome.text
    assert not [command for command in sink.commands if command.startswith(("AUTH", "MAIL", "mail"))]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_that_nobody_vouches_for_is_refused(sink: Sink, tmp_path: Path, tls: str) -> None:
    sink.certificate, sink.implicit_tls = make_certificate(tmp_path), tls == "implicit"
    with outbox(sink, tls=tls) as out:
        outcome = out.hand(to("luce"))
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
    with outbox(sink, tls=tls, user="vie", password=password) as out:
        assert out.hand(to("luce")).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("password", ["faux", "faux é"])
def test_a_wrong_password_is_the_relays_matter_and_never_logged(
    sink: Sink, caplog: pytest.LogCaptureFixture, password: str
) -> None:
    caplog.set_level(logging.DEBUG)
    sink.credentials = ("vie", "secret")
    with outbox(sink, user="vie", password=password) as out:
        outcome = out.hand(to("luce"))
    assert (outcome.verdict, outcome.stage, outcome.code) == (Verdict.RELAY_DOWN, Stage.CONNECT, 535)
    assert "535" in caplog.text
    assert password not in caplog.text
    assert "membre.example" not in caplog.text
    assert password not in repr(Relay("localhost", 25, "vie", password))


def test_an_address_with_accents_needs_a_relay_that_says_smtputf8(sink: Sink) -> None:
    with outbox(sink) as out:
        refused = out.hand(to("rené"))
        assert (refused.verdict, refused.stage, refused.enhanced) == (Verdict.REFUSED, Stage.RCPT, "5.6.7")
        assert out.hand(to("luce")).verdict is Verdict.ACCEPTED
    sink.extensions = ("8BITMIME", "SMTPUTF8")
    with outbox(sink) as out:
        assert out.hand(to("rené")).verdict is Verdict.ACCEPTED
    assert sink.messages[-1].recipient == "rené@membre.example"
