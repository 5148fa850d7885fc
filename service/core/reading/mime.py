"""How is this message built? Cuts raw bytes into leaf parts without recursion, copying nothing that is not read.

Python's email package raises on hostile structures or lingers over them (RecursionError at 1,000 nested messages, 8 s
for 20,000 parts, IndexError on odd parameters); here each limit stops the cutting where it is reached.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass

from service.core.reading import headers

_CONTENT_TYPE = re.compile(r"\s*([\w.+-]+/[\w.+-]+)")
_GUESSED_BOUNDARY = re.compile(rb"^--([^\s-][^\r\n]{0,199}?)[ \t]*\r?\nContent-", re.MULTILINE | re.IGNORECASE)
_TOO_MANY_PARTS = "Ce message a plus de {limit} parties."
_TOO_DEEP = "Ce message contient des parties emboîtées sur plus de {limit} niveaux."
_LONG_HEADERS = "Les en-têtes de ce message dépassent {limit} octets."
# A returned or forwarded message may hold another one, which counts for the depth but is not cut here.
_EMBEDDED = re.compile(rb"^Content-Type:\s*message/(?:rfc822|global)", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a message is read (S14); sizes in bytes, text in characters."""

    size: int = 25 * 2**20
    parts: int = 200
    depth: int = 20
    header_bytes: int = 64 * 1024
    text: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part that holds no other: where its bytes are, what it says it is, and which alternative it belongs to."""

    content_type: str
    params: tuple[tuple[str, str], ...]
    disposition: str
    filename: str
    # By which its letter shows it (RFC 2392), without its angle brackets.
    content_id: str
    encoding: str
    start: int
    end: int
    alternative: int

    def param(self, name: str) -> str:
        """Gives a parameter of the content type, or an empty string."""
        return next((value for field, value in self.params if field == name), "")


@dataclass(frozen=True, slots=True)
class Structure:
    """The leaves of a message in their order, and the limit that was passed, in French, or None."""

    leaves: tuple[Leaf, ...]
    error: str | None
    report_type: str = ""


@dataclass(frozen=True, slots=True)
class _Region:
    """A piece of the message still to be looked at: its header block and where its body ends."""

    block: headers.HeaderBlock
    end: int
    depth: int
    alternative: int


def cut(raw: bytes, top: headers.HeaderBlock, limits: Limits) -> Structure:
    """Gives the leaf parts of a message whose header block was read, until a limit is reached."""
    leaves: list[Leaf] = []
    waiting = [_Region(top, len(raw), 0, 0)]
    seen = 0
    while waiting:
        region = waiting.pop()
        if region.depth > limits.depth:
            return Structure(tuple(leaves), _TOO_DEEP.format(limit=limits.depth))
        if region.block.too_long:
            return Structure(tuple(leaves), _LONG_HEADERS.format(limit=limits.header_bytes))
        leaf = _describe(region)
        bounds = _children(raw, region, leaf, limits.parts - seen)
        # Each is counted where it is found, not once more where it is looked at.
        seen += len(bounds)
        if seen > limits.parts:
            return Structure(tuple(leaves), _TOO_MANY_PARTS.format(limit=limits.parts))
        if bounds:
            waiting.extend(reversed(_regions(raw, bounds, region, leaf, limits)))
            continue
        if leaf.content_type.startswith("message/") and _nested_messages(raw, leaf, limits.depth) > limits.depth:
            return Structure(tuple(leaves), _TOO_DEEP.format(limit=limits.depth))
        leaves.append(leaf)
    return Structure(
        tuple(leaves), None, dict(headers.parameters(top.raw("content-type"))).get("report-type", "").lower()
    )


def content(raw: bytes, leaf: Leaf) -> bytes:
    """Gives the bytes of a leaf with its transfer encoding undone; damaged encodings give what can be read."""
    body = raw[leaf.start : leaf.end]
    if leaf.encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if leaf.encoding == "base64":
        return _base64(body)
    if leaf.encoding in {"x-uuencode", "uuencode", "x-uue", "uue"}:
        return _uudecode(body)
    return body


def unflow(text: str, delete_space: bool) -> str:
    """Joins the lines that format=flowed wrapped (RFC 3676), each quote depth by itself."""
    result: list[list[str]] = []
    depth_before, open_line = 0, False
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        rest = line[depth:].removeprefix(" ")
        if open_line and depth == depth_before:
            result[-1].append(rest)
        else:
            result.append([">" * depth + (" " if depth and rest else ""), rest])
        open_line = rest.endswith(" ") and rest != "-- "
        if open_line and delete_space:
            result[-1][-1] = rest[:-1]
        depth_before = depth
    return "\n".join("".join(pieces) for pieces in result)


def _describe(region: _Region) -> Leaf:
    raw_type = region.block.raw("content-type")
    stated = _CONTENT_TYPE.match(raw_type)
    params = headers.parameters(raw_type)
    raw_disposition = region.block.raw("content-disposition")
    name = dict(headers.parameters(raw_disposition)).get("filename") or dict(params).get("name") or ""
    encoding = region.block.raw("content-transfer-encoding").lower().split(";")[0].split()
    return Leaf(
        content_type=stated[1].lower() if stated else "text/plain",
        params=params,
        disposition=raw_disposition.split(";")[0].strip().lower(),
        filename=headers.file_name(name),
        content_id=region.block.raw("content-id").strip(" <>"),
        encoding=encoding[0] if encoding else "",
        start=region.block.body_at,
        end=region.end,
        alternative=region.alternative,
    )


def _children(raw: bytes, region: _Region, leaf: Leaf, allowed: int) -> list[tuple[int, int]]:
    """Finds where the parts of a multipart begin and end; without its boundary the whole stays one leaf."""
    if not leaf.content_type.startswith("multipart/"):
        return []
    guessed = _GUESSED_BOUNDARY.search(raw, leaf.start, leaf.end)
    boundary = _raw_boundary(region.block) or (guessed[1] if guessed else b"")
    bounds = _between(raw, boundary, leaf, allowed) if boundary else []
    if not bounds and guessed and guessed[1] != boundary:
        bounds = _between(raw, guessed[1], leaf, allowed)
    return bounds


def _raw_boundary(block: headers.HeaderBlock) -> bytes:
    return dict(headers.parameters(block.raw("content-type"))).get("boundary", "").encode("utf-8", "replace").rstrip()


def _between(raw: bytes, boundary: bytes, leaf: Leaf, allowed: int) -> list[tuple[int, int]]:
    delimiter = re.compile(rb"^--" + re.escape(boundary) + rb"(--)?[ \t]*\r?$\n?", re.MULTILINE)
    bounds: list[tuple[int, int]] = []
    begun = -1
    for line in delimiter.finditer(raw, leaf.start, leaf.end):
        if begun >= 0:
            bounds.append((begun, _before_line_end(raw, begun, line.start())))
        begun = -1 if line[1] else line.end()
        if line[1] or len(bounds) > allowed:
            break
    if 0 <= begun < leaf.end:
        bounds.append((begun, leaf.end))
    return bounds


def _before_line_end(raw: bytes, start: int, end: int) -> int:
    """The line end before a delimiter belongs to the delimiter (RFC 2046, 5.1.1)."""
    for mark in (b"\r\n", b"\n"):
        if raw.endswith(mark, start, end):
            return end - len(mark)
    return end


def _regions(raw: bytes, bounds: list[tuple[int, int]], parent: _Region, leaf: Leaf, limits: Limits) -> list[_Region]:
    inside = leaf.start if leaf.content_type == "multipart/alternative" else parent.alternative
    return [
        _Region(headers.split(raw, start, end, limits.header_bytes), end, parent.depth + 1, inside)
        for start, end in bounds
    ]


def _nested_messages(raw: bytes, leaf: Leaf, enough: int) -> int:
    found = 1
    for _ in _EMBEDDED.finditer(raw, leaf.start, leaf.end):
        found += 1
        if found > enough:
            break
    return found


def _base64(body: bytes) -> bytes:
    try:
        return binascii.a2b_base64(body)
    except binascii.Error:
        letters = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
        letters = letters[: len(letters) - 1] if len(letters) % 4 == 1 else letters
        return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _uudecode(body: bytes) -> bytes:
    result = []
    for line in body.splitlines():
        if line.startswith((b"begin ", b"end")):
            continue
        try:
            result.append(binascii.a2b_uu(line))
        except binascii.Error:
            result.append(line + b"\n")
    return b"".join(result)
