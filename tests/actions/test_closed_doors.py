"""A relay that refuses us before the first message: nothing of ours is said in clear, and every row waits (D19, D22)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest

from service.actions import sending
from service.core import explanations
from service.core.vocabulary import CampaignStatus
from service.gateways.relay import Relay
from service.gateways.smtp import SmtpOutbox
from service.models.delivery import Delivery
from tests.builders import Tray, World
from tests.parts.certificates import certificate
from tests.parts.smtp_sink import Certificate, Sink

MEMBERS = 5
NO_STARTTLS = "Le serveur ne propose pas STARTTLS : rien ne part sans chiffrement."
Tls = Literal["starttls", "implicit"]


@pytest.fixture
def good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sink: Sink) -> Certificate:
    """A certificate that this machine trusts, and a relay that shows it and asks for a password."""
    found = certificate(tmp_path, until=_in(days=10))
    monkeypatch.setenv("SSL_CERT_FILE", str(found.cert))
    sink.certificate, sink.credentials = found, ("vie", "secret")
    return found


def send(world: World, number: int, sink: Sink, tls: Tls = "starttls") -> None:
    relay = Relay("localhost", sink.port, "vie", "secret", tls, connections=1)
    sending.send_campaign(replace(world.wire(Tray()), outbox=SmtpOutbox(relay)), number)


def assert_all_wait(world: World, number: int, sink: Sink, why: str, read: str) -> None:
    """Nobody is refused or tried, staff read why in French or as it was said, and the relay heard who calls and no more."""
    assert world.figures(number).pending == MEMBERS
    with world.sessions() as session:
        rows = session.scalars(Delivery.of_campaign(number)).all()
        assert {(row.attempts, row.code, row.handed_at) for row in rows} == {(0, None, None)}
    shown = world.campaign(number)
    assert (shown.status, why in shown.trouble) == (CampaignStatus.SENDING, True), shown.trouble
    assert explanations.of_words(shown.trouble) == read
    assert {command.split()[0].upper() for command in sink.commands} <= {"EHLO", "HELO", "STARTTLS", "QUIT"}
    assert sink.messages == []


def assert_all_leave(world: World, number: int, sink: Sink, tls: Tls = "starttls") -> None:
    """As soon as the relay is well again, each gets his mail once, and the password is said."""
    send(world, number, sink, tls)
    assert (world.figures(number).accepted, world.status(number)) == (MEMBERS, CampaignStatus.SENT)
    assert len(sink.messages) == len({one.recipient for one in sink.messages}) == MEMBERS
    assert any(command.startswith("AUTH") for command in sink.commands)


@pytest.mark.parametrize(
    ("stage", "reply", "why"),
    [
        # Whoever has no EHLO is greeted by HELO (RFC 5321 section 3.2), which offers no STARTTLS: nothing leaves.
        ("ehlo", "502 5.5.1 Command not implemented", "STARTTLS"),
        ("ehlo", "554 5.7.1 No service for you", "STARTTLS"),
        # Before any other word, that would meet a closed connection: what it said is what staff are to read.
        ("ehlo", "421 4.3.2 Shutting down", "421"),
        ("ehlo", "450 4.3.2 Busy", "STARTTLS"),
        ("starttls", "454 4.7.0 TLS not available", "454"),
        ("starttls", "501 5.5.4 No parameters", "501"),
        ("starttls", "421 4.3.2 Shutting down", "421"),
    ],
)
@pytest.mark.usefixtures("good")
def test_d19_d22_a_refusal_at_the_door_is_the_relays_and_nothing_is_said_in_clear(
    world: World, launched: int, sink: Sink, stage: str, reply: str, why: str
) -> None:
    sink.answers[stage, ""] = reply
    send(world, launched, sink)
    assert_all_wait(world, launched, sink, why, NO_STARTTLS if why == "STARTTLS" else reply)
    sink.answers.clear()
    assert_all_leave(world, launched, sink)


@pytest.mark.usefixtures("good")
def test_d19_a_relay_that_refuses_ehlo_and_helo_is_told_with_its_code(world: World, launched: int, sink: Sink) -> None:
    sink.answers["ehlo", ""], sink.answers["helo", ""] = "502 5.5.1 No", "550 5.7.1 Not you"
    send(world, launched, sink)
    assert_all_wait(world, launched, sink, "550", "550 5.7.1 Not you")


Wrong = Callable[[Path], Certificate]
WRONG: dict[str, tuple[Wrong, bool]] = {
    "nobody vouches for it": (lambda folder: certificate(folder, until=_in(days=10)), False),
    "of another host": (lambda folder: certificate(folder, until=_in(days=10), host="autre.example"), True),
    "expired": (lambda folder: certificate(folder, until=_in(days=-1)), True),
}


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("wrong", WRONG)
def test_d22_a_wrong_certificate_gets_neither_password_nor_mail(
    world: World, launched: int, sink: Sink, good: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    wrong: str, tls: Tls,
) -> None:  # fmt: skip
    make, is_trusted = WRONG[wrong]
    (tmp_path / "wrong").mkdir()
    sink.certificate, sink.implicit_tls = make(tmp_path / "wrong"), tls == "implicit"
    with monkeypatch.context() as trusting:
        if is_trusted:
            trusting.setenv("SSL_CERT_FILE", str(sink.certificate.cert))
        send(world, launched, sink, tls)
    assert_all_wait(world, launched, sink, "CERTIFICATE_VERIFY_FAILED", "Le certificat du serveur n’est pas valable.")
    assert [command.split()[0].upper() for command in sink.commands] == ["EHLO", "STARTTLS"] * (tls == "starttls")
    sink.certificate = good
    assert_all_leave(world, launched, sink, tls)


def _in(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)  # noqa: TID251 (TLS goes by the real clock)
