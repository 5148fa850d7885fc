"""How many mails may leave now, and when may the next one? What a relay lets go a minute, an hour, a day; quiet hours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

# What leaves is counted by slots of ten seconds: a claim never takes more than the pace lets go in one (sending.md, step 1).
SLOT = timedelta(seconds=10)
# No cap looks further back.
LONGEST = timedelta(days=1)

_UNITS = {"min": 60, "h": 3600, "d": 86_400}
_CAP = re.compile(r"([0-9]{1,7})/(min|h|d)")
_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)")

# What providers state for one mailbox, by the end of the host's name; the caps hold over any such time, not by the clock.
# Google: 2,000 a day. Infomaniak: 1,440 a day. IONOS: 500 an hour after the first month. Microsoft 365: 30 a minute and
# 10,000 a day. OVH: 200 an hour. Gandi states none; 1,000 a day is our own caution.
_PRESETS = (
    ("smtp.gmail.com", "60/min,2000/d"),
    ("smtp-relay.gmail.com", "60/min,10000/d"),
    ("infomaniak.com", "60/min,1440/d"),
    ("ionos.com", "60/min,500/h"),
    ("ionos.fr", "60/min,500/h"),
    ("office365.com", "30/min,10000/d"),
    ("ovh.net", "60/min,200/h"),
    ("ovh.com", "60/min,200/h"),
    ("gandi.net", "60/min,1000/d"),
)
_OTHERWISE = "60/min"


@dataclass(frozen=True, slots=True)
class Cap:
    """So many mails in any stretch of so much time."""

    count: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class Use:
    """How many mails were taken in the slot that began at this moment."""

    began: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many mails may leave now; with none, when one may."""

    count: int
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """Every cap at once; without any, as fast as the relay."""

    caps: tuple[Cap, ...] = ()

    def allowance(self, uses: Sequence[Use], *, now: datetime) -> Allowance:
        """Say how many more may leave in this slot, after these uses.

        A slot that is partly inside a stretch counts whole, so that no stretch ever holds more than its cap.
        """
        slot = slot_of(now)
        here = sum(use.count for use in uses if use.began == slot)
        count, again_at = self._a_slot() - here, slot + SLOT
        if count > 0:
            again_at = slot
        for cap in self.caps:
            # What stands further ahead than the stretch is long was counted by a clock that was put back since (R12).
            near = (use for use in uses if use.began - cap.within <= now < use.began + SLOT + cap.within)
            inside = sorted(near, key=lambda use: use.began)
            free = cap.count - sum(use.count for use in inside)
            count = min(count, free)
            if free <= 0:
                again_at = max(again_at, _when_one_is_free(cap, inside, 1 - free))
        return Allowance(count) if count > 0 else Allowance(0, again_at)

    def _a_slot(self) -> int:
        """What the pace lets go in one slot: at least one, and a day's cap may be used in a burst of its own."""
        shortest = min(self.caps, key=lambda cap: cap.within)
        return max(1, -(-shortest.count * int(SLOT.total_seconds()) // int(shortest.within.total_seconds())))

    @property
    def longest(self) -> timedelta:
        """How long the caps may hold a mail back, at most."""
        return max((cap.within + SLOT for cap in self.caps), default=timedelta())

    def lasts(self, mails: int) -> timedelta:
        """Say how long so many mails take at least, when nothing else leaves."""
        if not self.caps or mails <= 0:
            return timedelta()
        waits = [(mails - 1) // cap.count * cap.within for cap in self.caps]
        return max(*waits, (mails - 1) // self._a_slot() * SLOT)

    def __str__(self) -> str:
        """Give the caps as the setting has them."""
        names = {seconds: unit for unit, seconds in _UNITS.items()}
        return ",".join(f"{cap.count}/{names[int(cap.within.total_seconds())]}" for cap in self.caps)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours of the day, local to the cooperative, in which no campaign sends; they may cross midnight."""

    start: time
    end: time
    zone: ZoneInfo

    def until(self, now: datetime) -> datetime | None:
        """Say when the quiet ends; None when it is not quiet now."""
        local = now.astimezone(self.zone)
        hour = local.time()
        crosses = self.end <= self.start
        is_quiet = hour >= self.start or hour < self.end if crosses else self.start <= hour < self.end
        if not is_quiet:
            return None
        day = local.date() + timedelta(days=1) if crosses and hour >= self.start else local.date()
        # On the night of October the hour comes twice: the second ends the quiet. In March it may not come at all.
        end = datetime.combine(day, self.end, self.zone).replace(fold=1).astimezone(UTC)
        return max(end, now + timedelta(minutes=1))


def pace_of(text: str) -> Pace:
    """Read `20/min,150/h,1500/d`; 0 is no cap. Refuses (ValueError) what is none."""
    if text.strip() == "0":
        return Pace()
    caps = []
    for word in text.split(","):
        found = _CAP.fullmatch(word.strip())
        if found is None or int(found[1]) == 0:
            raise ValueError(f"{word.strip()} is no rate: write for instance 20/min, 150/h or 1500/d, or 0 for none")
        caps.append(Cap(int(found[1]), timedelta(seconds=_UNITS[found[2]])))
    return Pace(tuple(caps))


def quiet_hours_of(text: str, zone: ZoneInfo) -> QuietHours:
    """Read `21:00-07:00`. Refuses (ValueError) what is none."""
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text} names no hours")
    start, end = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
    if start == end:
        raise ValueError(f"{text} begins when it ends")
    return QuietHours(start, end, zone)


def preset(host: str) -> Pace:
    """Give the pace that the provider of this relay allows one mailbox; a careful one for a provider we do not know."""
    name = host.lower().rstrip(".")
    known = (caps for end, caps in _PRESETS if name == end or name.endswith(f".{end}"))
    return pace_of(next(known, _OTHERWISE))


def slot_of(now: datetime) -> datetime:
    """Give the beginning of the slot that this moment lies in."""
    seconds = int(SLOT.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)


def _when_one_is_free(cap: Cap, inside: Sequence[Use], needed: int) -> datetime:
    """Say when enough of the oldest uses are behind."""
    for use in inside:
        needed -= use.count
        if needed <= 0:
            return use.began + SLOT + cap.within
    raise ValueError("a cap that is reached without a use")
