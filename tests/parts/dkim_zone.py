"""Keys of invented domains, the DNS that publishes them, and dkimpy, which knows nothing of our signer."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from functools import cache

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from service.core.dkim import Key, Signer, signer

ALGORITHMS = ("ed25519-sha256", "rsa-sha256")


def pem(algorithm: str, number: int = 0) -> bytes:
    """One of our private keys as its file holds it, the same for a whole run."""
    return _pem(algorithm, number)


@cache
def _pem(algorithm: str, number: int) -> bytes:
    made: Key = Ed25519PrivateKey.generate() if algorithm == "ed25519-sha256" else generate_private_key(65537, 2048)
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def signer_of(algorithm: str, number: int = 0) -> Signer:
    """The signer of « Les Passerelles »; another number is another key under the same name."""
    return signer(pem(algorithm, number), selector="pli2026", domain="passerelles.example")


@dataclass
class Zone:
    """The TXT records that a verifier finds."""

    records: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, *signers: Signer) -> Zone:
        return cls({f"{one.selector}._domainkey.{one.domain}.": _record(one.key) for one in signers})

    def verifies(self, message: bytes) -> bool:
        return bool(dkim.verify(message, dnsfunc=self._txt))

    def _txt(self, name: bytes, timeout: int = 5) -> bytes | None:
        return self.records.get(name.decode("ascii"))


def tags(message: bytes) -> dict[str, str]:
    """The tags of the signature in front of a message, without the folds."""
    header = re.sub(r"\r\n[ \t]+", " ", message.decode("ascii")).partition("\r\n")[0]
    name, _, value = header.partition(":")
    assert name == "DKIM-Signature"
    pairs = (tag.partition("=") for tag in value.split(";"))
    return {tag.strip(): "".join(said.split()) for tag, _, said in pairs}


def _record(key: Key) -> bytes:
    public = key.public_key()
    if isinstance(key, Ed25519PrivateKey):
        raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return b"v=DKIM1; k=ed25519; p=" + base64.b64encode(raw)
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
