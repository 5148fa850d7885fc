"""Repeats: the first row of a text is told again, however many others came between."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.core.roster.repeats import FirstRows


@given(st.lists(st.text(max_size=2), max_size=60))
def test_each_text_is_tied_to_the_row_that_first_said_it(texts: list[str]) -> None:
    seen = FirstRows()
    assert [seen.first(text, row) for row, text in enumerate(texts)] == [texts.index(text) for text in texts]


def test_rows_are_remembered_while_the_table_grows() -> None:
    seen = FirstRows()
    for row in range(5_000):
        assert seen.first(f"membre {row}", row) == row
    assert [seen.first(f"membre {row}", 9_999) for row in range(5_000)] == list(range(5_000))
