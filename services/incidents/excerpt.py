"""A few masked lines of a piece of evidence: what a card may show of it. Only fields that are known to be harmless."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# Moments, places, programs and states. Whatever else a record holds (mail, names, secrets) is never shown.
_HARMLESS = frozenset(
    {
        "app",
        "at",
        "browser",
        "city",
        "client",
        "compliance",
        "complete",
        "count",
        "country",
        "created_at",
        "enabled",
        "first_sync",
        "from_ip",
        "interactive",
        "ip",
        "kind",
        "last_sync",
        "model",
        "on",
        "operating_system",
        "operation",
        "registered_at",
        "status",
        "succeeded",
        "system",
        "trust_type",
    }
)
_MOST_RECORDS, _MOST_FIELDS, _LONGEST = 3, 8, 60
_SHORTEST_MARK = 4


def excerpt(raw: bytes, key: str, data: Mapping[str, Any]) -> tuple[str, ...]:
    """One line for each of the first records that the finding with this key and data speaks of."""
    marks = {mark.casefold() for mark in _marks(key, data)}
    records = [record for record in _records(json.loads(raw)) if _shown(record)]
    about = [record for record in records if marks & _words(record)]
    return tuple("; ".join(_shown(record)) for record in (about or records)[:_MOST_RECORDS])


def _marks(key: str, data: Mapping[str, Any]) -> Iterator[str]:
    """What names the things that a finding is about: ids and addresses."""
    yield key
    yield key.partition(":")[2]
    for value in data.values():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str) and len(each) >= _SHORTEST_MARK:
                yield each


def _records(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _records(each)
    if isinstance(value, list):
        for each in value:
            yield from _records(each)


def _words(record: Mapping[str, Any]) -> set[str]:
    return {value.casefold() for value in record.values() if isinstance(value, str)}


def _shown(record: Mapping[str, Any]) -> list[str]:
    return list(_fields(record.items()))[:_MOST_FIELDS]


def _fields(items: Iterable[tuple[str, Any]]) -> Iterator[str]:
    for name, value in sorted(items):
        if name in _HARMLESS and isinstance(value, str | int | float | bool) and value != "":
            yield f"{name.replace('_', ' ')}: {str(value)[:_LONGEST]}"
