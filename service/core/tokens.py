"""The two kinds of token: address tokens match a reply to a mail, link tokens open one page for one purpose."""

from __future__ import annotations

import base64
import hashlib
import hmac
from binascii import b2a_base64
from dataclasses import dataclass
from functools import lru_cache

from itsdangerous import BadSignature, URLSafeSerializer

from service.core.refusals import NotFound
from service.core.vocabulary import LinkPurpose

_MAC_BYTES = 10  # 80 bits (contract, "Address tokens"): the token matches, it never authorises
_ID_BYTES = 6  # 2.8e14 mails
ADDRESS_TOKEN_LENGTH = 26
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648 section 6
_URL_SAFE = bytes.maketrans(b"+/", b"-_")  # RFC 4648 section 5
_PAIRS = tuple(one + other for one in _LETTERS for other in _LETTERS)


@dataclass(frozen=True, slots=True)
class Link:
    """What a personal link says: its purpose, the row it is for and the version that a revocation raises."""

    purpose: LinkPurpose
    id: int
    version: int


# The same mail asks for it twice, a line after the other.
@lru_cache(maxsize=4)
def address_token(delivery_id: int, secret: bytes) -> str:
    """Make the token that rides in Reply-To and the envelope sender: 26 characters of lower-case base32."""
    body = delivery_id.to_bytes(_ID_BYTES, "big")
    # 128 bits, and two of nothing: 13 pairs of letters. The standard library's takes five times as long.
    bits = int.from_bytes(body + _mac(body, secret), "big") << 2
    return "".join([_PAIRS[bits >> place & 1023] for place in range(120, -1, -10)])


def read_address_token(token: str, secret: bytes) -> int | None:
    """Return the delivery id of a genuine token, else None; letter case does not count (relays change it)."""
    if len(token) != ADDRESS_TOKEN_LENGTH:
        return None
    try:
        raw = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
    except ValueError:
        return None
    body, mac = raw[:_ID_BYTES], raw[_ID_BYTES:]
    return int.from_bytes(body, "big") if hmac.compare_digest(mac, _mac(body, secret)) else None


def find_address_token(address: str, secret: bytes) -> int | None:
    """Return the delivery id that an address carries as `local+TOKEN@…`, `local-TOKEN@…` or `TOKEN@…`, else None."""
    local = address.partition("@")[0]
    for separator in ("+", "-", "="):
        local = local.rpartition(separator)[2]
    return read_address_token(local, secret)


def with_token(address: str, token: str) -> str:
    """Put a token into an address: `vie@x` becomes `vie+TOKEN@x` (RFC 5233)."""
    local, _, domain = address.rpartition("@")
    return f"{local}+{token}@{domain}"


@dataclass(frozen=True, slots=True)
class ReturnAddresses:
    """Where answers and errors come back to, and how a mail's token rides there (settings ADDRESSING and ENVELOPE)."""

    reply_to: str
    bounce: str
    secret: bytes
    token_in_reply_to: bool = True
    token_in_bounce: bool = True

    def reply_to_for(self, delivery_id: int) -> str:
        """Give the Reply-To of one mail."""
        return (
            with_token(self.reply_to, address_token(delivery_id, self.secret))
            if self.token_in_reply_to
            else self.reply_to
        )

    def envelope_sender_for(self, delivery_id: int) -> str:
        """Give the envelope sender of one mail (VERP, D16)."""
        return with_token(self.bounce, address_token(delivery_id, self.secret)) if self.token_in_bounce else self.bounce


def link_token(link: Link, secret: bytes) -> str:
    """Make the token of a personal link; the salt binds it to its purpose (S4).

    These are the very bytes of `URLSafeSerializer.dumps`, which derives its key anew each time and tries to compress.
    """
    said = _base64(b"[%d,%d]" % (link.id, link.version))
    mac = hmac.digest(_link_key(link.purpose, secret), said, hashlib.sha256)
    return (said + b"." + _base64(mac)).decode("ascii")


def read_link_token(token: str, purpose: LinkPurpose, secret: bytes) -> Link:
    """Return what a genuine token of this purpose says. Refuses any other, without saying why."""
    try:
        number, version = _serializer(purpose, secret).loads(token)
    except (BadSignature, ValueError, TypeError) as error:
        raise NotFound(
            "Ce lien n’est pas complet ou n’existe plus. Ouvrez-le depuis le message reçu, ou répondez à ce message."
        ) from error
    return Link(purpose, number, version)


def _base64(octets: bytes) -> bytes:
    return b2a_base64(octets, newline=False).translate(_URL_SAFE).rstrip(b"=")


def _mac(body: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, b"pli address token" + body, hashlib.sha256)[:_MAC_BYTES]


@lru_cache(maxsize=16)
def _link_key(purpose: LinkPurpose, secret: bytes) -> bytes:
    return _serializer(purpose, secret).make_signer().derive_key()


def _serializer(purpose: LinkPurpose, secret: bytes) -> URLSafeSerializer:
    return URLSafeSerializer(
        secret, salt=f"pli link {purpose}", signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    )
