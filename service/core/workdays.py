"""Does the team work on this day?"""

from __future__ import annotations

from datetime import date, timedelta

from dateutil.easter import easter

# Month and day: New Year, Labour Day, Victory, National Day, Assumption, All Saints, Armistice, Christmas.
_FIXED = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))
# Days after Easter Sunday: Easter Monday, Ascension, Whit Monday.
_AFTER_EASTER = (1, 39, 50)


def public_holidays(year: int) -> frozenset[date]:
    """Give the eleven public holidays of a year (Code du travail, article L3133-1)."""
    sunday = easter(year)
    moving = {sunday + timedelta(days=days) for days in _AFTER_EASTER}
    return frozenset({date(year, month, day) for month, day in _FIXED} | moving)


def is_working_day(day: date) -> bool:
    """Whether people work: from Monday to Friday, but for the public holidays."""
    return day.weekday() < 5 and day not in public_holidays(day.year)
