"""When is a mail sent, or read, again, and when is it given up? (Sending: RFC 5321 section 4.5.4.1.)"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

# A reading that hangs is ended after two minutes, and killed a minute later: no pause is shorter than that.
_READING_PAUSES = (5, 10, 30, 60, 5)  # minutes, after each attempt; after the last only its end is awaited
MOST_READINGS = len(_READING_PAUSES)
# A message that the mailbox's server names and does not give: soon again, then for as long as it lies there.
_FETCHING_PAUSES = (1, 5, 15, 60, 120)  # minutes
# From then on the staff are told; it is still asked for, and the last word is theirs: they move or delete it.
SHOWN_AS_MISSED_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Retries:
    """When a mail that was put off is tried again, and for how long (RFC 5321 4.5.4.1: both must be configurable; D18).

    Greylisting asks for 5 to 15 minutes; the RFC for 30 minutes at least between later tries, and 4 to 5 days in all.
    """

    delays: tuple[timedelta, ...] = (
        timedelta(minutes=15),
        timedelta(minutes=30),
        timedelta(hours=1),
        timedelta(hours=2),
        timedelta(hours=4),
    )
    give_up_after: timedelta = timedelta(days=5)

    def next_try(self, attempts: int, *, now: datetime) -> datetime:
        """Say when a mail that was put off `attempts` times is tried again."""
        return now + self.delays[min(max(attempts, 1), len(self.delays)) - 1]

    def is_over(self, first_handed_at: datetime, *, now: datetime) -> bool:
        """Whether a mail has been tried for so long that we let go."""
        return now - first_handed_at >= self.give_up_after


DEFAULT_RETRIES = Retries()


def relay_pause(failures: int) -> timedelta:
    """Say how long a relay that could not be used so many times in a row is left alone: a minute, growing to fifteen."""
    return timedelta(minutes=min(2 ** max(failures - 1, 0), 15))


def next_reading(attempts: int, *, now: datetime) -> datetime:
    """Say when a message whose reading began `attempts` times may be read again, if it has not been read by then."""
    return now + timedelta(minutes=_READING_PAUSES[min(max(attempts, 1), MOST_READINGS) - 1])


def next_fetch(attempts: int, *, now: datetime) -> datetime:
    """Say when a message that its server did not give `attempts` times is asked for again."""
    return now + timedelta(minutes=_FETCHING_PAUSES[min(max(attempts, 1), len(_FETCHING_PAUSES)) - 1])


def login_pause(refusals: int) -> timedelta:
    """Say how long a mailbox that refused the password so many times in a row is left alone: hosts lock accounts."""
    return timedelta(minutes=min(2 ** max(refusals - 1, 0), 15))


def move_pause(refusals: int) -> timedelta:
    """Say how long a folder is left alone out of which the server refused so many times in a row to move something."""
    return timedelta(minutes=min(2 ** max(refusals - 1, 0), 15))
