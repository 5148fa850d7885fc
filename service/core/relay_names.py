"""What does a relay call a mail that it took? Its queue id or the Message-ID of its own, out of its reply to the final dot.

Most relays name it: « 2.0.0 Ok: queued as 4XyZ… » (Postfix), « OK id=1rABC-… » (Exim), « 2.6.0 <id> [InternalId=…] Queued mail
for delivery » (Exchange), « 2.0.0 4BC… Message accepted for delivery » (sendmail), « Ok 0102018f…-000000 » (Amazon SES, which
writes <that id@…amazonses.com> over our Message-ID). Nothing states the form (RFC 5321, 4.2): it is known by how it looks.
"""

from __future__ import annotations

import re

_SHORTEST, _LONGEST = 8, 200
_MOST = 5
_ENHANCED = re.compile(r"\A\s*[245]\.\d{1,3}\.\d{1,3}\b")
_APART = re.compile(r"[\s<>()\[\]{},;\"'|]+")
_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@+$~:=-]*")
# What follows these is a name however it looks: a queue id may be of digits alone.
_ANNOUNCED = re.compile(
    r"\b(?:queued\s+as|queue\s*id|message[ -]?id|uuid|\bid)\b\s*[:=]?\s*<?([^\s<>()\[\],;\"']{6,200})", re.IGNORECASE
)
_SERVER = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}", re.IGNORECASE)
_INSTANT = re.compile(r"\d{4}-?\d\d-?\d\d(?:T[\d:.]+Z?)?")
# The clause « id » of a Received line (RFC 5321, 4.4).
_RECEIVED_ID = re.compile(r"\bid\s+<?([^\s<>();]{6,200})", re.IGNORECASE)
# How much longer the name of one mail may be than that of another of the same relay.
_SWAY = 4


def in_reply(reply: str) -> tuple[str, ...]:
    """Give what may name the mail in a reply to its final dot, the surest first and five at most; () where none does."""
    said = _ENHANCED.sub("", reply)
    announced = [found.strip(".:=") for found in _ANNOUNCED.findall(said)]
    others = [word.rpartition("=")[2] if _is_pair(word) else word for word in map(_bare, _APART.split(said))]
    named = [one for one in announced if _FORM.fullmatch(one) and not _is_word(one)]
    return tuple(dict.fromkeys([*named, *(word for word in others if _looks_like_a_name(word))]))[:_MOST]


def of_message_id(message_id: str) -> tuple[str, ...]:
    """Give the names that a Message-ID may hold: the whole of it, and what stands before its @."""
    whole = message_id.strip().strip("<>")
    return tuple(one for one in dict.fromkeys((whole, whole.partition("@")[0])) if _SHORTEST <= len(one) <= _LONGEST)


def in_received(line: str) -> str:
    """Give the name that a Received line states, or an empty string."""
    found = _RECEIVED_ID.search(line)
    return found[1] if found else ""


def alike(name: str, other: str) -> bool:
    """Say whether two names may be of one relay: as long, of the same kinds of letters, with the same marks and domain."""
    (left, at, domain), (others_left, others_at, others_domain) = name.partition("@"), other.partition("@")
    return (
        (at, domain.lower()) == (others_at, others_domain.lower())
        and abs(len(left) - len(others_left)) <= _SWAY
        and _marks(left) == _marks(others_left)
        and any(map(str.islower, left)) == any(map(str.islower, others_left))
    )


def _bare(word: str) -> str:
    return word.strip(".:=!-")


def _is_pair(word: str) -> bool:
    """Whether a word is « id=… » of some spelling; of « Hostname=… » the value names a machine."""
    return word.partition("=")[0].lower().endswith("id") and "=" in word


def _is_word(text: str) -> bool:
    return text.isalpha() and (text.islower() or text.istitle())


def _looks_like_a_name(word: str) -> bool:
    return (
        _SHORTEST <= len(word) <= _LONGEST
        and _FORM.fullmatch(word) is not None
        and any(map(str.isdigit, word))
        and any(map(str.isalpha, word))
        and _SERVER.fullmatch(word) is None
        and _INSTANT.fullmatch(word) is None
        and "=" not in word.rstrip("=")
    )


def _marks(text: str) -> frozenset[str]:
    return frozenset(one for one in text if not one.isalnum())
