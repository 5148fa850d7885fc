"""How do words become 7-bit octets? Quoted-printable for bodies (RFC 2045), encoded words for headers (RFC 2047)."""

from __future__ import annotations

import base64
from binascii import b2a_qp
from collections.abc import Iterator

SOFT_BREAK = b"=\r\n"

# 73 octets leave room for an escape cut at the edge and for the soft break: no line passes 76 (RFC 2045 §6.7).
_COLUMNS = 73
_ESCAPED = tuple(f"={octet:02X}" for octet in range(256))
# Octets are looked up as the letters of Latin-1, which have the same numbers: `str.translate` runs through them in C.
_QUOTED = {octet: escaped for octet, escaped in enumerate(_ESCAPED) if not 32 <= octet < 127 or octet == ord("=")}

# In a phrase only letters and digits need no escape on any reader (RFC 2047 §5).
_WORD_TOKENS = tuple(
    "_" if octet == 32 else chr(octet) if octet < 128 and chr(octet).isalnum() else escaped
    for octet, escaped in enumerate(_ESCAPED)
)
_WORDS = dict(enumerate(_WORD_TOKENS))
_WORD_ROOM = 75 - len("=?utf-8?q??=")


def quoted_printable(text: str) -> bytes:
    """Encodes text as quoted-printable UTF-8 with CRLF line ends; no line begins with a dot, none passes 73 octets."""
    if text.isprintable():
        if len(text) <= _COLUMNS:
            # A name, mostly: the standard library does the same to what is short and begins with no dot.
            words = b2a_qp(text.encode("utf-8"))
            if len(words) <= _COLUMNS and not words.startswith(b"."):
                return words
        elif text.isascii() and "=" not in text and text[-1] != " ":
            return plain_lines(text)
    return "\r\n".join(map(_quoted_line, text.split("\n"))).encode("ascii")


def plain_lines(text: str) -> bytes:
    """Cuts printable ASCII without « = » or a space at its end, which quoted-printable leaves as it is."""
    if _COLUMNS < len(text) <= 2 * _COLUMNS and text[0] != "." != text[_COLUMNS]:
        # A link, mostly: one cut.
        return f"{text[:_COLUMNS]}=\r\n{text[_COLUMNS:]}".encode("ascii")
    return "=\r\n".join(_cut(text)).encode("ascii")


def _quoted_line(line: str) -> str:
    """Escape what must be, then cut."""
    words = line.encode("utf-8").decode("latin-1").translate(_QUOTED)
    if len(words) > _COLUMNS or words.startswith("."):
        words = "=\r\n".join(_cut(words))
    return f"{words[:-1]}=20" if words.endswith(" ") else words


def _cut(words: str) -> Iterator[str]:
    """Cut escaped words into lines, never inside an escape; none begins with a dot."""
    while words:
        start, room = ("=2E", _COLUMNS - 3) if words[0] == "." else ("", _COLUMNS)
        words = words[1:] if start else words
        end = room
        if len(words) > room:
            # An escape is a sign and two digits.
            end -= 1 if words[room - 1] == "=" else 2 if words[room - 2] == "=" else 0
        yield start + words[:end]
        words = words[end:]


def encoded_words(text: str, *, taken: int = 0) -> list[str]:
    """Cuts text into encoded words of at most 75 octets, never inside a character, before a space where there is one.

    Readers join them again; where Python's own puts a space between those of a name, it harms no word.
    `taken` octets of the first line are already used by the header's name.
    """
    whole = text.encode("utf-8").decode("latin-1").translate(_WORDS)
    room = _WORD_ROOM - taken
    if len(whole) <= room:
        return [f"=?utf-8?q?{whole}?="] if whole else []
    words: list[str] = []
    word = ""
    for character in text:
        symbol = "".join(_WORD_TOKENS[octet] for octet in character.encode("utf-8"))
        while word and len(word) + len(symbol) > room:
            space = word.rfind("_")
            cut = space if space > 0 else len(word)
            words.append(word[:cut])
            word, room = word[cut:], _WORD_ROOM
        word += symbol
    if word:
        words.append(word)
    return [f"=?utf-8?q?{word}?=" for word in words]


def subject_words(text: str, *, starts: bool) -> str:
    """Writes a piece of a subject; encoded words side by side are read as one text (RFC 2047 §6.2), whatever comes between.

    The piece that `starts` stands on the line of the header's name: some readers take an empty first line for a space.
    """
    words = "\r\n ".join(encoded_words(text, taken=len("Subject: ") if starts else 0))
    return (" " if starts else "\r\n ") + words if words else ""


def base64_lines(content: bytes) -> bytes:
    """Writes octets as base64 in lines of 76, each ended by CRLF (RFC 2045 §6.8)."""
    return base64.encodebytes(content).replace(b"\n", b"\r\n")


def is_plain(text: str) -> bool:
    """Whether a header may hold the text as it is: printable ASCII that no reader takes for an encoded word."""
    return text.isascii() and text.isprintable() and "=?" not in text


def mailbox(name: str, address: str) -> str:
    """Writes a mailbox for a header: a quoted name where ASCII allows it, encoded words else, folded when long."""
    if not name:
        return f"<{address}>"
    if is_plain(name) and len(name) <= 60:
        name = name.replace("\\", "\\\\").replace('"', '\\"')
        fold = " " if len(name) + len(address) <= 60 else "\r\n "
        return f'"{name}"{fold}<{address}>'
    return "\r\n ".join([*encoded_words(name, taken=len("List-Id: ")), f"<{address}>"])
