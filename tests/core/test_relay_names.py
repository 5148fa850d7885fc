"""D16: what a relay calls a mail, read in its reply to the final dot; invented ids in the forms of many relays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core import relay_names

SES = "0102018f3c5e7a91-6b1d2c3e-4f50-4a61-8b72-9c83d4e5f601-000000"
GIVEN = [
    ("2.0.0 Ok: queued as 4XyZ7Q3BnTz9vKc", "4XyZ7Q3BnTz9vKc"),
    ("2.0.0 Ok: queued as 3F2A91C05D", "3F2A91C05D"),
    ("2.0.0 Ok: queued as 1234567890", "1234567890"),
    ("Ok: queued as ABCDEFABCDEF", "ABCDEFABCDEF"),
    ("2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 9D31C2A0B7", "9D31C2A0B7"),
    ("OK id=1rABCd-0001Xy-2b", "1rABCd-0001Xy-2b"),
    ("OK id=1uKq2W-00000006ZtH-3hV1", "1uKq2W-00000006ZtH-3hV1"),
    (
        "2.6.0 <1a2b3c4d@exemple.example> [InternalId=8582635192, Hostname=PR0P264MB1234.PROD.OUTLOOK.COM] 8123 bytes queued",
        "1a2b3c4d@exemple.example",
    ),
    ("2.0.0 4BCAeFgH012345 Message accepted for delivery", "4BCAeFgH012345"),
    ("2.0.0 8f31c07d Message accepted for delivery", "8f31c07d"),
    (f"Ok {SES}", SES),
    ("2.0.0 OK: queued as <202611241200.12345678901@relais.example>", "202611241200.12345678901@relais.example"),
    ("OK queued as 1b4e28ba-2fa1-11d2-883f-0016d3cca427", "1b4e28ba-2fa1-11d2-883f-0016d3cca427"),
    ("2.0.0 OK  1764000000 5b1f17b1804b1-4774a1e2b3csi1234567.45 - gsmtp", "5b1f17b1804b1-4774a1e2b3csi1234567.45"),
    ("Message Queued (6C1C3D6B-52A0-4D4E-9D5A-0D1E2F304152.1)", "6C1C3D6B-52A0-4D4E-9D5A-0D1E2F304152.1"),
    ("2.0.0 OK 7A/B9-12345-6C7D8E9F", "7A/B9-12345-6C7D8E9F"),
    ("2.6.0 message received <A1B2C3D4E5@courrier.example>", "A1B2C3D4E5@courrier.example"),
    ("2.0.0 Ok, message saved <Message-ID: K7L8M9N0@courrier.example>", "K7L8M9N0@courrier.example"),
]
NAMELESS = [
    "",
    "2.0.0 Ok",
    "2.0.0 kept",
    "Great success",
    "2.1.5 OK, delivered to mx3.relais.example",
    "Queued (0.031 seconds)",
    "ok 1764000000 qp 12345",
    "2.0.0 Message accepted for delivery at 2026-11-24T12:00:00Z",
    "OK id assigned",
    "queued as requested",
]


@pytest.mark.parametrize(("reply", "name"), GIVEN)
def test_d16_the_surest_name_in_a_reply_is_what_the_relay_calls_the_mail(reply: str, name: str) -> None:
    assert relay_names.in_reply(reply)[:1] == (name,)


@pytest.mark.parametrize("reply", NAMELESS)
def test_d16_a_reply_without_a_name_gives_none(reply: str) -> None:
    assert relay_names.in_reply(reply) == ()


@given(st.text(max_size=300))
def test_whatever_a_relay_says_at_most_five_names_are_read_in_it(reply: str) -> None:
    names = relay_names.in_reply(reply)
    assert len(names) <= 5
    assert all(name in reply for name in names)


def test_a_message_id_holds_a_name_before_its_at_and_as_a_whole() -> None:
    rewritten = f"<{SES}@eu-west-1.amazonses.com>"
    assert relay_names.of_message_id(rewritten) == (f"{SES}@eu-west-1.amazonses.com", SES)
    assert relay_names.of_message_id("<a@b>") == ()


def test_a_received_line_names_the_mail_in_its_id_clause() -> None:
    line = "from courrier.example ([192.0.2.7]) by relais.example (Postfix) with ESMTPSA id 4XyZ7Q3BnTz9vKc for <a@b.example>; Tue"
    assert relay_names.in_received(line) == "4XyZ7Q3BnTz9vKc"
    assert relay_names.in_received("from a by b with SMTP; Tue, 24 Nov 2026 12:00:00 +0000") == ""


@pytest.mark.parametrize(
    ("name", "other", "may_be"),
    [
        ("4XyZ7Q3BnTz9vKc", "4XyZ8R4CoUz9wLd", True),
        ("3F2A91C05D", "9D31C2A0B7E", True),
        ("3F2A91C05D", "4XyZ7Q3BnTz9vKc", False),
        (SES, SES.replace("6b1d", "7c2e"), True),
        (SES, "CABcd1234+efGHij=56klMNop7890qrsTUv", False),
        ("a1b2c3d4@relais.example", "b2c3d4e5@RELAIS.example", True),
        ("a1b2c3d4@relais.example", "b2c3d4e5@ailleurs.example", False),
        ("a1b2c3d4@relais.example", "b2c3d4e5", False),
    ],
)
def test_two_names_of_one_relay_look_alike(name: str, other: str, may_be: bool) -> None:
    assert relay_names.alike(name, other) is may_be
