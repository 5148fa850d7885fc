"""When is a mail sent, or read, again, and when is it given up? (Sending: RFC 5321 section 4.5.4.1.)"""

from __future__ import annotations

from datetime import datetime, timedelta

# Greylisting asks for 5 to 15 minutes; the RFC for 30 minutes at least between later tries.
_DELAYS = (timedelta(minutes=15), timedelta(minutes=30), timedelta(hours=1), timedelta(hours=2), timedelta(hours=4))
GIVE_UP_AFTER = timedelta(days=5)

# A reading that hangs is ended after two minutes, and killed a minute later: no pause is shorter than that.
_READING_PAUSES = (5, 10, 30, 60, 5)  # minutes, after each attempt; after the last only its end is awaited
MOST_READINGS = len(_READING_PAUSES)


def next_try(attempts: int, *, now: datetime) -> datetime:
    """Say when a mail that was put off `attempts` times is tried again: 15 minutes, then growing up to 4 hours."""
    return now + _DELAYS[min(max(attempts, 1), len(_DELAYS)) - 1]


def is_over(first_handed_at: datetime, *, now: datetime) -> bool:
    """Whether a mail has been tried for 5 days, the time after which the RFC lets go."""
    return now - first_handed_at >= GIVE_UP_AFTER


def next_reading(attempts: int, *, now: datetime) -> datetime:
    """Say when a message whose reading began `attempts` times may be read again, if it has not been read by then."""
    return now + timedelta(minutes=_READING_PAUSES[min(max(attempts, 1), MOST_READINGS) - 1])
