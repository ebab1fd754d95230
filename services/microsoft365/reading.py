"""Reading Graph's JSON without trusting it: a value of the wrong type reads as absent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_OBJECT_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_MOST = 2**63 - 1  # what a column of a database holds


def text(entry: Mapping[str, Any], key: str) -> str:
    """A string, empty where there is none."""
    value = entry.get(key)
    return value if isinstance(value, str) else ""


def number(entry: Mapping[str, Any], key: str) -> int | None:
    value = entry.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MOST else None


def decimal(entry: Mapping[str, Any], key: str) -> float | None:
    value = entry.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= _MOST:
        return None
    return float(value)


def flag(entry: Mapping[str, Any], key: str) -> bool | None:
    value = entry.get(key)
    return value if isinstance(value, bool) else None


def moment(entry: Mapping[str, Any], key: str) -> datetime | None:
    """A time, in UTC."""
    try:
        found = datetime.fromisoformat(text(entry, key))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def texts(entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = entry.get(key)
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def objects(entry: Mapping[str, Any], key: str) -> tuple[Mapping[str, Any], ...]:
    value = entry.get(key)
    return tuple(each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()


def child(entry: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object inside, empty where there is none."""
    value = entry.get(key)
    return value if isinstance(value, dict) else {}


def kind(entry: Mapping[str, Any]) -> str:
    """The last part of `@odata.type`: `user`, `phoneAuthenticationMethod`."""
    return text(entry, "@odata.type").rpartition(".")[2]


def is_object_id(value: str) -> bool:
    return _OBJECT_ID.fullmatch(value) is not None


def quoted(value: str) -> str:
    """A string literal of OData, its apostrophes doubled."""
    return "'" + value.replace("'", "''") + "'"


def instant(value: datetime) -> str:
    """A time as OData filters write it."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
