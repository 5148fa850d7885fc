"""How does a secret lie in the database so that a copy of the database alone opens nothing?"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals under a key drawn from SECRET_KEY for this one purpose (RFC 5869)."""

    _fernet: Fernet = field(repr=False)

    @classmethod
    def of(cls, secret: bytes, purpose: str) -> Vault:
        """Gives the vault of a purpose."""
        key = HKDF(SHA256(), 32, salt=None, info=f"pli/{purpose}".encode()).derive(secret)
        return cls(Fernet(base64.urlsafe_b64encode(key)))

    def seal(self, words: str) -> bytes:
        """Seals words, each time in another way."""
        return self._fernet.encrypt(words.encode())

    def open(self, sealed: bytes) -> str:
        """Opens what `seal` sealed. Refuses (ValueError) what another SECRET_KEY sealed, or what was changed."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise ValueError("sealed under another SECRET_KEY") from None
