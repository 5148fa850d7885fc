"""Which files came with a letter, and what is each by its own bytes, whatever it says it is (S13)?"""

from __future__ import annotations

import re
from dataclasses import dataclass

from service.core.reading import headers, mime, parsing

_UNKNOWN = "application/octet-stream"
_LOOKED_AT = 4096  # bytes


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file is, in French; the type it is given away as; the endings that such a file has."""

    words: str
    content_type: str = _UNKNOWN
    endings: tuple[str, ...] = ()
    # An image of dots: nothing in it can act.
    is_dots: bool = False
    # Opening it does what somebody else wrote.
    acts: bool = False


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that came with a letter; `position` numbers it among the parts, `says` is the kind that its name gives, if it lies."""

    position: int
    name: str
    kind: Kind
    size: int
    says: str = ""


_SCRIPTS = "js jse vbs vbe wsf hta bat cmd ps1 psm1 sh py lnk url reg jar htaccess php phtml desktop"
_PDF = Kind("PDF", "application/pdf", ("pdf",))
_PROGRAM = Kind("programme", endings=("exe", "com", "scr", "msi", "dll", "cpl"), acts=True)
_SCRIPT = Kind(
    "programme",
    endings=tuple(_SCRIPTS.split()),
    acts=True,
)
_PAGE = Kind("page web", endings=("html", "htm", "xhtml", "mht", "shtml"), acts=True)
_DRAWING = Kind("dessin SVG", endings=("svg", "svgz"), acts=True)
_ZIP = Kind("archive ZIP", "application/zip", ("zip",))
_OLD_OFFICE = Kind("document Office", endings=("doc", "xls", "ppt", "msg", "dot", "pps"))
_LETTER = Kind("message", endings=("eml",))
_TEXT = Kind("texte", endings=("txt", "csv", "md", "log", "json", "xml", "tsv"))
_EMPTY, _OTHER = Kind("fichier vide"), Kind("fichier")
_BY_START: tuple[tuple[bytes, Kind], ...] = (
    (b"%PDF-", _PDF),
    (b"\x89PNG\r\n\x1a\n", Kind("image PNG", "image/png", ("png",), is_dots=True)),
    (b"\xff\xd8\xff", Kind("image JPEG", "image/jpeg", ("jpg", "jpeg", "jpe"), is_dots=True)),
    (b"GIF8", Kind("image GIF", "image/gif", ("gif",), is_dots=True)),
    (b"II*\0", Kind("image TIFF", "image/tiff", ("tif", "tiff"))),
    (b"MM\0*", Kind("image TIFF", "image/tiff", ("tif", "tiff"))),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OLD_OFFICE),
    (b"{\\rtf", Kind("document RTF", "application/rtf", ("rtf", "doc"))),
    (b"MZ", _PROGRAM),
    (b"\x7fELF", _PROGRAM),
    (b"#!", _SCRIPT),
    (b"Rar!", Kind("archive RAR", endings=("rar",))),
    (b"7z\xbc\xaf'\x1c", Kind("archive 7z", endings=("7z",))),
    (b"\x1f\x8b", Kind("archive", endings=("gz", "tgz"))),
    (b"ID3", Kind("son", "audio/mpeg", ("mp3",))),
    (b"OggS", Kind("son", "audio/ogg", ("ogg", "oga", "opus"))),
    (b"BEGIN:VCALENDAR", Kind("rendez-vous", endings=("ics",))),
    (b"BEGIN:VCARD", Kind("carte de visite", endings=("vcf",))),
)
_WEBP = Kind("image WebP", "image/webp", ("webp",), is_dots=True)
_FILM = Kind("film", "video/mp4", ("mp4", "m4v", "mov", "m4a", "3gp"))
_PHOTO = Kind("photo HEIC", "image/heic", ("heic", "heif", "avif"))
_IN_ZIP: tuple[tuple[bytes, Kind], ...] = (
    (
        b"application/vnd.oasis.opendocument.text",
        Kind("document OpenDocument", "application/vnd.oasis.opendocument.text", ("odt",)),
    ),
    (
        b"application/vnd.oasis.opendocument.spreadsheet",
        Kind("tableau OpenDocument", "application/vnd.oasis.opendocument.spreadsheet", ("ods",)),
    ),
    (
        b"application/vnd.oasis.opendocument.presentation",
        Kind("présentation OpenDocument", "application/vnd.oasis.opendocument.presentation", ("odp",)),
    ),
    (b"word/vbaProject.bin", Kind("document Word avec macros", endings=("docm",), acts=True)),
    (b"xl/vbaProject.bin", Kind("tableau Excel avec macros", endings=("xlsm",), acts=True)),
    (
        b"word/document",
        Kind(
            "document Word", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", ("docx", "dotx")
        ),
    ),
    (
        b"xl/workbook",
        Kind("tableau Excel", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ("xlsx",)),
    ),
    (
        b"ppt/presentation",
        Kind(
            "présentation PowerPoint",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            ("pptx",),
        ),
    ),
    (b"META-INF/MANIFEST.MF", _SCRIPT),
)
_KNOWN = (*(kind for _, kind in _BY_START), *(kind for _, kind in _IN_ZIP), _WEBP, _FILM, _PHOTO, _ZIP, _LETTER, _TEXT)
_BY_ENDING = {ending: kind for kind in (*_KNOWN, _PAGE, _DRAWING, _PROGRAM, _SCRIPT) for ending in kind.endings}
_MARKED_UP = re.compile(rb"<(?:!doctype html|html|head|body|script|iframe|meta|form|svg)\b", re.IGNORECASE)


