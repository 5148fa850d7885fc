"""The hours of the next tries: greylisting first, then longer and longer, for days (RFC 5321 section 4.5.4.1; D18)."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from service.core.pacing import DEFAULT_RETRIES, Retries
from tests.builders import NOON


def waits(retries: Retries, tries: int) -> list[timedelta]:
    return [retries.next_try(attempts, now=NOON) - NOON for attempts in range(1, tries + 1)]


def test_d18_the_usual_delays_begin_after_greylisting_and_grow() -> None:
    """5 to 15 minutes, then half an hour at least, each longer than the one before, and the last for ever after."""
    found = waits(DEFAULT_RETRIES, len(DEFAULT_RETRIES.delays))
    assert timedelta(minutes=5) <= found[0] <= timedelta(minutes=15)
    assert all(wait >= timedelta(minutes=30) for wait in found[1:])
    assert len(found) >= 4
    assert all(shorter < longer for shorter, longer in pairwise(found))
    assert waits(DEFAULT_RETRIES, 40)[len(found) :] == [found[-1]] * (40 - len(found))


def test_d18_the_usual_time_of_giving_up_is_four_days_at_least() -> None:
    assert DEFAULT_RETRIES.give_up_after >= timedelta(days=4)
    last = NOON + DEFAULT_RETRIES.give_up_after
    assert not DEFAULT_RETRIES.is_over(NOON, now=last - timedelta(seconds=1))
    assert DEFAULT_RETRIES.is_over(NOON, now=last)


@pytest.mark.parametrize(("attempts", "minutes"), [(0, 2), (1, 2), (2, 7), (3, 7)])
def test_d18_other_delays_are_taken_as_they_were_set(attempts: int, minutes: int) -> None:
    retries = Retries((timedelta(minutes=2), timedelta(minutes=7)))
    assert retries.next_try(attempts, now=NOON) == NOON + timedelta(minutes=minutes)
