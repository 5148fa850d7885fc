"""What becomes of a mail on a bad way, or in the hands of somebody who means harm: the faults of R16, one after the other."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from service.setting_values import ROOT

SAMPLES = {path.stem: path.read_bytes() for path in sorted((ROOT / "tests" / "samples").glob("*.eml"))}
_CHARSETS = (b"klingon", b"unknown-8bit", b"utf-16", b"utf-7", b"iso-2022-jp", b'"utf-8 eua"', b"us-ascii", b"")
_ENCODINGS = (b"base64", b"quoted-printable", b"8-bit", b"x-uuencode", b"gzip")
_HOSTILE_FIELDS = (
    b"To: (c):",
    b'To: "',
    b"To: " + b"(" * 20_000,
    b"Content-Type: text/plain; name*",
    b"Message-ID: <[x@ailleurs.example]>",
    b"From: =?utf-8?q?=0A?= <membre1@exemple1.example>",
    b"Subject: " + b"=?utf-8?q?a?= " * 3_000,
    b"Date: " + b"9" * 5_000,
    b"References: " + b"<a@b.example> " * 4_000,
    b"From: Ren\xc3\xa9 <rene@membre.example>",
)

Mutation = Callable[[bytes, random.Random], bytes]


def mutated(raw: bytes, steps: list[tuple[str, int]]) -> bytes:
    """Let a mail suffer some faults by name, each as its number says."""
    for name, seed in steps:
        raw = MUTATIONS[name](raw, random.Random(seed))
    return raw


def _truncated(raw: bytes, chance: random.Random) -> bytes:
    return raw[: chance.randrange(len(raw) + 1)]


def _beheaded(raw: bytes, chance: random.Random) -> bytes:
    return raw[chance.randrange(len(raw) + 1) :]


def _in_another_charset(raw: bytes, chance: random.Random) -> bytes:
    said = b"charset=" + chance.choice(_CHARSETS)
    return re.sub(rb'charset="?[\w-]+"?', lambda _: said, raw)


def _in_another_encoding(raw: bytes, chance: random.Random) -> bytes:
    said = b"Content-Transfer-Encoding: " + chance.choice(_ENCODINGS)
    return re.sub(rb"(?i)content-transfer-encoding:[^\r\n]*", lambda _: said, raw)


def _of_other_bytes(raw: bytes, chance: random.Random) -> bytes:
    changed = bytearray(raw)
    for _ in range(chance.randrange(1, 60)):
        if changed:
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _with_nul(raw: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randrange(1, 20)):
        at = chance.randrange(len(raw) + 1)
        raw = raw[:at] + chance.choice((b"\0", b"\0\r\n", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x85")) + raw[at:]
    return raw


def _nested(raw: bytes, chance: random.Random) -> bytes:
    for number in range(chance.choice((1, 2, 30))):
        head = b"From: membre1@exemple1.example\r\nMIME-Version: 1.0\r\n"
        if chance.random() < 0.5:
            raw = head + b"Content-Type: message/rfc822\r\n\r\n" + raw
        else:
            boundary = b"n%d" % number
            kind = chance.choice((b"mixed", b"alternative", b"report; report-type=delivery-status", b"digest"))
            raw = (
                head
                + (b"Content-Type: multipart/" + kind + b'; boundary="' + boundary + b'"\r\n\r\n')
                + (
                    b"--"
                    + boundary
                    + b"\r\nContent-Type: message/rfc822\r\n\r\n"
                    + raw
                    + b"\r\n--"
                    + boundary
                    + b"--\r\n"
                )
            )
    return raw


def _with_a_huge_header(raw: bytes, chance: random.Random) -> bytes:
    field = chance.choice((b"X-A", b"To", b"Subject", b"References", b"Received"))
    value = chance.choice((b"a" * 80_000, b"a@b.example, " * 6_000, b"x\r\n " * 20_000, b'"' * 70_000))
    return field + b": " + value + b"\r\n" + raw


def _with_a_hostile_field(raw: bytes, chance: random.Random) -> bytes:
    return chance.choice(_HOSTILE_FIELDS) + b"\r\n" + raw


def _without_lines(raw: bytes, chance: random.Random) -> bytes:
    return b"".join(line for line in raw.splitlines(keepends=True) if chance.random() > 0.15)


def _in_another_order(raw: bytes, chance: random.Random) -> bytes:
    lines = raw.splitlines(keepends=True)
    for _ in range(5):
        if lines:
            lines.insert(chance.randrange(len(lines) + 1), lines[chance.randrange(len(lines))])
    return b"".join(lines)


def _with_other_line_ends(raw: bytes, chance: random.Random) -> bytes:
    return raw.replace(b"\r\n", b"\n").replace(b"\n", chance.choice((b"\n", b"\r", b"\r\r\n", b"\n\n")))


MUTATIONS: dict[str, Mutation] = {
    "truncated": _truncated,
    "beheaded": _beheaded,
    "in another charset": _in_another_charset,
    "in another encoding": _in_another_encoding,
    "of other bytes": _of_other_bytes,
    "with NUL": _with_nul,
    "nested": _nested,
    "with a huge header": _with_a_huge_header,
    "with a hostile field": _with_a_hostile_field,
    "without lines": _without_lines,
    "in another order": _in_another_order,
    "with other line ends": _with_other_line_ends,
}
