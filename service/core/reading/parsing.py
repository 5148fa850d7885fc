"""What does this raw message hold? Bytes in, a frozen Message out; nothing raises, what could not be read is told."""

from __future__ import annotations

import html as markup
from dataclasses import dataclass, field

from service.core.reading import characters, headers, mime
from service.core.reading.headers import Headers
from service.core.reading.mime import Limits

__all__ = ["Cut", "Headers", "Limits", "Message", "Part", "cut", "parse"]

_RECIPIENT_FIELDS = ("to", "cc", "delivered-to", "envelope-to", "x-original-to", "apparently-to")
_KEPT = ("message/", "text/calendar", "text/rfc822-headers")
_CUT = "\n\n[Texte coupé\u00a0: le message d’origine, conservé en entier, est plus long.]"


@dataclass(frozen=True, slots=True)
class Part:
    """One leaf of the message; `payload` is kept only for reports, returned messages and calendars, else empty."""

    content_type: str
    params: tuple[tuple[str, str], ...]
    disposition: str
    filename: str
    size: int
    payload: bytes = field(repr=False)

    def param(self, name: str) -> str:
        """Gives a parameter of the content type (method, charset…), or an empty string."""
        return next((value for known, value in self.params if known == name), "")


@dataclass(frozen=True, slots=True)
class Message:
    """A message as read: one clean line per header, decoded bodies, its parts; `error` is a French sentence or None.

    `authors` holds every From address; `from_address`, the first, says who wrote only where `has_one_author`.
    Message ids keep their angle brackets.
    """

    from_address: str
    from_name: str
    authors: tuple[str, ...]
    subject: str
    message_id: str
    in_reply_to: str
    references: tuple[str, ...]
    recipients: tuple[str, ...]
    headers: Headers
    report_type: str
    text: str
    html: str
    parts: tuple[Part, ...]
    error: str | None
    raw: bytes = field(repr=False)

    @property
    def has_one_author(self) -> bool:
        """Whether one From field names one address; else nobody can say who wrote, and no member must be taken for it.

        RFC 5322 (3.6) allows one From field, and programs that check senders differ on which of two they look at.
        """
        return len(self.authors) == 1 and len(self.headers.all("from")) == 1


@dataclass(frozen=True, slots=True)
class Cut:
    """A message taken apart and not read yet: its bytes, its header block, its leaves."""

    raw: bytes = field(repr=False)
    block: headers.HeaderBlock
    structure: mime.Structure

    @property
    def bodies(self) -> list[mime.Leaf]:
        """The leaves that are the letter itself."""
        alone = len(self.structure.leaves) == 1
        return [leaf for leaf in self.structure.leaves if _is_body(leaf, alone=alone)]


def cut(raw: bytes, limits: Limits = Limits()) -> Cut:  # noqa: B008 (frozen)
    """Takes a message apart within the limits; beyond them it has the leaves that came before."""
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    block = headers.split(raw, 0, len(raw), limits.header_bytes)
    return Cut(raw, block, _structure(raw, block, limits))


def parse(raw: bytes, limits: Limits = Limits()) -> Message:  # noqa: B008 (frozen)
    """Reads a message within the limits; beyond them headers are still read and `error` says which limit was passed."""
    apart = cut(raw, limits)
    raw, block, structure, bodies = apart.raw, apart.block, apart.structure, apart.bodies
    texts = [_read(raw, leaf, limits) for leaf in bodies]
    said = block.decoded()
    name, authors = _authors(block)
    return Message(
        from_address=authors[0] if authors else "",
        from_name=name,
        authors=authors,
        subject=said.header("subject"),
        message_id=next(iter(headers.message_ids(said.header("message-id"))), ""),
        in_reply_to=next(iter(headers.message_ids(said.header("in-reply-to"))), ""),
        references=headers.message_ids(" ".join(said.all("references"))),
        recipients=_recipients(block),
        headers=said,
        report_type=structure.report_type,
        text=_plain(bodies, texts, limits),
        html=_html(bodies, texts, limits),
        parts=tuple(_part(raw, leaf) for leaf in structure.leaves),
        error=structure.error,
        raw=raw,
    )


