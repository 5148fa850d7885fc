"""How many mails may leave now, and when the next one may (contract: SEND_RATE, QUIET_HOURS; D20)."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from service.core.pace import SLOT, Pace, Use, pace_of, preset, quiet_hours_of, slot_of

NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
CAPS = st.lists(
    st.builds(lambda count, unit: f"{count}/{unit}", st.integers(1, 40), st.sampled_from(["min", "h"])),
    min_size=1,
    max_size=3,
).map(",".join)


def _sent(pace: Pace, mails: int, pauses: list[int]) -> list[datetime]:
    """Take mails as soon as the pace lets them go, each claim a few seconds late; give the moment of each."""
    now = NOON
    uses: dict[datetime, int] = {}
    sent: list[datetime] = []
    late = iter(pauses * mails)
    while len(sent) < mails:
        allowance = pace.allowance([Use(began, count) for began, count in uses.items()], now=now)
        if allowance.count == 0:
            assert allowance.again_at is not None
            assert allowance.again_at > now
            now = allowance.again_at
            continue
        taken = min(allowance.count, mails - len(sent))
        uses[slot_of(now)] = uses.get(slot_of(now), 0) + taken
        sent += [now] * taken
        now += timedelta(seconds=next(late, 0))
    return sent


@given(CAPS, st.integers(1, 120), st.lists(st.integers(0, 45), min_size=1, max_size=5))
def test_no_stretch_of_time_holds_more_than_its_cap_and_everybody_leaves(
    caps: str, mails: int, pauses: list[int]
) -> None:
    pace = pace_of(caps)
    sent = _sent(pace, mails, pauses)
    for cap in pace.caps:
        for begin, moment in enumerate(sent):
            inside = sum(other < moment + cap.within for other in sent[begin:])
            assert inside <= cap.count


@given(CAPS, st.integers(1, 60))
def test_the_time_that_is_told_is_never_longer_than_what_it_takes(caps: str, mails: int) -> None:
    pace = pace_of(caps)
    assert NOON + pace.lasts(mails) <= _sent(pace, mails, [0])[-1] + SLOT


def test_a_cap_that_is_reached_names_the_hour_at_which_the_next_mail_may_leave() -> None:
    hourly = pace_of("150/h")
    uses = [Use(NOON + n * SLOT, 1) for n in range(150)]
    allowance = hourly.allowance(uses, now=NOON + timedelta(minutes=30))
    assert (allowance.count, allowance.again_at) == (0, NOON + SLOT + timedelta(hours=1))


def test_a_slot_lets_go_what_the_shortest_cap_allows_in_ten_seconds() -> None:
    assert pace_of("20/min,150/h").allowance((), now=NOON).count == 4
    assert pace_of("1500/d").allowance((), now=NOON).count == 1
    assert pace_of("600/min,10/d").allowance((), now=NOON).count == 10


def test_without_a_cap_nothing_takes_time() -> None:
    assert pace_of("0").caps == ()
    assert pace_of("0").lasts(100_000) == timedelta()


@pytest.mark.parametrize("text", ["", "20", "20/", "/min", "-1/min", "0/min", "20/s", "20/min,", "1e3/h", "٢/min"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no rate"):
        pace_of(text)


def test_a_rate_is_written_as_it_is_read() -> None:
    assert str(pace_of("20/min, 150/h,1500/d")) == "20/min,150/h,1500/d"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("ssl0.ovh.net", "60/min,200/h"),
        ("mail.infomaniak.com", "60/min,1440/d"),
        ("SMTP.IONOS.FR.", "60/min,500/h"),
        ("smtp.gmail.com", "60/min,2000/d"),
        ("mail.gandi.net", "60/min,1000/d"),
        ("notovh.net", "60/min"),
        ("smtp.passerelles.example", "60/min"),
    ],
)
def test_each_provider_has_its_usual_pace(host: str, expected: str) -> None:
    assert str(preset(host)) == expected


CHANGES = [
    datetime(year, month, max(day for day in range(25, 32) if datetime(year, month, day).weekday() == 6), 1, tzinfo=UTC)  # noqa: DTZ001
    for year in range(2023, 2041)
    for month in (3, 10)
]
MINUTE = timedelta(minutes=1)


# The hours that come twice, or not at all, and any.
HOURS = st.times(time(1), time(3, 30)) | st.times()


@settings(max_examples=200)
@given(st.sampled_from(CHANGES), st.integers(-120, 120) | st.integers(-2160, 720), HOURS, HOURS)
def test_r12_quiet_hours_end_once_and_in_time_in_every_night_that_changes(
    change: datetime, minutes: int, start: time, end: time
) -> None:
    """Whoever asks is told an hour to come that is not quiet, at most an hour after the first such minute.

    A quiet that begins in the hour that comes twice begins at the first, and the minutes before the second are its own.
    """
    assume(start.hour != 2 and f"{start:%H:%M}" != f"{end:%H:%M}")
    quiet = quiet_hours_of(f"{start:%H:%M}-{end:%H:%M}", PARIS)
    now = change + minutes * MINUTE
    told = now
    while (until := quiet.until(told)) is not None:
        assert until > told
        told = until
    first = now
    while quiet.until(first) is not None:
        first += MINUTE
    assert first <= told <= first + timedelta(hours=1)


@pytest.mark.parametrize(
    ("hours", "local", "until"),
    [
        ("21:00-07:00", "2026-11-27T20:59", None),
        ("21:00-07:00", "2026-11-27T21:00", "2026-11-28T07:00"),
        ("21:00-07:00", "2026-11-28T06:59", "2026-11-28T07:00"),
        ("21:00-07:00", "2026-11-28T07:00", None),
        ("12:00-14:00", "2026-11-28T13:00", "2026-11-28T14:00"),
        # The night on which clocks are put back is an hour longer; the quiet ends at the local hour.
        ("21:00-07:00", "2026-10-24T23:00", "2026-10-25T07:00"),
        ("21:00-07:00", "2027-03-27T23:00", "2027-03-28T07:00"),
    ],
)
def test_quiet_hours_end_at_the_hour_of_the_cooperative(hours: str, local: str, until: str | None) -> None:
    now = datetime.fromisoformat(local).replace(tzinfo=PARIS)
    expected = datetime.fromisoformat(until).replace(tzinfo=PARIS) if until else None
    assert quiet_hours_of(hours, PARIS).until(now) == expected


@pytest.mark.parametrize("text", ["21:00", "21:00-25:00", "21h-7h", "07:00-07:00", ""])
def test_what_names_no_hours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        quiet_hours_of(text, PARIS)
