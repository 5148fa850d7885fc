"""Do words survive their encoding, and do its lines keep to what every relay takes?"""

from __future__ import annotations

import quopri
from email.header import decode_header, make_header

from hypothesis import example, given
from hypothesis import strategies as st

from service.core.writing.encoding import encoded_words, quoted_printable

texts = st.text(st.sampled_from("ab. =é\n€😀Z_?"), max_size=300)


@given(texts)
@example(("x" * 73 + ".") * 3)
@example("é" * 40 + " ")
@example("=" * 80)
def test_quoted_printable_reads_back_and_no_line_is_long_begins_with_a_dot_or_ends_with_a_space(text: str) -> None:
    encoded = quoted_printable(text)
    assert quopri.decodestring(encoded) == text.replace("\n", "\r\n").encode()
    lines = encoded.split(b"\r\n")
    assert max(map(len, lines)) <= 76
    assert [line for line in lines if line.startswith(b".") or line.endswith(b" ")] == []


def by_the_book(text: str) -> bytes:
    """The same, an octet after the other."""
    lines = []
    for line in text.split("\n"):
        row = ""
        for octet in line.encode():
            token = chr(octet) if 32 <= octet < 127 and octet != ord("=") else f"={octet:02X}"
            if len(row) + len(token) > 73:
                lines.append(row + "=")
                row = ""
            row += "=2E" if token == "." and not row else token
        # The escape of a last space is not counted in the width.
        lines.append(f"{row[:-1]}=20" if row.endswith(" ") else row)
    return "\r\n".join(lines).encode()


def test_names_and_links_are_quoted_quickly_and_by_the_book() -> None:
    ends = ("", "x.", "é", " ", ".", "=", "x ", "\t", "\x7f", "x\n", "\u00a0", "😀")
    lengths = (0, 70, 71, 72, 73, 144, 145, 146, 220)
    texts = [
        f"{start}{'x' * many}{middle}{end}" for start in ends for many in lengths for middle in ends for end in ends
    ]
    assert [text for text in texts if quoted_printable(text) != by_the_book(text)] == []


@given(texts.map(lambda text: text.replace("\n", "")), st.sampled_from([0, 9]))
def test_encoded_words_read_back_and_none_is_longer_than_75_octets(text: str, taken: int) -> None:
    words = encoded_words(text, taken=taken)
    assert str(make_header(decode_header("\r\n ".join(words)))) == text
    assert [word for word in words if len(word) > 75] == []
    assert not words or len(words[0]) + taken <= 75