def of(raw: bytes) -> tuple[Attached, ...]:
    """Lists what came with a letter beside its words, in its order, within the limits of a message (S14)."""
    apart = parsing.cut(raw)
    words = {id(leaf) for leaf in apart.bodies}
    leaves = enumerate(apart.structure.leaves)
    return tuple(
        _attached(position, leaf, mime.content(apart.raw, leaf)) for position, leaf in leaves if id(leaf) not in words
    )


def given(raw: bytes, position: int) -> tuple[Attached, bytes] | None:
    """Gives one of the files that `of` lists, with its bytes; None where there is none of that number."""
    apart = parsing.cut(raw)
    leaves = apart.structure.leaves
    leaf = leaves[position] if 0 <= position < len(leaves) else None
    if leaf is None or any(leaf is body for body in apart.bodies):
        return None
    content = mime.content(apart.raw, leaf)
    return _attached(position, leaf, content), content


def by_content_id(raw: bytes) -> dict[str, mime.Leaf]:
    """Gives the parts that a letter may show inside itself, by the name that it has for them; the first of a name counts."""
    leaves = parsing.cut(raw).structure.leaves
    return {leaf.content_id: leaf for leaf in reversed(leaves) if leaf.content_id}


def kind_of(content: bytes, name: str = "") -> Kind:
    """Says what bytes are. A name counts only where it makes a text something that acts."""
    if not content:
        return _EMPTY
    start = content[:_LOOKED_AT].lstrip(b"\xef\xbb\xbf \t\r\n")
    for mark, kind in _BY_START:
        if start.startswith(mark):
            return kind
    if start.startswith(b"PK\x03\x04"):
        return next((kind for mark, kind in _IN_ZIP if mark in content), _ZIP)
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return _WEBP
    if start[4:8] == b"ftyp":
        return _PHOTO if start[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"avif") else _FILM
    return _text(content, start, name)


def _text(content: bytes, start: bytes, name: str) -> Kind:
    marked = _MARKED_UP.search(start)
    if marked is not None:
        return _DRAWING if b"<svg" in start.lower() and not _is_page(start) else _PAGE
    named = _BY_ENDING.get(_ending(name))
    if named is not None and named.acts:
        return named
    return _OTHER if b"\0" in content[:_LOOKED_AT] else _TEXT


def _is_page(start: bytes) -> bool:
    return bool(re.search(rb"<(?:!doctype html|html)\b", start, re.IGNORECASE))


def _attached(position: int, leaf: mime.Leaf, content: bytes) -> Attached:
    kind = _LETTER if leaf.content_type.startswith("message/") else kind_of(content, leaf.filename)
    name = leaf.filename or f"piece-{position + 1}{f'.{kind.endings[0]}' if kind.endings else ''}"
    named = _BY_ENDING.get(_ending(name))
    lies = named is not None and kind is not _EMPTY and _ending(name) not in kind.endings and named.words != kind.words
    return Attached(position, headers.file_name(name), kind, len(content), named.words if lies and named else "")


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else name.lower().lstrip(".")
