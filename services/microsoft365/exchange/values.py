"""Reading the fields of an Exchange row. A property that the row does not have at all is an unreadable answer:
what could not be read must never look like "nothing there".
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from services.errors import UpstreamDown
from services.microsoft365.exchange.backend import SERVICE, Record

_FRACTION = re.compile(r"(\.\d{6})\d+")
_SPAN = re.compile(r"(-)?(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.\d+)?")
_MOST = 2**64 - 1  # ids of inbox rules use all of it
_UNSET: tuple[Any, ...] = (None, "", [], {})


def need(row: Record, name: str) -> Any:
    """The value of a property that every such row has."""
    if name not in row:
        raise UpstreamDown(service=SERVICE, reason="unreadable-answer", property=name)
    return row[name]


def text(row: Record, name: str) -> str:
    """A string; an unset one is empty."""
    value = need(row, name)
    return "" if value in _UNSET else str(value)


def optional_text(row: Record, name: str) -> str:
    """A string of a property that not every row has."""
    value = row.get(name)
    return "" if value in _UNSET else str(value)


def flag(row: Record, name: str) -> bool:
    """A boolean; PowerShell writes some as text."""
    found = optional_flag(row, name)
    need(row, name)
    return bool(found)


def optional_flag(row: Record, name: str) -> bool | None:
    """A boolean that may be unset: None."""
    value = row.get(name)
    if value in _UNSET:
        return None
    return value if isinstance(value, bool) else str(value).strip().lower() == "true"


def number(row: Record, name: str) -> int:
    """A whole number; an unset one is 0."""
    value = need(row, name)
    try:
        found = 0 if value in _UNSET else int(value)
    except (TypeError, ValueError, OverflowError):
        raise UpstreamDown(service=SERVICE, reason="unreadable-answer", property=name) from None
    if abs(found) > _MOST:
        raise UpstreamDown(service=SERVICE, reason="unreadable-answer", property=name)
    return found


def texts(row: Record, name: str) -> tuple[str, ...]:
    """A list of strings, whether it came as a list, as one string or not set."""
    return listed(need(row, name))


def optional_texts(row: Record, name: str) -> tuple[str, ...]:
    """A list of strings of a property that not every row has."""
    return listed(row.get(name))


def listed(value: Any) -> tuple[str, ...]:
    """Any multi-valued form as strings."""
    if value in _UNSET:
        return ()
    if isinstance(value, (list, tuple)):
        return tuple(str(item) for item in value if item not in _UNSET)
    return (str(value),)


def rights(row: Record, name: str = "AccessRights") -> tuple[str, ...]:
    """Access rights, whose elements may themselves be comma-joined."""
    return tuple(part.strip() for item in texts(row, name) for part in item.split(",") if part.strip())


def moment(row: Record, name: str) -> datetime | None:
    """A time in UTC, None where it is not set. Seven digits of fraction are one too many for Python."""
    value = row.get(name)
    if value in _UNSET:
        return None
    try:
        found = datetime.fromisoformat(_FRACTION.sub(r"\1", str(value)).replace("Z", "+00:00"))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UpstreamDown(service=SERVICE, reason="unreadable-answer", property=name) from None


def span(row: Record, name: str) -> timedelta | None:
    """A .NET time span, None for unset and "Unlimited"."""
    value = row.get(name)
    found = _SPAN.fullmatch(str(value)) if value not in _UNSET else None
    if found is None:
        return None
    sign, days, hours, minutes, seconds = found.groups()
    try:
        size = timedelta(days=int(days or 0), hours=int(hours), minutes=int(minutes), seconds=int(seconds))
    except (OverflowError, ValueError):
        return None
    return -size if sign else size
