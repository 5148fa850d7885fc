"""What of a typed text can a mail carry and show?"""

from __future__ import annotations

import re
import unicodedata

# Controls (tab and newline apart), line and paragraph separators, bidirectional overrides (they can turn an address
# round), lone surrogates, and the private-use planes that marks are made of.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\U000f0000-\U0010ffff]"
)
_SPACES = re.compile(" {2,}")
_LINE_ENDS = re.compile("[\t-\r\x85\u2028\u2029]+")


def printable(text: str) -> str:
    """Takes out of a typed text what no mail can carry or show; lines end in LF, accents are composed (NFC)."""
    return _UNPRINTABLE.sub("", unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")))


def one_line(value: str) -> str:
    """Makes one line of a value, with single spaces, so that it can neither add a header (S9) nor break a sentence."""
    # What is printable to Python is none of the above: most values are, and are neither searched nor copied.
    if not value.isprintable():
        value = _UNPRINTABLE.sub("", _LINE_ENDS.sub(" ", value))
    if not value.isascii():
        value = unicodedata.normalize("NFC", value)
    return (_SPACES.sub(" ", value) if "  " in value else value).strip()
