"""How we tell a relay who we are: by what it offers, in UTF-8, and never on a clear line (RFC 4954)."""

from __future__ import annotations

import base64
import logging
from pathlib import Path

import pytest

from service.core import explanations
from service.core.verdicts import Outcome, Stage, Verdict
from service.gateways.relay import Relay
from service.gateways.smtp import SmtpOutbox
from service.ports import Envelope
from tests.parts.desk import ListDesk
from tests.parts.smtp_sink import Sink, make_certificate

USER, ACCENTS = "vie@passerelles.example", "sésame à l’entrée €"


class Token:
    """A mailbox that takes tokens."""

    def token(self, *, refused: str = "") -> str:
        return "jeton"


@pytest.fixture
def sink(sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sink:
    """A relay with TLS that knows one user."""
    sink.certificate = make_certificate(tmp_path)
    sink.credentials = (USER, ACCENTS)
    monkeypatch.setenv("SSL_CERT_FILE", str(sink.certificate.cert))
    return sink


def outcome(sink: Sink, **settings: object) -> Outcome:
    usual: dict[str, object] = {"user": USER, "password": ACCENTS, "connections": 1, "command_timeout": 10.0}
    relay = Relay("localhost", sink.port, **usual | settings)  # type: ignore[arg-type]
    desk = ListDesk([Envelope(1, USER, "luce@membre.example", b"Subject: x\r\n\r\nx\r\n")])
    told = SmtpOutbox(relay).run(desk) or desk.fate[1]
    assert told is not None
    return told


def logins(sink: Sink) -> list[str]:
    return [command[:10].strip() for command in sink.commands if command.startswith("AUTH")]


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (("LOGIN",), "AUTH LOGIN"),
        (("PLAIN",), "AUTH PLAIN"),
        (("LOGIN", "PLAIN"), "AUTH PLAIN"),
        (("NTLM", "CRAM-MD5", "XOAUTH2", "LOGIN"), "AUTH LOGIN"),
    ],
)
@pytest.mark.parametrize("password", ["secret", ACCENTS])
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_d22_a_password_leaves_by_what_the_relay_offers_accents_included(
    sink: Sink, offered: tuple[str, ...], chosen: str, password: str, tls: str
) -> None:
    sink.mechanisms, sink.credentials, sink.implicit_tls = offered, (USER, password), tls == "implicit"
    assert outcome(sink, password=password, tls=tls).verdict is Verdict.ACCEPTED
    assert logins(sink) == [chosen]
    said_in_clear = sink.commands[: sink.commands.index("STARTTLS")] if tls == "starttls" else []
    assert {command.split()[0].upper() for command in said_in_clear} <= {"EHLO"}


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("password", ["faux", "faux é"])
def test_a_wrong_password_is_tried_once_and_stands_in_no_log(
    sink: Sink, caplog: pytest.LogCaptureFixture, mechanism: str, password: str
) -> None:
    """Twice a connection would look like somebody who guesses."""
    caplog.set_level(logging.DEBUG)
    sink.mechanisms = (mechanism, "LOGIN")
    told = outcome(sink, password=password)
    assert (told.verdict, told.stage, told.code) == (Verdict.RELAY_DOWN, Stage.CONNECT, 535)
    assert logins(sink) == [f"AUTH {mechanism}"]
    for secret in (password, base64.b64encode(password.encode()).decode(), USER):
        assert secret not in caplog.text + told.text


@pytest.mark.parametrize(
    ("offered", "access", "advice"),
    [
        (("XOAUTH2", "NTLM"), None, "set auth=xoauth2"),
        (("CRAM-MD5",), None, "Ask its provider for a port with TLS that offers PLAIN or LOGIN"),
        (("NTLM",), None, "Ask its provider, or name another port in SMTP_URL"),
        (("PLAIN", "LOGIN"), Token(), "Give it a password"),
    ],
)
def test_d19_without_a_way_in_common_nothing_is_said_and_everybody_reads_what_to_do(
    sink: Sink, caplog: pytest.LogCaptureFixture, offered: tuple[str, ...], access: Token | None, advice: str
) -> None:
    sink.mechanisms = offered
    told = outcome(sink, access=access)
    assert (told.verdict, told.stage, told.code) == (Verdict.RELAY_DOWN, Stage.CONNECT, None)
    assert logins(sink) == []
    for words in (told.text, caplog.text):
        assert f"it offers AUTH {' '.join(offered)}" in words
        assert advice in words
    shown = explanations.of_trouble(f"{told.stage} {told.text}", launched=True)
    assert "façon dont Pli s’identifie" in shown.state
    assert "SMTP_URL" in shown.reason
    is_of_before_tls = "un ancien mode de connexion" in explanations.of_words(f"{told.stage}  {told.text}")
    assert is_of_before_tls is (offered == ("CRAM-MD5",))


def test_d19_a_relay_that_asks_for_nobody_gets_no_password(sink: Sink) -> None:
    sink.credentials = None
    assert "it offers no AUTH" in outcome(sink).text
    assert logins(sink) == []


def test_d22_what_was_offered_in_clear_is_forgotten_and_gets_no_password(sink: Sink) -> None:
    sink.certificate, sink.mechanisms = None, ("PLAIN", "LOGIN")
    told = outcome(sink)
    assert "STARTTLS" in told.text
    assert {command.split()[0].upper() for command in sink.commands} <= {"EHLO", "QUIT"}
