"""Are tokens what their readers expect, although they are made without their libraries' own way?"""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from service.core.refusals import NotFound
from service.core.tokens import Link, address_token, link_token, read_address_token, read_link_token
from service.core.vocabulary import LinkPurpose

SECRET = b"a secret that is only for the tests, 32 and more"
numbers = st.integers(0, 2**48 - 1)
# The library compresses what grows shorter by it: lists of longer numbers than any row will have.
row_numbers = st.integers(0, 2**31 - 1)


@given(numbers)
def test_an_address_token_is_base32_and_names_its_row(number: int) -> None:
    token = address_token(number, SECRET)
    assert int.from_bytes(base64.b32decode(token.upper() + "=" * 6)[:6], "big") == number
    assert read_address_token(token, SECRET) == number
    assert read_address_token(token, b"another secret") is None


@given(st.sampled_from(LinkPurpose), row_numbers, st.integers(0, 10_000))
def test_a_link_token_is_what_the_library_that_reads_it_would_have_made(
    purpose: LinkPurpose, number: int, version: int
) -> None:
    theirs = URLSafeSerializer(
        SECRET, salt=f"pli link {purpose}", signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    )
    token = link_token(Link(purpose, number, version), SECRET)
    assert token == theirs.dumps([number, version])
    assert read_link_token(token, purpose, SECRET) == Link(purpose, number, version)


def test_a_link_token_opens_nothing_under_another_secret_or_purpose() -> None:
    one, other = list(LinkPurpose)[:2]
    token = link_token(Link(one, 7, 1), SECRET)
    for purpose, secret in ((one, b"another secret"), (other, SECRET)):
        with pytest.raises(NotFound):
            read_link_token(token, purpose, secret)
