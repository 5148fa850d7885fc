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


@given(texts.map(lambda text: text.replace("\n", "")), st.sampled_from([0, 9]))
def test_encoded_words_read_back_and_none_is_longer_than_75_octets(text: str, taken: int) -> None:
    words = encoded_words(text, taken=taken)
    assert str(make_header(decode_header("\r\n ".join(words)))) == text
    assert [word for word in words if len(word) > 75] == []
    assert not words or len(words[0]) + taken <= 75
