"""What do the header lines of a message say? Tolerant reading of fields, encoded words, addresses and parameters."""

from __future__ import annotations

import binascii
import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from service.core.reading import characters

_FIELD = re.compile(rb"([!-9;-~]{1,120})[ \t]*:")
_ENCODED_WORD = re.compile(r"=\?([^?*\s]{1,60})(?:\*[^?]{0,20})?\?([bBqQ])\?([^?]*)\?=")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_COMMENT = re.compile(r"\([^()]*\)")
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\\\"@]{1,128}@[^\s<>()\[\],;:\\\"@]{1,255}")
_IN_ANGLES = re.compile(r"<\s*([^\s<>@]{1,128}@[^\s<>@]{1,255})\s*>")
_MESSAGE_ID = re.compile(r"<([^<>]{1,998})>")
_PARAMETER = re.compile(r";\s*([^\s=;\"]{1,80})\s*=\s*(\"(?:[^\"\\]|\\.)*\"?|[^;]*)")
_CONTINUED = re.compile(r"(.+?)(?:\*(\d{1,3}))?(\*)?")
_FILE_NAME_LENGTH = 120
_ENDING_LENGTH = 10
# Zero-width and other format characters, controls, private and unassigned ones: a name must be what it looks like.
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
# What Windows takes for a device, whatever its ending.
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)
# Patterns for quoted strings take quadratic time on 64 KB of hostile quotes; no true value comes near these lengths.
_AUTHOR_LENGTH = 4_000
_PARAMETERS_LENGTH = 8_000
# A line that is no field is skipped when the fields go on after it; else the text has begun.
_LOOK_AHEAD = 3


