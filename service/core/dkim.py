"""How is a message signed, so that who receives it knows whose it is and that nothing was changed? (RFC 6376, RFC 8463)

Headers are signed relaxed and the body as it stands: ours is printable lines that no relay has a reason to fold again,
so nothing of it is rewritten before it is hashed (docs/decisions/0013-our-own-dkim-signer.md).
"""

from __future__ import annotations

import hashlib
import re
from binascii import b2a_base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from nacl.bindings import crypto_sign, crypto_sign_BYTES, crypto_sign_seed_keypair

from service.core.smtp_text import Message, WireReady

# Signed once more than they occur: one that is added on the way breaks the signature (RFC 6376 sections 5.4.2, 8.15).
_SEALED = (b"from", b"reply-to", b"to", b"cc", b"subject", b"date", b"message-id", b"mime-version", b"content-type")
# The same where the mail has them; a relay may give them to a mail that has none (RFC 8058 section 4).
_SEALED_IF_GIVEN = (b"list-unsubscribe", b"list-unsubscribe-post")
# Signed where the mail has them; a relay may add its own beside them.
_SIGNED_IF_GIVEN = (b"in-reply-to", b"references", b"list-id", b"feedback-id", b"auto-submitted")

# What verifiers must be able to check (RFC 8301 section 3.2).
_RSA_BITS = range(1024, 4097)

_BLANK_LINE = b"\r\n\r\n"

Key = RSAPrivateKey | Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Signer:
    """A key, and the name under which the DNS publishes its other half: `selector._domainkey.domain`."""

    domain: str
    selector: str
    key: Key = field(repr=False)
    # libsodium signs in two thirds of the time that OpenSSL takes, the same bytes (RFC 8032 leaves no choice).
    _ed25519: bytes = field(init=False, repr=False, compare=False)
    # The plan of the last mail: in a campaign, the headers of the next one stand alike.
    _last: list[_Plan] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        seed = self.key.private_bytes_raw() if isinstance(self.key, Ed25519PrivateKey) else None
        object.__setattr__(self, "_ed25519", crypto_sign_seed_keypair(seed)[1] if seed else b"")
        object.__setattr__(self, "_last", [_NONE_YET])

    @property
    def algorithm(self) -> str:
        """The name of the algorithm in a=."""
        return "ed25519-sha256" if self._ed25519 else "rsa-sha256"

    def sign(self, message: Message, *, at: int) -> Message:
        """Gives the message with its DKIM-Signature in front; the same message and second give the same bytes (D8).

        `message` has CRLF line ends; `at` is t=, in seconds since 1970. Refuses (ValueError) one whose headers do not end.
        """
        whole = bytes(message)
        end = whole.find(_BLANK_LINE)
        if end < 0:
            raise ValueError("no blank line ends the headers: sign the message as Mould.fill gives it")
        plan, values = self._read(_unfolded(whole[:end]))
        varying = (at, b2a_base64(_hashed(whole, end + len(_BLANK_LINE)), newline=False))
        signed = plan.canonical % (*[values[place] for place in plan.order], *varying)
        value = b2a_base64(self._signature(signed), newline=False)
        folded = b"\r\n ".join([value[start : start + 72] for start in range(0, len(value), 72)])
        header = plan.header % (*varying, folded)
        # Lines of our own that begin with a letter or a blank: in front of what is fit for the wire they keep it fit.
        return header + message if isinstance(message, bytes) else WireReady([header, *message.pieces])

    def _read(self, block: bytes) -> tuple[_Plan, Sequence[bytes]]:
        """How a mail with these unfolded headers is signed, and their values in the order in which they stand."""
        plan = self._last[0]
        alike = plan.shape.fullmatch(block)
        if alike:
            return plan, alike.groups()
        headers = _headers(block)
        plan = _plan(self.algorithm, self.domain, self.selector, tuple([name for name, _ in headers]))
        self._last[0] = plan
        return plan, [value for _, value in headers]

    def _signature(self, signed: bytes) -> bytes:
        if self._ed25519:
            # RFC 8463 section 3: what Ed25519 signs is the hash. The signature stands in front of it.
            return crypto_sign(hashlib.sha256(signed).digest(), self._ed25519)[:crypto_sign_BYTES]
        return cast("RSAPrivateKey", self.key).sign(signed, PKCS1v15(), hashes.SHA256())


