"""Relays that misbehave: nobody is missing unseen, nobody is written twice, and the others go on."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from service.core.verdicts import Verdict
from service.gateways.relay import Relay
from service.gateways.smtp import SmtpOutbox
from service.ports import Envelope
from tests.parts.desk import ListDesk, carry
from tests.parts.scripted_smtp import Fault, ScriptedRelay, scripted_relay
from tests.parts.smtp_sink import make_certificate

BODY = b"Subject: Bonjour\r\n\r\n" + b"Une nouvelle.\r\n" * 400
# More than the buffers between two processes hold: its dot has not left when the relay speaks in its middle.
LARGE = BODY + b"x" * 990 + b"\r\n"
LARGE += LARGE[-992:] * 12_000
MIDDLE = 4
IN_THE_BODY = (Fault.LEAVES_DURING_THE_BODY, Fault.TOO_LARGE_AND_RESET)


def outbox(relay: ScriptedRelay, **options: object) -> SmtpOutbox:
    usual: dict[str, object] = {"tls": "none", "connections": 1, "pipelined_timeout": 0.4, "farewell_timeout": 0.3}
    return SmtpOutbox(Relay("localhost", relay.port, **usual | options))  # type: ignore[arg-type]


def envelopes(count: int = 8, middle: bytes = BODY) -> list[Envelope]:
    bodies = {MIDDLE: middle}
    return [
        Envelope(n, "vie@passerelles.example", f"m{n}@membre.example", bodies.get(n, BODY)) for n in range(1, count + 1)
    ]


def copies(relay: ScriptedRelay, number: int) -> int:
    return relay.took.count(f"m{number}@membre.example")


def everybody_but(desk: ListDesk, *numbers: int) -> set[Verdict | None]:
    return {outcome.verdict if outcome else None for key, outcome in desk.fate.items() if key not in numbers}


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelining", "one by one"])
@pytest.mark.parametrize(
    ("fault", "verdict", "taken"),
    [
        (Fault.DATA_WITHOUT_RECIPIENT, Verdict.REFUSED, 0),
        (Fault.REPLY_IN_TWO_PACKETS, Verdict.ACCEPTED, 1),
        (Fault.LEAVES_AT_THE_DOT, Verdict.DEFERRED, 0),
        (Fault.LEAVES_AND_ANSWERS, Verdict.IN_DOUBT, 1),
        (Fault.LEAVES_DURING_THE_BODY, Verdict.ACCEPTED, 1),
        (Fault.TOO_LARGE_AND_RESET, Verdict.REFUSED, 0),
        (Fault.CLOSES_AFTER_THE_DOT, Verdict.IN_DOUBT, 1),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, Fault) else "",
)
def test_a_fault_at_one_message_costs_no_other_a_thing(
    fault: Fault, verdict: Verdict, taken: int, pipelining: bool
) -> None:
    with scripted_relay(ScriptedRelay({MIDDLE: fault}, pipelining=pipelining)) as relay:
        desk = carry(outbox(relay), envelopes(middle=LARGE if fault in IN_THE_BODY else BODY))
    outcome = desk.fate[MIDDLE]
    assert (outcome.verdict if outcome else None, copies(relay, MIDDLE)) == (verdict, taken)
    assert everybody_but(desk, MIDDLE) == {Verdict.ACCEPTED}
    assert {copies(relay, number) for number in range(1, 9) if number != MIDDLE} == {1}
    assert not any(body.strip(b"\r\n.") == b"" for body in relay.bodies)


def test_what_a_relay_said_twice_to_one_dot_is_kept_in_its_own_words() -> None:
    with scripted_relay(ScriptedRelay({MIDDLE: Fault.LEAVES_AND_ANSWERS})) as relay:
        outcome = carry(outbox(relay), envelopes()).fate[MIDDLE]
    assert outcome is not None
    assert (outcome.code, outcome.text.splitlines()[0]) == (421, "4.3.2 Closing")
    assert outcome.text.splitlines()[1].startswith("250 ")
    assert "then" not in outcome.text


def test_a_relay_that_drops_pipelined_input_gets_every_message_once_and_is_not_pipelined_again() -> None:
    with scripted_relay(ScriptedRelay({MIDDLE: Fault.DROPS_WHAT_FOLLOWS_THE_DOT})) as relay:
        out = outbox(relay)
        desk = carry(out, envelopes())
    assert set(desk.verdicts()) == {Verdict.ACCEPTED}
    assert len(relay.took) == len(set(relay.took)) == 8
    assert not out.pipelining_trusted


def test_an_extra_reply_casts_a_doubt_on_one_message_and_pipelining_ends() -> None:
    with scripted_relay(ScriptedRelay({MIDDLE: Fault.EXTRA_REPLY})) as relay:
        out = outbox(relay)
        desk = carry(out, envelopes())
    outcome = desk.fate[MIDDLE]
    assert outcome is not None
    assert outcome.verdict is Verdict.IN_DOUBT
    assert everybody_but(desk, MIDDLE) == {Verdict.ACCEPTED}
    assert len(relay.took) == len(set(relay.took)) == 8
    assert not out.pipelining_trusted


def test_a_relay_that_is_given_one_command_at_a_time_loses_no_trust_for_an_extra_reply() -> None:
    with scripted_relay(ScriptedRelay({MIDDLE: Fault.EXTRA_REPLY}, pipelining=False)) as relay:
        out = outbox(relay)
        carry(out, envelopes())
    assert out.pipelining_trusted, "it never was asked to pipeline"


@pytest.mark.parametrize("apart", [False, True])
def test_no_more_lines_are_opened_than_there_are_messages(apart: bool) -> None:
    with scripted_relay(ScriptedRelay()) as relay:
        desk = carry(outbox(relay, connections=8, apart=apart), envelopes(3))
    assert desk.verdicts() == [Verdict.ACCEPTED] * 3
    assert relay.connections <= 3


def test_a_relay_that_closes_after_its_share_gets_everything_and_stays_trusted() -> None:
    with scripted_relay(ScriptedRelay(always=frozenset({Fault.CLOSES_AFTER_ITS_SHARE}))) as relay:
        out = outbox(relay, connections=3)
        desk = carry(out, envelopes(30))
    assert set(desk.verdicts()) == {Verdict.ACCEPTED}
    assert len(relay.took) == len(set(relay.took)) == 30
    assert out.pipelining_trusted


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelining", "one by one"])
def test_clear_text_behind_the_answer_to_starttls_is_not_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pipelining: bool
) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.cert))
    hostile = frozenset({Fault.SAYS_MORE_THAN_220})
    with scripted_relay(ScriptedRelay(always=hostile, certificate=certificate, pipelining=pipelining)) as relay:
        desk = carry(outbox(relay, tls="starttls"), envelopes(3))
    assert desk.verdicts() == [Verdict.ACCEPTED] * 3
    assert [command[:4].upper() for command in relay.commands].count(b"EHLO") == 2


def test_a_login_refused_on_the_way_leaves_the_rest_waiting() -> None:
    always = frozenset({Fault.NO_SUCH_LOGIN_AGAIN, Fault.CLOSES_AFTER_ITS_SHARE})
    with scripted_relay(ScriptedRelay(always=always)) as relay:
        desk = carry(outbox(relay, user="vie", password="secret"), envelopes())
    trouble = desk.fate[0]
    assert trouble is not None
    assert (trouble.verdict, trouble.code) == (Verdict.RELAY_DOWN, 535)
    assert len(relay.took) == len(set(relay.took)) == 3
    assert [number for number, outcome in desk.fate.items() if outcome and outcome.verdict is Verdict.ACCEPTED] == [
        1,
        2,
        3,
    ]


def test_a_relay_that_serves_so_many_lines_and_no_more_gets_everything_over_those() -> None:
    with scripted_relay(ScriptedRelay(most=2)) as relay:
        desk = carry(outbox(relay, connections=5), envelopes(40))
    assert set(desk.verdicts()) == {Verdict.ACCEPTED}
    assert len(relay.took) == len(set(relay.took)) == 40


def test_a_greeting_that_never_ends_does_not_hold_the_process() -> None:
    with scripted_relay(ScriptedRelay(greets_for_ever=True)) as relay:
        desk = carry(outbox(relay, connect_timeout=0.3), envelopes(2))
    assert desk.fate[0] is not None
    assert "greeting" in desk.fate[0].text
    assert relay.took == []


def test_r3_a_relay_that_hangs_in_the_middle_of_starttls_is_down(tmp_path: Path) -> None:
    hanging = ScriptedRelay(always=frozenset({Fault.HANGS_AT_TLS}), certificate=make_certificate(tmp_path))
    with scripted_relay(hanging) as relay:
        desk = carry(outbox(relay, tls="starttls", connect_timeout=0.3), envelopes(2))
    assert desk.fate[0] is not None
    assert (desk.fate[0].verdict, relay.took) == (Verdict.RELAY_DOWN, [])
    assert set(desk.verdicts()) <= {None}


def test_r3_a_relay_that_never_begins_its_tls_is_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        relay = ScriptedRelay(port=silent.getsockname()[1])
        desk = carry(outbox(relay, tls="implicit", connect_timeout=0.3), envelopes(2))
    assert desk.fate[0] is not None
    assert desk.fate[0].verdict is Verdict.RELAY_DOWN


def test_r3_a_storm_of_450_puts_off_those_and_nobody_else() -> None:
    put_off = {number for number in range(1, 101) if number % 10 < 3}
    with scripted_relay(ScriptedRelay(dict.fromkeys(put_off, Fault.NOT_NOW))) as relay:
        desk = carry(outbox(relay, connections=3), envelopes(100))
    assert {n for n, outcome in desk.fate.items() if outcome and outcome.verdict is Verdict.DEFERRED} == put_off
    assert everybody_but(desk, *put_off) == {Verdict.ACCEPTED}
    assert len(relay.took) == len(set(relay.took)) == 70


def test_r3_a_relay_that_drops_the_line_after_every_250_mails_gets_a_thousand() -> None:
    dropping = ScriptedRelay(always=frozenset({Fault.CLOSES_AFTER_ITS_SHARE}), share=250)
    with scripted_relay(dropping) as relay:
        out = outbox(relay, connections=2)
        desk = carry(out, envelopes(1000))
    assert set(desk.verdicts()) == {Verdict.ACCEPTED}
    assert len(relay.took) == len(set(relay.took)) == 1000
    assert out.pipelining_trusted


def test_r3_a_line_in_a_tarpit_is_given_up_and_the_others_go_on() -> None:
    """Bytes come all the time, and no reply: each is not a reason to wait for the time of another."""
    with scripted_relay(ScriptedRelay({MIDDLE: Fault.TARPIT})) as relay:
        desk = carry(outbox(relay, connections=3, dot_timeout=0.5), envelopes(30))
    outcome = desk.fate[MIDDLE]
    assert outcome is not None
    assert outcome.verdict is Verdict.IN_DOUBT
    assert everybody_but(desk, MIDDLE) == {Verdict.ACCEPTED}
    assert len(relay.took) == len(set(relay.took)) == 30
