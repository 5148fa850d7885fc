"""Dates and hours as people give them: local to the cooperative's zone, in a winter as in a summer."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from service.core.refusals import Refusal


def instant_of(text: str, zone: ZoneInfo, *, option: str) -> datetime:
    """Read `2026-12-01T09:00` as an hour of the zone; the repeated hour of October means the first.

    Refuses what is no date, and the hour that does not exist on a night of March.
    """
    try:
        local = datetime.fromisoformat(text)
        # The first and the last day of the calendar have no instant in UTC.
        local.replace(tzinfo=local.tzinfo or zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Refusal(
            f"« {text} » n’est pas une date et une heure : écrivez par exemple 2026-12-01T09:00.", field=option
        ) from error
    if local.tzinfo is not None:
        return local.astimezone(UTC)
    at = local.replace(tzinfo=zone, fold=0)
    if at.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local:
        raise Refusal(
            f"Cette heure n’existe pas : dans la nuit du {local:%d/%m/%Y}, on avance d’une heure. Choisissez-en une autre.",
            field=option,
        )
    return at.astimezone(UTC)
