"""How is a provider asked for tokens? Forms over HTTPS (RFC 6749, RFC 8628)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from service.core import oauth
from service.core.oauth import Client, DeviceCode, OAuthRefused, Tokens

_PATIENCE = 20.0  # seconds
_LARGEST = 100_000  # octets of an answer


class _NoRedirect(HTTPRedirectHandler):
    """What is asked here holds secrets: it goes where it was meant to go or nowhere."""

    def redirect_request(self, *_: object) -> None:
        """Follow nothing."""


class ProviderEndpoint:
    """The token endpoint of a provider, as the `TokenEndpoint` of the ports, and the ways to a first grant."""

    def __init__(self, client: Client, *, wait: Callable[[float], None] = time.sleep) -> None:
        self.client = client
        self._wait = wait
        self._opener = build_opener(_NoRedirect)

    def renew(self, refresh: str) -> Tokens:
        """Draw a new access token. Refuses (OAuthRefused) what the provider refuses; OSError when it cannot be reached."""
        return self._tokens({"grant_type": "refresh_token", "refresh_token": refresh, "scope": self.client.scope})

    def ask_device_code(self) -> DeviceCode:
        """Ask for the code that a person types at the provider's page."""
        form = {"client_id": self.client.client_id, "scope": self.client.scope}
        return oauth.device_code(self._post(self.client.device_url, form))

    def await_device(self, device: DeviceCode) -> Tokens:
        """Wait until the person has agreed, as slowly as the provider asks (RFC 8628 section 3.5)."""
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": device.device_code}
        interval, left = device.interval, device.lifetime
        while left > 0:
            self._wait(interval)
            left -= max(interval, 1.0)
            try:
                return self._tokens(form)
            except OAuthRefused as error:
                if error.code not in ("authorization_pending", "slow_down"):
                    raise
                interval += 5.0 if error.code == "slow_down" else 0.0
        raise OAuthRefused("expired_token")

    def redeem(self, code: str, *, verifier: str) -> Tokens:
        """Change the code of an agreement for tokens (RFC 6749 section 4.1.3, RFC 7636)."""
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        return self._tokens({**form, "redirect_uri": oauth.REDIRECT})

    def _tokens(self, form: dict[str, str]) -> Tokens:
        who = {"client_id": self.client.client_id}
        if self.client.client_secret:
            who["client_secret"] = self.client.client_secret
        return oauth.tokens(self._post(self.client.token_url, {**who, **form}))

    def _post(self, url: str, form: dict[str, str]) -> dict[str, object]:
        request = Request(url, urlencode(form).encode("ascii"), {"Accept": "application/json"})  # noqa: S310 (core.oauth's)
        try:
            with self._opener.open(request, timeout=_PATIENCE) as answer:
                said = answer.read(_LARGEST)
        except HTTPError as error:
            with error:
                if error.code not in range(400, 500):
                    raise ConnectionError(f"the provider answered {error.code}") from None
                said = error.read(_LARGEST)
        try:
            found = json.loads(said)
        except ValueError:
            raise ConnectionError("the provider answered no JSON") from None
        return found if isinstance(found, dict) else {}
