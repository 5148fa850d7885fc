"""Do we say and read what the standards and the providers' manuals show?"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from service.core import oauth
from service.core.oauth import OAuthRefused
from service.core.sealing import Vault


def test_xoauth2_is_written_as_the_manual_of_its_maker_shows() -> None:
    said = oauth.xoauth2("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg")
    assert said == (
        "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ=="
    )


def test_an_agreement_is_asked_for_with_the_challenge_of_rfc_7636() -> None:
    who = oauth.client("google", tenant="", client_id="id-1", client_secret="shh")
    asked = oauth.agreement_address(who, state="s-1", verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    query = {name: value for name, (value,) in parse_qs(urlsplit(asked).query).items()}
    assert asked.startswith("https://accounts.google.com/")
    assert query["code_challenge"] == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert (query["state"], query["redirect_uri"], query["access_type"]) == ("s-1", oauth.REDIRECT, "offline")
    assert "shh" not in asked


def test_only_the_answer_to_our_own_agreement_is_taken() -> None:
    assert oauth.agreement_code(" http://127.0.0.1:8765/?state=s-1&code=4%2Fabc\n", state="s-1") == "4/abc"
    for wrong in ("http://127.0.0.1:8765/?state=s-2&code=x", "http://127.0.0.1:8765/?state=s-1&error=no", "x", ""):
        with pytest.raises(ValueError, match="not the answer"):
            oauth.agreement_code(wrong, state="s-1")


def test_an_organisation_is_asked_for_by_its_name_and_no_other_address() -> None:
    who = oauth.client("microsoft", tenant="a/b?c", client_id="id-1", client_secret="")
    assert who.token_url == "https://login.microsoftonline.com/a%2Fb%3Fc/oauth2/v2.0/token"
    assert "/organizations/" in oauth.client("microsoft", tenant="", client_id="id-1", client_secret="").device_url
    with pytest.raises(ValueError, match="neither"):
        oauth.client("yahoo", tenant="", client_id="", client_secret="")


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"error": "invalid_grant", "error_description": "vie@passerelles.example"}, "invalid_grant"),
        ({"error": "vie@passerelles.example"}, "no token"),
        ({"error": ["invalid_grant"]}, "no token"),
        ({"access_token": ""}, "no token"),
        ({"access_token": 7}, "no token"),
        ({}, "no token"),
    ],
)
def test_an_answer_without_a_token_is_a_refusal_that_repeats_nothing_personal(
    said: dict[str, object], word: str
) -> None:
    for read in (oauth.tokens, oauth.device_code):
        with pytest.raises(OAuthRefused) as refused:
            read(said)
        assert refused.value.code == word


@pytest.mark.parametrize(("lifetime", "seconds"), [(1200, 1200), ("1200", 1200), ("soon", 3600), (None, 3600)])
def test_a_token_lives_as_long_as_is_said_or_an_hour(lifetime: object, seconds: int) -> None:
    assert oauth.tokens({"access_token": "a", "expires_in": lifetime}).lifetime == timedelta(seconds=seconds)


def test_no_token_is_printed() -> None:
    granted = oauth.tokens({"access_token": "hunter2", "refresh_token": "hunter3"})
    assert "hunter" not in repr(granted)


def test_what_is_sealed_opens_with_the_same_secret_and_purpose_only() -> None:
    vault = Vault.of(b"x" * 32, "oauth")
    sealed = vault.seal("hunter2")
    assert b"hunter2" not in sealed
    assert vault.seal("hunter2") != sealed
    assert Vault.of(b"x" * 32, "oauth").open(sealed) == "hunter2"
    changed = sealed[:-9] + bytes([sealed[-9] ^ 1]) + sealed[-8:]
    for other, what in (
        (Vault.of(b"y" * 32, "oauth"), sealed),
        (Vault.of(b"x" * 32, "else"), sealed),
        (vault, changed),
    ):
        with pytest.raises(ValueError, match="another SECRET_KEY"):
            other.open(what)
