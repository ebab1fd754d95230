"""Working hours, by the clock of each recipient's own zone."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.blasts.model import Hours

log = logging.getLogger(__name__)


def is_open(hours: Hours, zone: str, now: datetime) -> bool:
    """Whether a message may arrive there now."""
    local = now.astimezone(_zone(zone))
    return local.weekday() in hours.days and hours.start <= local.time() < hours.end


def next_opening(hours: Hours, zone: str, now: datetime) -> datetime:
    """When a message may arrive there next; `now` where it may already.

    On the day on which the clocks jump over the start, it is the first moment after it.
    """
    if is_open(hours, zone, now):
        return now
    where = _zone(zone)
    local = now.astimezone(where)
    for days in range(9):
        day = (local + timedelta(days=days)).date()
        if day.weekday() not in hours.days:
            continue
        opening = datetime.combine(day, hours.start, where).astimezone(UTC)
        if opening > now:
            return opening
    raise AssertionError("there is an open day in every week")


@lru_cache(maxsize=1024)
def _zone(name: str) -> tzinfo:
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        log.warning("an unknown time zone counts as UTC")
        return UTC