@dataclass(frozen=True, slots=True)
class Headers:
    """The header fields of a message in their order, decoded and cleaned, under any spelling of their names."""

    fields: tuple[tuple[str, str], ...] = ()

    def header(self, name: str) -> str:
        """Gives the first field of that name, or an empty string."""
        return next(iter(self.all(name)), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Gives every field of that name in their order."""
        wanted = name.lower()
        return tuple(value for field, value in self.fields if field == wanted)


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    """Header fields as they came (names in lower case, values unfolded but not decoded) and where the text begins."""

    fields: tuple[tuple[str, str], ...]
    body_at: int
    too_long: bool

    def raw(self, name: str) -> str:
        """Gives the first undecoded value of that name, or an empty string."""
        return next((value for field, value in self.fields if field == name), "")

    def decoded(self) -> Headers:
        """Decodes encoded words and makes one clean line of each value."""
        return Headers(tuple((name, decode_words(value)) for name, value in self.fields))


def split(raw: bytes, start: int, end: int, limit: int) -> HeaderBlock:
    """Reads the header fields from `start` until the first empty line, at most `limit` bytes of them."""
    lines = list(_lines(raw, start, min(end, start + limit)))
    fields: list[tuple[str, list[bytes]]] = []
    position = start
    for number, line in enumerate(lines):
        if not line.strip(b"\r\n"):
            return HeaderBlock(_unfold(fields), position + len(line), False)
        field = _FIELD.match(line)
        if line[:1] in b" \t" and fields:
            fields[-1][1].append(line)
        elif field:
            fields.append((field[1].decode("ascii").lower(), [line[field.end() :]]))
        elif not _fields_go_on(lines, number):
            return HeaderBlock(_unfold(fields), position, False)
        position += len(line)
    return HeaderBlock(_unfold(fields), position, position < end)


def decode_words(value: str) -> str:
    """Decodes RFC 2047 encoded words, also inside quotes or cut in the middle of a letter."""
    result, position = [], 0
    for words in _word_groups(value):
        result.append(value[position : words[0].start()])
        content = b"".join(_word_bytes(word[2], word[3]) for word in words)
        result.append(characters.decode(content, words[0][1]))
        position = words[-1].end()
    return characters.clean_line("".join([*result, value[position:]]))


def author(raw: str) -> tuple[str, str]:
    """Reads a From value as (address in lower case, name); the address stands outside names, quotes and comments."""
    raw = raw[:_AUTHOR_LENGTH]
    bare = _outside_names(raw)
    found = _IN_ANGLES.findall(bare) or _ADDRESS.findall(_without_comments(bare))
    if not found:
        whole = decode_words(raw)
        found = _IN_ANGLES.findall(whole) or _ADDRESS.findall(whole)
    address = found[0].strip("'").rstrip(".").lower() if found else ""
    return characters.clean_line(address), _name(decode_words(raw), address)


def authors(raw: str) -> tuple[str, ...]:
    """Gives each address of a From value that names several authors (RFC 5322, 3.6.2)."""
    pieces = _outside_names(raw[:_AUTHOR_LENGTH]).split(",")
    return tuple(address for piece in pieces if (address := author(piece)[0]))


def addresses(raw: str) -> tuple[str, ...]:
    """Gives every address that an address field names, in lower case, each once."""
    found = _ADDRESS.findall(_ENCODED_WORD.sub(" ", raw)) or _ADDRESS.findall(decode_words(raw))
    return tuple(dict.fromkeys(characters.clean_line(address.strip("'").rstrip(".").lower()) for address in found))


def message_ids(value: str) -> tuple[str, ...]:
    """Gives the message ids of a field with their angle brackets, each once; a bare id gets its brackets."""
    found = ["".join(each.split()) for each in _MESSAGE_ID.findall(value)]
    if not found:
        found = [word.strip("<>") for word in value.split() if "@" in word]
    return tuple(dict.fromkeys(f"<{each}>" for each in found if each))


def parameters(raw: str) -> tuple[tuple[str, str], ...]:
    """Reads the parameters after the first semicolon, in their RFC 2231 forms too; names in lower case."""
    pieces: dict[str, list[tuple[int, str, bool]]] = {}
    for name, value in _PARAMETER.findall(raw[:_PARAMETERS_LENGTH]):
        form = _CONTINUED.fullmatch(name)
        if form:
            text = re.sub(r"\\(.)", r"\1", value.strip('"')) if value.startswith('"') else value.strip()
            pieces.setdefault(form[1].lower(), []).append((int(form[2] or 0), text, bool(form[3])))
    return tuple((name, _joined(sorted(found, key=lambda piece: piece[0]))) for name, found in pieces.items())


def file_name(raw: str) -> str:
    """Makes a harmless file name: no folder, nothing unseen, no leading dot, at most 120 characters with its ending (S13)."""
    name = "".join(one for one in characters.clean_line(raw) if unicodedata.category(one) not in _UNSEEN)
    name = re.split(r"[/\\]", characters.clean_line(" ".join(name.split())))[-1]
    name = re.sub(r'[<>:"|?*]', "_", name).strip(" .")
    if _RESERVED.fullmatch(name.partition(".")[0].strip()):
        name = f"_{name}"
    stem, dot, ending = name.rpartition(".")
    if len(name) > _FILE_NAME_LENGTH and 0 < len(ending) <= _ENDING_LENGTH:
        return f"{stem[: _FILE_NAME_LENGTH - len(ending) - 1].strip(' .')}{dot}{ending}"
    return name[:_FILE_NAME_LENGTH].strip(" .")


def _lines(raw: bytes, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        after = raw.find(b"\n", start, end) + 1 or end
        yield raw[start:after]
        start = after


def _unfold(fields: list[tuple[str, list[bytes]]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, characters.clean_line(characters.decode(b"".join(lines)))) for name, lines in fields)


def _fields_go_on(lines: list[bytes], number: int) -> bool:
    """Tells a broken line among the fields (also the mbox line « From … ») from the beginning of the text."""
    rest = itertools.takewhile(lambda line: line.strip(), lines[number + 1 : number + 1 + _LOOK_AHEAD])
    after = [line for line in rest if line[:1] not in b" \t"]
    fields = [line for line in after if _FIELD.match(line)]
    return bool(fields) and fields[0] is after[0] and len(fields) >= min(len(after), 2)


def _word_groups(value: str) -> Iterator[list[re.Match[str]]]:
    """Groups neighbours of one charset, because senders cut words between the bytes of one letter."""
    group: list[re.Match[str]] = []
    for word in _ENCODED_WORD.finditer(value):
        neighbour = bool(group) and not value[group[-1].end() : word.start()].strip()
        if neighbour and group[-1][1].lower() == word[1].lower():
            group.append(word)
            continue
        if group:
            yield group
        group = [word]
    if group:
        yield group


def _word_bytes(encoding: str, content: str) -> bytes:
    raw = content.encode("utf-8", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(raw, header=True)
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
    letters = letters[: len(letters) - 1] if len(letters) % 4 == 1 else letters
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _outside_names(raw: str) -> str:
    return _ENCODED_WORD.sub(" ", _QUOTED.sub(" ", raw))


def _without_comments(text: str) -> str:
    return _COMMENT.sub(" ", text)


def _name(whole: str, address: str) -> str:
    name = re.sub(r"<[^<>]*>", " ", whole)
    name = re.sub(re.escape(address), " ", name, flags=re.IGNORECASE) if address else name
    return characters.clean_line(name.replace('\\"', "'").replace('"', " ")).strip("'(), ")


def _joined(pieces: list[tuple[int, str, bool]]) -> str:
    if not any(encoded for _, _, encoded in pieces):
        return decode_words("".join(text for _, text, _ in pieces))
    charset, _, rest = pieces[0][1].partition("'")
    _, quote, first = rest.partition("'")
    texts = [first if quote else pieces[0][1], *(text for _, text, _ in pieces[1:])]
    return characters.clean_line(characters.decode(unquote_to_bytes("".join(texts)), charset if quote else ""))
