"""What text do these bytes hold? Bytes of any charset become clean text; nothing here raises."""

from __future__ import annotations

import codecs
import re
import unicodedata

_ALIASES = {
    # Windows programs declare Latin-1 and ASCII but write the euro sign and the apostrophe of windows-1252.
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "ansi_x3.4-1968": "cp1252",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "x-sjis": "cp932",
    "shift_jis": "cp932",
    "macintosh": "mac-roman",
    "unicode-1-1-utf-7": "utf-7",
}
_NAME = re.compile(r"[a-z0-9][a-z0-9._:-]{1,39}")
# Codecs of Python that are no charset of mail.
_NOT_FOR_MAIL = frozenset({"unicode_escape", "raw_unicode_escape", "idna", "punycode", "undefined", "mbcs", "oem"})
# Their bytes look like ASCII or UTF-8, so that only the declaration tells them.
_STATEFUL = re.compile(r"iso2022|iso-2022|utf-7|utf-?16|utf-?32|hz")
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff\ud800-\udfff]")
# Overrides of the writing direction can make a name or a file name read as another.
_DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_BLANKS = re.compile(r"[ \t\n]+")


def decode(raw: bytes, declared: str = "") -> str:
    """Reads bytes as UTF-8 when they are, else as the declared charset, else as windows-1252 (Discourse's order)."""
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return clean(raw.decode(name, "replace"))
    name = _charset(declared)
    attempts = [name, "utf-8"] if _STATEFUL.match(name) else ["utf-8", name]
    for attempt in filter(None, attempts):
        text = _strictly(raw, attempt)
        if text is not None:
            return clean(text)
    if name in {"utf-8", "utf8"}:
        return clean(_utf8_with_strays(raw))
    return clean(raw.decode("cp1252", "replace"))


def clean(text: str) -> str:
    """Removes what no database or page takes (NUL, BOM, lone surrogates, other controls) and composes accents (NFC)."""
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text)))


def clean_line(text: str) -> str:
    """Makes one line of a header value: no CR, LF or U+2028 survives (S9), nor a change of writing direction."""
    return _BLANKS.sub(" ", _DIRECTIONS.sub("", clean(text))).strip()


def _charset(declared: str) -> str:
    words = declared.strip().strip("\"'").lower().split()
    name = words[0].strip("\"';,") if words else ""
    name = _ALIASES.get(name, name)
    if not _NAME.fullmatch(name):
        return ""
    try:
        known = codecs.lookup(name).name
    except (LookupError, ValueError):
        return ""
    return "" if known in _NOT_FOR_MAIL else known


def _strictly(raw: bytes, charset: str) -> str | None:
    try:
        return raw.decode(charset)
    except (LookupError, ValueError):
        return None


def _utf8_with_strays(raw: bytes) -> str:
    """Reads mostly UTF-8 bytes: one stray byte does not turn every accent of the letter into two signs."""
    text = raw.decode("utf-8", "surrogateescape")
    return re.sub("[\udc80-\udcff]", lambda stray: bytes([ord(stray[0]) - 0xDC00]).decode("cp1252", "replace"), text)
