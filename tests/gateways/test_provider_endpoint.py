"""What do we ask of a provider on the wire, and how patiently (RFC 6749, RFC 8628)?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from service.core.oauth import REDIRECT, DeviceCode, OAuthRefused
from service.gateways.oauth import ProviderEndpoint
from tests.parts.token_endpoint import Provider, provider

PENDING = (400, {"error": "authorization_pending"})
SLOWER = (400, {"error": "slow_down"})
GRANTED = (200, {"access_token": "first", "refresh_token": "long-1", "expires_in": 3599})
DEVICE = DeviceCode("https://provider.example/device", "ABCD-EFGH", "device-1", interval=5.0, lifetime=900.0)


@pytest.fixture
def granting() -> Iterator[Provider]:
    with provider() as made:
        yield made


def test_a_device_code_is_asked_for_and_read(granting: Provider) -> None:
    granting.answers[:] = [
        (
            200,
            {
                "device_code": "device-1",
                "user_code": "ABCD-EFGH",
                "verification_uri": "https://provider.example/device",
                "expires_in": 900,
                "interval": 5,
            },
        )
    ]
    assert ProviderEndpoint(granting.client()).ask_device_code() == DEVICE
    assert granting.asked == [{"client_id": "id-1", "scope": "mail", "": "/devicecode"}]


def test_an_agreement_is_awaited_as_slowly_as_the_provider_asks(granting: Provider) -> None:
    granting.answers[:] = [PENDING, SLOWER, PENDING, GRANTED]
    waits: list[float] = []
    tokens = ProviderEndpoint(granting.client(), wait=waits.append).await_device(DEVICE)
    assert (tokens.access, tokens.refresh, tokens.lifetime) == ("first", "long-1", timedelta(seconds=3599))
    assert waits == [5.0, 5.0, 10.0, 10.0]
    assert granting.asked[-1] == {
        "client_id": "id-1",
        "client_secret": "shh",
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": "device-1",
        "": "/token",
    }


def test_an_agreement_that_nobody_gives_is_awaited_as_long_as_its_code_lives(granting: Provider) -> None:
    granting.answers[:] = [PENDING]
    waits: list[float] = []
    with pytest.raises(OAuthRefused, match="expired_token"):
        ProviderEndpoint(granting.client(), wait=waits.append).await_device(DEVICE)
    assert sum(waits) == 900.0


def test_an_agreement_that_is_declined_ends_the_wait(granting: Provider) -> None:
    granting.answers[:] = [(400, {"error": "authorization_declined"})]
    with pytest.raises(OAuthRefused, match="authorization_declined"):
        ProviderEndpoint(granting.client(), wait=lambda _: None).await_device(DEVICE)
    assert len(granting.asked) == 1


def test_a_code_of_the_browser_is_redeemed_with_its_verifier(granting: Provider) -> None:
    granting.answers[:] = [GRANTED]
    assert ProviderEndpoint(granting.client()).redeem("4/abc", verifier="v-1").refresh == "long-1"
    (form,) = granting.asked
    assert (form["code"], form["code_verifier"], form["redirect_uri"]) == ("4/abc", "v-1", REDIRECT)


def test_what_is_secret_follows_no_redirection(granting: Provider) -> None:
    granting.answers[:] = [(302, {})]
    with pytest.raises(ConnectionError):
        ProviderEndpoint(granting.client()).renew("long-1")
    assert [form[""] for form in granting.asked] == ["/token"]
