"""How a row goes over the wire: side-car type keys before the values, seven-digit times, strings for the rest."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

# Times that end in Z although their name does not end in UTC, and the one that carries no zone at all.
_ZULU = frozenset({"Received", "CreatedDatetime", "ChangedDatetime", "FirstSyncTime", "Date"})
_BARE = frozenset({"CreationDate"})


def render(row: dict[str, Any], select: Iterable[str] | None = None) -> dict[str, Any]:
    """One row as JSON; `select` keeps only the named properties."""
    wanted = None if select is None else {name.lower() for name in select}
    out: dict[str, Any] = {}
    for name, value in row.items():
        if wanted is not None and name.lower() not in wanted:
            continue
        _put(out, name, value)
    return out


def _put(out: dict[str, Any], name: str, value: Any) -> None:
    if isinstance(value, datetime):
        out[f"{name}@data.type"] = "System.DateTime"
        out[name] = moment(name, value)
    elif isinstance(value, UUID):
        out[f"{name}@odata.type"] = "#Guid"
        out[name] = str(value)
    elif isinstance(value, timedelta):
        out[name] = span(value)
    elif isinstance(value, Enum):
        out[name] = str(value.value)
    elif isinstance(value, (list, tuple)):
        out[f"{name}@odata.type"] = "#Collection(String)"
        out[name] = [str(item) if not isinstance(item, dict) else item for item in value]
    elif isinstance(value, int) and not isinstance(value, bool):
        out[f"{name}@data.type"] = "System.UInt64" if value > 2**31 else "System.Int32"
        out[name] = value
    else:
        out[name] = value


def moment(name: str, value: datetime) -> str:
    """A .NET round-trip time with seven digits; the ending depends on the property."""
    text = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0"
    if name in _BARE:
        return text
    return text + ("Z" if name.endswith(("UTC", "Utc")) or name in _ZULU else "+00:00")


def span(value: timedelta) -> str:
    """A .NET TimeSpan."""
    seconds = int(value.total_seconds())
    days, rest = divmod(seconds, 86_400)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days}.{clock}" if days else clock


def local(value: datetime | None) -> str:
    """A time inside a text."""
    return "" if value is None else value.astimezone(UTC).strftime("%d/%m/%Y %H:%M:%S")
