"""An hour typed on a page or a command line is an hour of the cooperative's clocks."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from service.core.hours import instant_of
from service.core.refusals import Refusal

PARIS = ZoneInfo("Europe/Paris")


def test_winter_and_summer_hours_are_told_apart() -> None:
    assert instant_of("2026-12-01T09:00", PARIS, option="at") == datetime(2026, 12, 1, 8, tzinfo=UTC)
    assert instant_of("2026-07-01T09:00", PARIS, option="at") == datetime(2026, 7, 1, 7, tzinfo=UTC)


def test_the_repeated_hour_of_october_is_the_first() -> None:
    assert instant_of("2026-10-25T02:30", PARIS, option="at") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_the_missing_hour_of_march_is_refused_at_its_field() -> None:
    with pytest.raises(Refusal, match="n’existe pas") as refused:
        instant_of("2027-03-28T02:30", PARIS, option="at")
    assert refused.value.field == "at"


@pytest.mark.parametrize("text", ["", "demain", "2026-13-01T09:00", "2026-12-01T25:00"])
def test_what_is_no_hour_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Refusal, match="par exemple"):
        instant_of(text, PARIS, option="at")


@pytest.mark.parametrize("text", ["0001-01-01T00:00", "9999-12-31T23:59-05:00"])
def test_an_hour_beyond_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="n’est pas une date"):
        instant_of(text, PARIS, option="at")
