"""What does a mailbox provider want to hear and say when it takes tokens and no passwords? (RFC 6749, 8628, 7636; XOAUTH2)"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qs, quote, urlencode, urlsplit

# An access token is renewed so long before its end.
RENEW_BEFORE = timedelta(minutes=5)
# How the words of a sending begin that waits for `pli mail connect`.
NO_ACCESS = "No access to the mailbox"
# Google gives no access to mail by device code; the browser's address after the agreement is pasted instead.
REDIRECT = "http://127.0.0.1:8765/"


@dataclass(frozen=True, slots=True)
class Client:
    """Who we are to a provider, and where it listens; without `device_url` the agreement is given in a browser."""

    provider: str
    client_id: str
    client_secret: str = field(repr=False)
    token_url: str
    scope: str
    device_url: str = ""
    agreement_url: str = ""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a provider grants; `refresh` is empty when the one before stays good."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    lifetime: timedelta


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """What a person types at the provider's page, and how we ask whether it was done."""

    url: str
    user_code: str
    device_code: str = field(repr=False)
    interval: float
    lifetime: float


class OAuthRefused(Exception):
    """The provider said no; `code` is its word of RFC 6749 section 5.2, `invalid_grant` being final."""

    def __init__(self, code: str) -> None:
        super().__init__(f"The provider refused ({code}).")
        self.code = code


def client(provider: str, *, tenant: str, client_id: str, client_secret: str) -> Client:
    """Gives what we are to Microsoft or Google. Refuses (ValueError) another provider."""
    if provider == "microsoft":
        base = f"https://login.microsoftonline.com/{quote(tenant or 'organizations', safe='')}/oauth2/v2.0"
        mail = "https://outlook.office.com/"
        scope = f"offline_access {mail}SMTP.Send {mail}IMAP.AccessAsUser.All"
        return Client(provider, client_id, client_secret, f"{base}/token", scope, device_url=f"{base}/devicecode")
    if provider == "google":
        scope, agreement = "https://mail.google.com/", "https://accounts.google.com/o/oauth2/v2/auth"
        token_url = "https://oauth2.googleapis.com/token"  # noqa: S105 (an address)
        return Client(provider, client_id, client_secret, token_url, scope, agreement_url=agreement)
    raise ValueError(f"{provider} is neither microsoft nor google")


def xoauth2(user: str, access: str) -> str:
    """Writes the initial response of SASL XOAUTH2."""
    return base64.b64encode(f"user={user}\x01auth=Bearer {access}\x01\x01".encode()).decode("ascii")


def agreement_address(who: Client, *, state: str, verifier: str) -> str:
    """Gives the page on which the mailbox's owner agrees (RFC 6749 section 4.1, with RFC 7636)."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode("ascii").rstrip("=")
    query = {
        "client_id": who.client_id,
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": who.scope,
        "access_type": "offline",
        "prompt": "consent",
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{who.agreement_url}?{urlencode(query)}"


def agreement_code(address: str, *, state: str) -> str:
    """Reads the code out of the address that the browser was sent to. Refuses (ValueError) one that is not the answer to ours."""
    given = parse_qs(urlsplit(address.strip()).query)
    if given.get("state") != [state] or len(given.get("code", ())) != 1:
        raise ValueError("the address is not the answer to this agreement")
    return given["code"][0]


def tokens(said: Mapping[str, object]) -> Tokens:
    """Reads the answer of a token endpoint. Refuses (OAuthRefused) one without a token."""
    access, refresh, lifetime = said.get("access_token"), said.get("refresh_token", ""), said.get("expires_in", 3600)
    if not isinstance(access, str) or not access or not isinstance(refresh, str):
        raise OAuthRefused(_word(said))
    seconds = int(lifetime) if isinstance(lifetime, int | str) and str(lifetime).isdigit() else 3600
    return Tokens(access, refresh, timedelta(seconds=seconds))


def device_code(said: Mapping[str, object]) -> DeviceCode:
    """Reads the answer of a device endpoint (RFC 8628 section 3.2). Refuses (OAuthRefused) one without a code."""
    url = said.get("verification_uri") or said.get("verification_url")
    if not url or not said.get("device_code") or not said.get("user_code"):
        raise OAuthRefused(_word(said))
    interval, lifetime = said.get("interval", 5), said.get("expires_in", 900)
    return DeviceCode(
        str(url), str(said["user_code"]), str(said["device_code"]), float(str(interval)), float(str(lifetime))
    )


def _word(said: Mapping[str, object]) -> str:
    """The provider's word for its refusal; anything else might hold what is secret."""
    word = said.get("error")
    return word if isinstance(word, str) and word.replace("_", "").isalnum() and len(word) < 60 else "no token"
