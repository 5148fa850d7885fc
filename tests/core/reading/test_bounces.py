"""A bounce names the address that we wrote to, how lasting the failure is, and which mail it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.core.reading.bounces import Bounce, read
from service.core.reading.parsing import parse
from service.core.reading.severity import judge

SAMPLES = Path(__file__).parents[2] / "samples"


def only(sample: str) -> Bounce:
    (bounce,) = read(parse((SAMPLES / f"{sample}.eml").read_bytes()))
    return bounce


def test_a_report_gives_the_original_recipient_and_ties_to_our_mail() -> None:
    assert only("bounce_unknown") == Bounce(
        address="basile.ormeau@membre.example",
        action="failed",
        status="5.1.1",
        severity="hard",
        reason="L’adresse n’existe pas.",
        original_message_ids=("<c12.d8@passerelles.example>",),
        envelope_id="jnsxg5bb4kq2v7wz6y3tnfra5e",
    )


def test_the_diagnostic_is_more_precise_than_a_vague_status() -> None:
    bounce = only("bounce_full")
    assert (bounce.status, bounce.severity, bounce.reason) == ("5.2.2", "soft", "La boîte aux lettres est pleine.")


@pytest.mark.parametrize(("sample", "action"), [("notice_delayed", "delayed"), ("notice_delivered", "delivered")])
def test_a_delayed_or_delivered_notice_is_never_hard(sample: str, action: str) -> None:
    bounce = only(sample)
    assert (bounce.action, bounce.severity) == (action, "soft")


def test_a_failure_without_report_is_read_from_its_header_and_text() -> None:
    bounce = only("bounce_exim")
    assert (bounce.address, bounce.severity) == ("basile.ormeau@membre.example", "hard")
    assert bounce.original_message_ids == ("<c12.d8@passerelles.example>",)


def test_a_report_of_two_recipients_names_both_once() -> None:
    raw = (SAMPLES / "bounce_unknown.eml").read_bytes()
    second = b"Final-Recipient: rfc822; autre@membre.example\nAction: failed\nStatus: 4.2.2\n\n"
    found = read(
        parse(raw.replace(b"Final-Recipient: rfc822; boite-7", second * 2 + b"Final-Recipient: rfc822; boite-7"))
    )
    assert [(bounce.address, bounce.severity) for bounce in found] == [
        ("autre@membre.example", "soft"),
        ("basile.ormeau@membre.example", "hard"),
    ]


@pytest.mark.parametrize(
    "sample", ["reply_gmail", "reply_apple_mail", "absence", "calendar_reply", "read_receipt", "complaint"]
)
def test_other_mail_names_no_bounce(sample: str) -> None:
    assert read(parse((SAMPLES / f"{sample}.eml").read_bytes())) == ()


def test_a_person_who_quotes_a_bounce_bounces_nobody() -> None:
    notice = "\n\nHi. This is the qmail-send program at relais.example.\n\n<paul@membre.example>:\nNo mailbox here. (#5.1.1)\n"
    assert [bounce.address for bounce in read(parse(f"From: MAILER-DAEMON@relais.example{notice}".encode()))] == [
        "paul@membre.example"
    ]
    assert read(parse(f"From: lea@membre.example\nSubject: Question{notice}".encode())) == ()


@pytest.mark.parametrize(
    ("status", "words", "severity"),
    [
        ("5.1.1", "", "hard"),
        ("5.0.0", "550 No such user here", "hard"),
        ("5.4.4", "Host or domain name not found", "hard"),
        ("5.2.1", "The account is disabled", "hard"),
        ("4.1.1", "User unknown", "soft"),
        ("5.7.1", "blocked using a blocklist", "soft"),
        ("5.0.0", "552 user is over quota", "soft"),
        ("5.3.4", "message too big", "soft"),
        ("5.6.0", "", "soft"),
        ("", "", "hard"),
    ],
)
def test_only_what_lasts_is_hard(status: str, words: str, severity: str) -> None:
    assert judge(status, words).severity == severity
