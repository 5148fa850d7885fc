"""Which octets may stand behind DATA as they are? (RFC 5321 sections 2.3.8 and 4.5.2)

A mail of a campaign differs from the next in a few hundred octets: what they share is looked at once, not 28 KB a mail.
"""

from __future__ import annotations


class WireReady:
    """A message that is fit for the wire, 7-bit, and ends with CRLF. Only who has looked makes one.

    It stays in the pieces that it was made of: what all mails of a campaign share need not be copied for each of them, the
    kernel takes it from where it is.
    """

    __slots__ = ("octets", "pieces")

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces
        self.octets = sum(map(len, pieces))

    def __len__(self) -> int:
        return self.octets

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces)


# A message as it leaves: in pieces when it is known to be fit.
Message = bytes | WireReady


def is_fit(lines: bytes) -> bool:
    """Whether all octets are 7-bit, no CR or LF stands alone, and no line after the first begins with a dot."""
    return lines.isascii() and not has_bare_ends(lines) and b"\n." not in lines


def has_bare_ends(octets: bytes) -> bool:
    """Whether a CR or an LF stands alone, which some relays read as an end of the message (SMTP smuggling, VU#302671)."""
    ends = octets.count(b"\r\n")
    return octets.count(b"\n") != ends or octets.count(b"\r") != ends
