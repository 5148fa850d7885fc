"""By what are two copies of one message known, whatever the servers on their ways wrote above them? (R8)"""

from __future__ import annotations

import hashlib

from service.core.reading import headers
from service.core.reading.parsing import Message

_HEADER_BYTES = 64 * 1024
_WRITTEN = ("from", "date", "subject")


def key(message: Message) -> str:
    """Gives the fingerprint of what its sender wrote: Message-ID, From, Date, Subject and body; no line of a way (Received…).

    Message-ID alone would let anybody have a question vanish, under the same one. Empty where neither Message-ID nor Date
    tells a message from the next: then only the very same bytes are a copy. Line ends, and empty lines at the end, are
    those of who carries the message.
    """
    if not message.message_id and not message.headers.header("date"):
        return ""
    block = headers.split(message.raw, 0, len(message.raw), _HEADER_BYTES)
    said = [message.message_id, *("\n".join(message.headers.all(name)) for name in _WRITTEN)]
    digest = hashlib.sha256("\0".join(said).encode("utf-8", "surrogatepass"))
    digest.update(b"\0" + message.raw[block.body_at :].replace(b"\r\n", b"\n").rstrip(b"\n"))
    return digest.hexdigest()
