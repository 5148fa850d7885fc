"""The days on which the team works; the dates are those that the calendar of service-public.fr gives."""

from __future__ import annotations

from datetime import date

import pytest

from service.core.workdays import is_working_day, public_holidays


def test_there_are_eleven_holidays_a_year() -> None:
    assert public_holidays(2026) == {
        date(2026, 1, 1),
        date(2026, 4, 6),
        date(2026, 5, 1),
        date(2026, 5, 8),
        date(2026, 5, 14),
        date(2026, 5, 25),
        date(2026, 7, 14),
        date(2026, 8, 15),
        date(2026, 11, 1),
        date(2026, 11, 11),
        date(2026, 12, 25),
    }


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 11, 27), True),
        (date(2026, 11, 28), False),
        (date(2026, 11, 29), False),
        (date(2026, 11, 30), True),
        (date(2027, 3, 29), False),
        (date(2027, 5, 6), False),
        (date(2027, 5, 7), True),
    ],
)
def test_nobody_works_on_weekends_and_holidays(day: date, works: bool) -> None:
    assert is_working_day(day) is works
