"""Which octets may stand behind DATA as they are? (RFC 5321 sections 2.3.8 and 4.5.2)

A mail of a campaign differs from the next in a few hundred octets: what they share is looked at once, not 28 KB a mail.
"""

from __future__ import annotations


class WireReady(bytes):
    """A message that is fit for the wire, 7-bit, and ends with CRLF. Only who has looked makes one."""

    __slots__ = ()


def is_fit(lines: bytes) -> bool:
    """Whether all octets are 7-bit, no CR or LF stands alone, and no line after the first begins with a dot."""
    return lines.isascii() and not has_bare_ends(lines) and b"\n." not in lines


def has_bare_ends(octets: bytes) -> bool:
    """Whether a CR or an LF stands alone, which some relays read as an end of the message (SMTP smuggling, VU#302671)."""
    ends = octets.count(b"\r\n")
    return octets.count(b"\n") != ends or octets.count(b"\r") != ends
