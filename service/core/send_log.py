"""What does a sending process write down around each final dot, and what does a later one read out of it?"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple, Protocol
from zlib import crc32

from service.core.verdicts import Outcome, Stage, Verdict

# CRC-32 of the rest, length of the text, kind, delivery, epoch, code (0 without one).
_HEAD = struct.Struct("<IHBQIH")
_CRC, _REST = struct.Struct("<I"), struct.Struct("<HBQIH")
_pack_crc, _pack_rest = _CRC.pack, _REST.pack
_LONGEST = 1000
_STAGES = tuple(Stage)
_STAGE_OCTET = {stage: bytes([number]) for number, stage in enumerate(_STAGES)}
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


class Kind(IntEnum):
    """What a record says: the body is about to leave, how it was answered, or when the answers behind it were heard."""

    HANDED = 1
    ACCEPTED = 2
    REFUSED = 3
    DEFERRED = 4
    RELAY_DOWN = 5
    IN_DOUBT = 6
    UNSENT = 7
    # In the place of the delivery: microseconds since 1970, UTC. Logs of former versions have none.
    HEARD = 8


_KINDS = {
    Verdict.ACCEPTED: Kind.ACCEPTED,
    Verdict.REFUSED: Kind.REFUSED,
    Verdict.DEFERRED: Kind.DEFERRED,
    Verdict.RELAY_DOWN: Kind.RELAY_DOWN,
    Verdict.IN_DOUBT: Kind.IN_DOUBT,
}
_VERDICTS = {kind: verdict for verdict, kind in _KINDS.items()}
_KNOWN = frozenset(int(kind) for kind in Kind)


class Attempt(Protocol):
    """One attempt at one row: its number, and the epoch of the lease under which it is made."""

    @property
    def id(self) -> int:
        """The number of the row."""

    @property
    def epoch(self) -> int:
        """The epoch of its lease."""


class Leg(NamedTuple):
    """An attempt, as a log names it."""

    id: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Story:
    """What a log tells: each leg that was handed over, and the last word on it; None without any."""

    outcomes: dict[Leg, Outcome | None] = field(default_factory=dict)
    # The relay never had these, although they were announced.
    unsent: frozenset[Leg] = frozenset()
    # False when the end is torn: something may have been written that is not there any more.
    whole: bool = True


def handed(attempt: Attempt) -> bytes:
    """Write that a body leaves now."""
    return _record(Kind.HANDED, attempt, 0, b"")


def heard(at: datetime) -> bytes:
    """Write when the answers that follow were heard: once for all that were read in one look at the wire."""
    return _record(Kind.HEARD, Leg((at - _EPOCH) // _MICROSECOND, 0), 0, b"")


def answered(attempt: Attempt, outcome: Outcome) -> bytes:
    """Write what the relay said of it."""
    text = _STAGE_OCTET[outcome.stage] + outcome.text.encode("utf-8", "replace")[:_LONGEST]
    return _record(_KINDS[outcome.verdict], attempt, outcome.code or 0, text)


def unsent(attempt: Attempt) -> bytes:
    """Write that the relay never had the whole of it."""
    return _record(Kind.UNSENT, attempt, 0, b"")


def read(content: bytes) -> Story:
    """Read a log up to its end, which is a run of zeros, or to the first record that is not whole."""
    outcomes: dict[Leg, Outcome | None] = {}
    never: set[Leg] = set()
    at: datetime | None = None
    place = 0
    for kind, leg, outcome, place in _records(content):  # noqa: B007 (the last place is read below)
        if kind is Kind.HEARD:
            at = _EPOCH + leg.id * _MICROSECOND
        elif kind is Kind.UNSENT:
            never.add(leg)
        elif kind is Kind.HANDED:
            # It may have come back unsent before, on another connection: this time its body leaves.
            never.discard(leg)
            outcomes[leg] = None
        else:
            outcomes[leg] = outcome and replace(outcome, at=at)
    return Story(outcomes, frozenset(never), whole=not any(content[place : place + _HEAD.size + _LONGEST + 1]))


def _record(kind: Kind, attempt: Attempt, code: int, text: bytes) -> bytes:
    rest = _pack_rest(len(text), kind, attempt.id, attempt.epoch, code) + text
    return _pack_crc(crc32(rest)) + rest


def _records(content: bytes) -> Iterator[tuple[Kind, Leg, Outcome | None, int]]:
    place = 0
    while place + _HEAD.size <= len(content):
        crc, length, kind, number, epoch, code = _HEAD.unpack_from(content, place)
        end = place + _HEAD.size + length
        if end > len(content) or kind not in _KNOWN or crc32(content[place + _CRC.size : end]) != crc:
            return
        yield Kind(kind), Leg(number, epoch), _outcome(Kind(kind), code, content[place + _HEAD.size : end]), end
        place = end


def _outcome(kind: Kind, code: int, text: bytes) -> Outcome | None:
    if kind not in _VERDICTS:
        return None
    stage = _STAGES[text[0]] if text and text[0] < len(_STAGES) else Stage.DOT
    return Outcome(_VERDICTS[kind], stage, code or None, text[1:].decode("utf-8", "replace").replace("\0", ""))
