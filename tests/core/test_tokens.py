"""Are tokens what their readers expect, although they are made without their libraries' own way?"""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from service.core.refusals import NotFound
from service.core.tokens import (
    Link,
    ReturnAddresses,
    address_token,
    find_address_token,
    link_token,
    read_address_token,
    read_link_token,
)
from service.core.vocabulary import LinkPurpose

SECRET = b"a secret that is only for the tests, 32 and more"
numbers = st.integers(0, 2**48 - 1)
# The library compresses what grows shorter by it: lists of longer numbers than any row will have.
row_numbers = st.integers(0, 2**31 - 1)
# HMAC hashes a key of more than 64 octets first.
secrets = st.sampled_from([SECRET, b"k", b"k" * 64, b"k" * 65, bytes(range(256))])


@given(numbers)
def test_an_address_token_is_base32_and_names_its_row(number: int) -> None:
    token = address_token(number, SECRET)
    assert int.from_bytes(base64.b32decode(token.upper() + "=" * 6)[:6], "big") == number
    assert read_address_token(token, SECRET) == number
    assert read_address_token(token, b"another secret") is None


@given(numbers, secrets)
def test_an_address_token_holds_80_bits_of_the_hmac_that_the_standard_library_makes(number: int, secret: bytes) -> None:
    body = number.to_bytes(6, "big")
    mac = hmac.digest(secret, b"pli address token" + body, "sha256")[:10]
    assert address_token(number, secret) == base64.b32encode(body + mac).decode().rstrip("=").lower()


def test_d16_a_reply_and_an_error_come_back_with_the_token_of_their_mail_where_the_settings_have_one() -> None:
    both = ReturnAddresses("vie@a.example", "retours@b.example", SECRET)
    assert [find_address_token(address, SECRET) for address in both.of(7)] == [7, 7]
    assert both.of(7) == (both.reply_to_for(7), both.envelope_sender_for(7))
    one = ReturnAddresses("vie@a.example", "retours@b.example", SECRET, reply_mark=None)
    assert one.of(7) == ("vie@a.example", both.of(7)[1])
    other = ReturnAddresses("vie@a.example", "retours@b.example", SECRET, bounce_mark=None)
    assert other.of(7) == (both.of(7)[0], "retours@b.example")


@pytest.mark.parametrize(
    ("mark", "written"), [("+", "vie+{}@a.example"), ("-", "vie-{}@a.example"), ("", "{}@a.example")]
)
def test_a_token_is_found_however_it_rides_on_its_address(mark: str, written: str) -> None:
    one = ReturnAddresses("vie@a.example", "vie@a.example", SECRET, reply_mark=mark, bounce_mark=mark).of(7)
    assert one == (written.format(address_token(7, SECRET)),) * 2
    assert find_address_token(one[0].upper(), SECRET) == 7


@given(st.sampled_from(LinkPurpose), row_numbers, st.integers(0, 10_000), secrets)
def test_a_link_token_is_what_the_library_that_reads_it_would_have_made(
    purpose: LinkPurpose, number: int, version: int, secret: bytes
) -> None:
    theirs = URLSafeSerializer(
        secret, salt=f"pli link {purpose}", signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    )
    token = link_token(Link(purpose, number, version), secret)
    assert token == theirs.dumps([number, version])
    assert read_link_token(token, purpose, secret) == Link(purpose, number, version)


def test_a_link_token_opens_nothing_under_another_secret_or_purpose() -> None:
    one, other = list(LinkPurpose)[:2]
    token = link_token(Link(one, 7, 1), SECRET)
    for purpose, secret in ((one, b"another secret"), (other, SECRET)):
        with pytest.raises(NotFound):
            read_link_token(token, purpose, secret)
