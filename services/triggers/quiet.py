"""Quiet hours: when cards that nobody asked for wait for the morning."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


def end_of_quiet(quiet: str, zone: str, now: datetime) -> datetime | None:
    """When the quiet hours end in which `now` falls; None outside them. `quiet` is like "22-06" or "21:30-06:15"."""
    if not quiet:
        return None
    start, end = (_clock(part) for part in quiet.split("-"))
    where = ZoneInfo(zone)
    local = now.astimezone(where)
    at = local.time().replace(tzinfo=None)
    inside = start <= at < end if start < end else at >= start or at < end
    if start == end or not inside:
        return None
    day = local.date() + timedelta(days=1 if start > end and at >= start else 0)
    # Where the clocks jump over the end, zoneinfo takes the first moment after it.
    return datetime.combine(day, end, where).astimezone(UTC)


def _clock(text: str) -> time:
    hour, _, minute = text.partition(":")
    return time(int(hour), int(minute or 0))
