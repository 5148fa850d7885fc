"""Only what our own mail server wrote topmost says whether the sender is who he says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.reading.authentication import Authentication, of, read
from service.core.reading.parsing import parse

OURS = "mx.passerelles.example"
NOTHING = Authentication()
GOOD = "mx.passerelles.example; dmarc=pass header.from=membre.example; dkim=pass header.d=membre.example; spf=pass"


def test_the_three_verdicts_of_our_server_are_read() -> None:
    assert read([GOOD], OURS) == Authentication("pass", "pass", "pass")
    bad = "mx.passerelles.example 1; spf=softfail smtp.mailfrom=x.example; dkim=none; dmarc=fail (p=none) header.from=y"
    assert read([bad], " MX.Passerelles.Example ") == Authentication("fail", "none", "softfail")


@pytest.mark.parametrize("name", ["", "  "])
def test_without_a_configured_name_nothing_is_believed(name: str) -> None:
    assert read([GOOD, "; dmarc=pass", "dmarc=pass"], name) == NOTHING


@pytest.mark.parametrize(
    "value",
    [
        "autre.example; dmarc=pass",
        "mx.passerelles.example.autre.example; dmarc=pass",
        "x mx.passerelles.example; dmarc=pass",
        "(mx.passerelles.example) autre.example; dmarc=pass",
        "autre.example; mx.passerelles.example; dmarc=pass",
        "mx.passerelles.example; none",
        "mx.passerelles.example",
        "mx.passerelles.example dmarc=pass",
        "dmarc=pass",
        "",
    ],
)
def test_another_server_or_no_verdict_says_nothing(value: str) -> None:
    assert read([value], OURS) == NOTHING


def test_s3_a_verdict_forged_below_ours_never_counts() -> None:
    forged = "mx.passerelles.example; dmarc=pass; dkim=pass; spf=pass"
    assert read(["mx.passerelles.example; dmarc=fail", forged], OURS) == Authentication(dmarc="fail")
    assert read(["mx.passerelles.example; none", forged], OURS) == NOTHING
    assert read(["relais.example; dmarc=pass", "mx.passerelles.example; dmarc=fail"], OURS) == Authentication("fail")


@pytest.mark.parametrize(
    "value",
    [
        "mx.passerelles.example (à (nous) \\) ;) ; dmarc = fail (dmarc=pass; p=reject)",
        '"mx.passerelles.example"; dmarc=fail reason="x; dmarc=pass"',
        'mx.passerelles.example; dmarc=fail header.from="a\\"; dmarc=pass"',
        "mx.passerelles.example; DMARC/1=FAIL",
        "mx.passerelles.example; dmarc=hardfail",
        "mx.passerelles.example; dmarc=pass header.from=a.example; dmarc=fail header.from=b.example",
    ],
)
def test_comments_quotes_and_spellings_do_not_mislead(value: str) -> None:
    assert read([value], OURS) == Authentication("fail")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("dkim=fail header.d=a.example; dkim=pass header.d=b.example", Authentication(dkim="pass")),
        ("dkim=neutral; dkim=fail", Authentication(dkim="neutral")),
        ("dmarc=pass; dmarc=none", Authentication(dmarc="none")),
        ("dmarc=none; dmarc=fail", Authentication(dmarc="fail")),
        ('spf=pass smtp.mailfrom="a; dmarc=pass"@a.example', Authentication(spf="pass")),
        ('spf=fail smtp.helo="b; smtp.mailfrom=c; spf=pass smtp.mailfrom=d"', Authentication(spf="fail")),
        ('spf=pass smtp.helo="smtp.mailfrom=a"; spf=fail smtp.mailfrom=b.example', Authentication(spf="fail")),
        ("spf=pass smtp.helo=a.example; spf=fail smtp.mailfrom=b.example", Authentication(spf="fail")),
        ("spf=pass smtp.helo=a.example", Authentication(spf="pass")),
        ("dmarc=bestguesspass; spf=passed; x-dmarc=pass", NOTHING),
        ("iprev=pass; auth=pass; arc=pass", NOTHING),
    ],
)
def test_of_several_results_the_one_that_counts_is_told(value: str, found: Authentication) -> None:
    assert read([f"{OURS}; {value}"], OURS) == found


def test_the_header_of_a_message_is_read_folded_and_in_any_case() -> None:
    raw = (
        "Received: by mx.passerelles.example\nAUTHENTICATION-RESULTS: mx.passerelles.example;\n"
        "\tdkim=pass header.d=membre.example;\n   spf=pass\n  smtp.mailfrom=x@membre.example;\n dmarc=pass\n"
        "Authentication-Results: mx.passerelles.example; dmarc=fail\nFrom: lea@membre.example\n\nAuthentication-Results: x"
    )
    for line_end in ("\n", "\r\n"):
        assert of(parse(raw.replace("\n", line_end).encode()), OURS) == Authentication("pass", "pass", "pass")
    assert (
        of(parse(b"From: lea@membre.example\n\nAuthentication-Results: mx.passerelles.example; dmarc=pass"), OURS)
        == NOTHING
    )


@pytest.mark.parametrize("word", ["=?utf-8?q?=3B_dmarc=3Dpass?=", "=?utf-8?b?OyBkbWFyYz1wYXNz?="])
def test_s3_an_encoded_word_in_the_address_of_a_forger_makes_no_verdict(word: str) -> None:
    message = parse(f"Authentication-Results: {OURS}; spf=pass smtp.mailfrom={word}@autre.example\n\n".encode())
    assert "; dmarc=pass" in message.headers.header("authentication-results")
    assert of(message, OURS) == Authentication(spf="pass")


@pytest.mark.parametrize(
    "value", ["(" * 60_000, '"' * 60_001, "\\" * 60_001, ";" * 60_000, "a=" * 30_000, " " * 60_000]
)
def test_s14_a_hostile_header_is_no_verdict(value: str) -> None:
    assert read([value, f"{OURS};{value}", f"{OURS}; x={value}"], OURS) == NOTHING


@given(st.lists(st.text(alphabet='();="\\ \t/.adm1rcpsé\x00', max_size=60), max_size=4))
def test_r16_no_header_makes_the_reading_raise(values: list[str]) -> None:
    assert read([f"{OURS}{value}" for value in values], OURS).spf == "none"