def _structure(raw: bytes, block: headers.HeaderBlock, limits: Limits) -> mime.Structure:
    if len(raw) > limits.size:
        error = f"Ce message pèse {_megabytes(len(raw))} Mo\u00a0; la limite est de {_megabytes(limits.size)} Mo."
        return mime.Structure((), error.replace("\u00a0;", "\u202f;"))
    if not raw.strip():
        return mime.Structure((), "Ce message est vide.")
    return mime.cut(raw, block, limits)


def _megabytes(size: int) -> int:
    return -(-size // 2**20)


def _is_body(leaf: mime.Leaf, *, alone: bool) -> bool:
    """A text with a file name is an attachment, unless it is the whole letter or one of its alternatives."""
    readable = leaf.content_type in {"text/plain", "text/html", "text/markdown"} or (
        leaf.content_type.startswith("multipart/")
    )
    inside = leaf.disposition != "attachment" and (not leaf.filename or bool(leaf.alternative))
    return readable and (alone or inside)


def _read(raw: bytes, leaf: mime.Leaf, limits: Limits) -> str:
    text = characters.decode(mime.content(raw, leaf)[: 4 * limits.text], leaf.param("charset"))
    if leaf.content_type == "text/plain" and leaf.param("format").lower() == "flowed":
        return mime.unflow(text, leaf.param("delsp").lower() == "yes")
    return text


def _authors(block: headers.HeaderBlock) -> tuple[str, tuple[str, ...]]:
    fields = [value for name, value in block.fields if name == "from"]
    read = [headers.author(value) for value in fields]
    first = next((pair for pair in read if pair[0]), read[0] if read else ("", ""))
    others = [address for value in fields for address in headers.authors(value)]
    return first[1], tuple(dict.fromkeys(each for each in (first[0], *others) if each))


def _recipients(block: headers.HeaderBlock) -> tuple[str, ...]:
    found = [
        address for name, value in block.fields if name in _RECIPIENT_FIELDS for address in headers.addresses(value)
    ]
    return tuple(dict.fromkeys(found))


def _plain(bodies: list[mime.Leaf], texts: list[str], limits: Limits) -> str:
    plain = [text.strip("\n") for leaf, text in zip(bodies, texts, strict=True) if leaf.content_type != "text/html"]
    return _shortened("\n".join(text for text in plain if text.strip()), limits)


def _html(bodies: list[mime.Leaf], texts: list[str], limits: Limits) -> str:
    """Joins the HTML bodies; plain parts that have no HTML alternative come in between, so that no word is missing."""
    with_html = {leaf.alternative for leaf in bodies if leaf.content_type == "text/html" and leaf.alternative}
    if not any(leaf.content_type == "text/html" for leaf in bodies):
        return ""
    pieces = []
    for leaf, text in zip(bodies, texts, strict=True):
        if leaf.content_type == "text/html":
            pieces.append(text)
        elif leaf.alternative not in with_html and text.strip():
            pieces.append(f"<pre>{markup.escape(text)}</pre>")
    whole = "\n".join(pieces)
    return whole[: 2 * limits.text]


def _shortened(text: str, limits: Limits) -> str:
    return text if len(text) <= limits.text else text[: limits.text] + _CUT


def _part(raw: bytes, leaf: mime.Leaf) -> Part:
    body = mime.content(raw, leaf)
    kept = (
        leaf.content_type.startswith(_KEPT)
        or leaf.content_type in {"application/ics", "application/rfc822-headers"}
        or leaf.filename.lower().endswith(".ics")
    )
    return Part(leaf.content_type, leaf.params, leaf.disposition, leaf.filename, len(body), body if kept else b"")
