"""Where does one SMTP reply end and the next begin? (RFC 5321 section 4.2)"""

from __future__ import annotations

import re
from collections.abc import Iterator

# The RFC allows 512 octets a line; more than this, over all lines, is no reply.
LONGEST = 8192
_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?")
# To a dot, MAIL, RCPT and DATA.
_ALL_YES = re.compile(rb"250 (.*)\r\n250 .*\r\n25\d .*\r\n354 .*\r\n")


class Malformed(Exception):
    """What came is no SMTP reply."""


class ReplyReader:
    """Gathers bytes, and gives each reply whole: its code, and the text of all its lines."""

    def __init__(self) -> None:
        self._buffer = b""
        self._begun = self._code = 0
        self._texts: list[bytes] = []
        self._octets = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Give the replies that are complete. Refuses (Malformed) what is none, or is longer than 8 KB."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._gather(line.rstrip(b"\r"))
            if self._code:
                whole = self._texts[0] if len(self._texts) == 1 else b"\n".join(self._texts)
                code, self._begun, self._code, self._texts, self._octets = self._code, 0, 0, [], 0
                yield code, whole
        if len(self._buffer) > LONGEST:
            raise Malformed(f"a line of more than {LONGEST} octets")

    def all_yes(self, data: bytes) -> bytes | None:
        """Read four replies of one line each that say yes to a dot and to the next envelope; give the text of the first.

        Anything else is None, and nothing of it is read: `feed` it.
        """
        if self._buffer or self._begun or len(data) > LONGEST:
            return None
        found = _ALL_YES.fullmatch(data)
        return _kept(found[1].rstrip(b"\r")) if found else None

    def _gather(self, line: bytes) -> None:
        found = _LINE.fullmatch(line)
        if found is None:
            raise Malformed(f"not an SMTP reply: {line[:80]!r}")
        code = int(found[1])
        if self._begun not in (0, code):
            raise Malformed(f"a reply that begins with {self._begun} and goes on with {code}")
        self._begun = code
        self._texts.append(_kept(found[3] or b""))
        self._octets += len(line)
        if self._octets > LONGEST:
            raise Malformed(f"a reply of more than {LONGEST} octets")
        if found[2] != b"-":
            self._code = code


def _kept(text: bytes) -> bytes:
    # No database of ours keeps a NUL, and no person reads one.
    return text.replace(b"\0", b"")
