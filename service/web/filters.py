"""How do dates, counts and French typography look on a page?"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from flask import Flask, url_for

from service.core import french
from service.core.french import NO_BREAK
from service.web.typography import FrenchSpaces


def register(app: Flask, *, zone: ZoneInfo, now: Callable[[], datetime]) -> None:
    """Give the templates their filters and make their own words typeset."""
    environment = app.jinja_env
    environment.add_extension(FrenchSpaces)
    environment.globals["asset"] = _asset(Path(app.static_folder or ""))
    environment.filters.update(
        typeset=french.typeset,
        day=lambda value: day(value, zone),
        short_day=lambda value: short_day(value, zone),
        moment=lambda value: moment(value, zone),
        clock=lambda value: french.hour(value.astimezone(zone).time()),
        ago=lambda value: ago(value, now(), zone),
        number=french.number,
        counted=french.count,
        weight=weight,
        de=french.de,
        sentence=french.sentence,
    )


def day(value: date | datetime, zone: ZoneInfo) -> str:
    """Write a day: « vendredi 12 mai 2023 »."""
    return french.date_in_words(_local(value, zone))


def short_day(value: date | datetime, zone: ZoneInfo) -> str:
    """Write a day without its name: « 12 mai 2023 »."""
    return french.date_in_words(_local(value, zone)).partition(" ")[2]


def moment(value: datetime, zone: ZoneInfo) -> str:
    """Write an instant: « vendredi 12 mai 2023 à 9 h 02 »."""
    return f"{day(value, zone)} à {french.hour(value.astimezone(zone).time())}"


def hour_or_moment(value: datetime, now: datetime, zone: ZoneInfo) -> str:
    """Write when something will be: « à 10 h » today, « demain à 7 h », « vendredi 12 mai 2023 à 9 h 02 » later."""
    there, here = value.astimezone(zone), now.astimezone(zone)
    words = f"à {french.hour(there.time())}"
    days = (there.date() - here.date()).days
    if days == 0:
        return words
    return f"demain {words}" if days == 1 else moment(value, zone)


def weight(size: int) -> str:
    """Write how heavy a file is: « 12 octets », « 240 ko », « 3,2 Mo » (thousands, as file managers say it)."""
    if size < 1000:
        return french.count(size, "octet", "octets")
    if size < 1_000_000:
        return f"{round(size / 1000)}{NO_BREAK}ko"
    return f"{size / 1_000_000:.1f}{NO_BREAK}Mo".replace(".", ",").replace(",0", "")


def ago(value: datetime, now: datetime, zone: ZoneInfo) -> str:
    """Write how long ago something was, or how long it is still: « il y a 3 j », « hier », « dans 5 min »."""
    away = abs(now - value)
    if away >= timedelta(days=30):
        return f"le {short_day(value, zone)}"
    if away < timedelta(seconds=60):
        return "à l’instant"
    days = abs((now.astimezone(zone).date() - value.astimezone(zone).date()).days)
    if days == 1 and away >= timedelta(hours=12):
        return "hier" if value < now else "demain"
    amount = _amount(away, days)
    return f"il y a {amount}" if value < now else f"dans {amount}"


def _amount(away: timedelta, days: int) -> str:
    minutes = int(away.total_seconds() // 60)
    if minutes < 60:
        return f"{minutes}{NO_BREAK}min"
    if minutes < 24 * 60:
        return f"{minutes // 60}{NO_BREAK}h"
    return f"{days}{NO_BREAK}j"


def _local(value: date | datetime, zone: ZoneInfo) -> date:
    return value.astimezone(zone).date() if isinstance(value, datetime) else value


def _asset(folder: Path) -> Callable[[str], str]:
    @cache
    def asset(name: str) -> str:
        """Give the address of a static file, with its fingerprint so that browsers may keep it for long."""
        return url_for("static", filename=name, v=hashlib.sha256((folder / name).read_bytes()).hexdigest()[:12])

    return asset