def signer(pem: bytes, *, selector: str, domain: str) -> Signer:
    """Reads a private key in PEM; the names are as the DNS has them.

    Refuses (ValueError) a key that nobody could verify, in words that print nothing of it.
    """
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise ValueError("the key is locked by a passphrase, which nobody is there to type") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("the file holds no private key in PEM") from None
    if not isinstance(key, Key):
        raise ValueError("the key is neither RSA nor Ed25519")
    if isinstance(key, RSAPrivateKey) and key.key_size not in _RSA_BITS:
        raise ValueError(f"an RSA key of {key.key_size} bits is not one that every verifier reads: make one of 2048")
    return Signer(domain, selector, key)


def is_aligned(domain: str, sender_domain: str) -> bool:
    """Whether the domain of a signature speaks for From (RFC 7489 section 3.1.1, relaxed; D3).

    Without a list of public suffixes only the same domain, one above and one below are known to be of one house.
    """
    one, other = domain.lower(), sender_domain.lower()
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _unfolded(block: bytes) -> bytes:
    """Put each header on one line, without a tab or two blanks in a row (RFC 6376 section 3.4.2)."""
    block = block.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").replace(b"\t", b" ")
    while b"  " in block:
        block = block.replace(b"  ", b" ")
    return block


def _headers(block: bytes) -> list[tuple[bytes, bytes]]:
    """The name of each unfolded header as it is typed, and its value without a blank around it."""
    parts = [line.partition(b":") for line in block.split(b"\r\n")]
    return [(name, value.strip(b" ")) for name, _, value in parts]


def _shape(typed: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """What matches unfolded headers of these names and cuts them as `_headers` does; a blank at an end it leaves to it.

    Nothing is given back once it is taken (`?+`, `*+`): what does not match is known in one reading.
    """
    return re.compile(b"\r\n".join([re.escape(name) + rb": ?+([^\r]*+)(?<! )" for name in typed]))


def _hashed(whole: bytes, start: int) -> bytes:
    """Hash a body as c=simple has it: empty lines at its end are not counted, and it ends its last line (section 3.4.3)."""
    if whole.endswith(b"\r\n") and not whole.endswith(_BLANK_LINE):
        return hashlib.sha256(memoryview(whole)[start:]).digest()
    return hashlib.sha256(whole[start:].rstrip(b"\r\n") + b"\r\n").digest()


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the signatures of a campaign have in common, with places for what each has of its own."""

    # What the headers match, with a group for each value.
    shape: re.Pattern[bytes]
    # Which headers are signed, in this order.
    order: tuple[int, ...]
    # The header to be filled with t=, bh= and b=; and what is signed, with the values of those headers, t= and bh=.
    header: bytes
    canonical: bytes


# Nothing matches it.
_NONE_YET = _Plan(re.compile(b"(?!)"), (), b"", b"")


@lru_cache(maxsize=64)
def _plan(algorithm: str, domain: str, selector: str, typed: tuple[bytes, ...]) -> _Plan:
    given = tuple([name.rstrip(b" ").lower() for name in typed])
    names = list(_signed_names(given))
    lines = [
        f"DKIM-Signature: v=1; a={algorithm}; c=relaxed/simple;",
        f" d={domain};",
        f" s={selector}; t=%d;",
        f" h={_folded([name.decode('ascii') for name in names])};",
        " bh=%b;",
        " b=",
    ]
    header = "\r\n".join(lines).encode("ascii")
    # Each name stands for its last header that is not taken yet; one that is not there counts as nothing (5.4.2).
    places = {name: [place for place, one in enumerate(given) if one == name] for name in names}
    order = tuple([places[name].pop() for name in names if places[name]])
    # The header that is being signed counts without its value of b= and its line end (section 3.7).
    [(_, value)] = _headers(_unfolded(header))
    canonical = b"".join([b"%b:%%b\r\n" % given[place] for place in order]) + b"dkim-signature:" + value
    return _Plan(_shape(typed), order, header + b"%b\r\n", canonical)


def _signed_names(given: tuple[bytes, ...]) -> Iterator[bytes]:
    for name in _SEALED:
        yield from [name] * (given.count(name) + 1)
    for name in _SEALED_IF_GIVEN:
        if name in given:
            yield from [name] * (given.count(name) + 1)
    for name in _SIGNED_IF_GIVEN:
        yield from [name] * given.count(name)


def _folded(names: list[str]) -> str:
    lines, line = [], ""
    for name in names[:-1]:
        if len(line) + len(name) > 70:
            lines.append(line)
            line = ""
        line += f"{name}:"
    return "\r\n  ".join([*lines, line + names[-1]])
