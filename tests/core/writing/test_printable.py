"""Does nothing that a mail cannot show come through?"""

from __future__ import annotations

import unicodedata
from itertools import chain

from service.core.writing.printable import one_line

NEVER = chain(
    range(32), range(0x7F, 0xA0), range(0x2028, 0x202F), range(0x2066, 0x206A), range(0xD800, 0xE000), range(0xF0000, 0x110000)
)  # fmt: skip


def test_s9_no_control_override_or_mark_comes_through_a_line() -> None:
    assert [number for number in NEVER if chr(number) in one_line(f"é{chr(number)}b").replace(" ", "")] == []
    assert one_line("a\r\n.\tb\u2028c") == "a . b c"


def test_accents_are_composed_and_spaces_are_single() -> None:
    assert one_line(unicodedata.normalize("NFD", " Chloé  L’Hôte ")) == "Chloé L’Hôte"
    assert one_line("a  b ") == "a b"
