"""By what are two copies of one message known, whatever the servers on their ways wrote above them? (R8)"""

from __future__ import annotations

import hashlib

from service.core.reading import headers
from service.core.reading.headers import Headers
from service.core.reading.parsing import Message

_HEADER_BYTES = 64 * 1024
_WRITTEN = ("from", "date", "subject")


def key(message: Message) -> str:
    """Gives the fingerprint of what its sender wrote: Message-ID, From, Date, Subject and body; no line of a way (Received…).

    Message-ID alone would let anybody have a question vanish, under the same one. Empty where neither Message-ID nor Date
    tells a message from the next: then only the very same bytes are a copy. Line ends, and empty lines at the end, are
    those of who carries the message.
    """
    block = headers.split(message.raw, 0, len(message.raw), _HEADER_BYTES)
    return _key(message.message_id, message.headers, message.raw, block.body_at)


def key_of_bytes(raw: bytes, *, by_id_alone: bool = False) -> str:
    """Gives the same for a message that nobody could read: its header fields are looked at, its body is not taken apart.

    Empty without Message-ID where `by_id_alone`.
    """
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    block = headers.split(raw, 0, len(raw), _HEADER_BYTES)
    said = block.decoded()
    message_id = next(iter(headers.message_ids(said.header("message-id"))), "")
    return "" if by_id_alone and not message_id else _key(message_id, said, raw, block.body_at)


def key_when_set_aside(key: str) -> str:
    """Gives what the copies of a message that nobody could read are known by among themselves.

    It is not `key`: a copy that is read after all shows its words, and must not vanish behind one that shows none.
    """
    return hashlib.sha256(f"set aside\0{key}".encode()).hexdigest()


def _key(message_id: str, said: Headers, raw: bytes, body_at: int) -> str:
    if not message_id and not said.header("date"):
        return ""
    written = [message_id, *("\n".join(said.all(name)) for name in _WRITTEN)]
    digest = hashlib.sha256("\0".join(written).encode("utf-8", "surrogatepass"))
    digest.update(b"\0" + raw[body_at:].replace(b"\r\n", b"\n").rstrip(b"\n"))
    return digest.hexdigest()
