"""States as plain JSON and back: what a snapshot keeps, and what an undo reads again after a restart."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from services.errors import Bug
from services.microsoft365.exchange.backend import SERVICE

T = TypeVar("T")


def dump(value: object) -> Any:
    """Any value that this package's functions return, as plain JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: dump(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1)
    if isinstance(value, Mapping):
        return {str(key): dump(item) for key, item in value.items()}
    if isinstance(value, Set):
        return sorted(dump(item) for item in value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [dump(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise Bug(service=SERVICE, reason="cannot-be-recorded", kind=type(value).__name__)


def load(kind: type[T], recorded: object) -> T:
    """The value of that type from what `dump` made. Raises Bug where the two do not fit."""
    try:
        value: T = _load(kind, recorded)
    except (KeyError, TypeError, ValueError) as error:
        raise Bug(service=SERVICE, reason="record-does-not-fit", kind=kind.__name__) from error
    return value


@cache
def _fields(kind: type) -> dict[str, Any]:
    """The fields of a dataclass with their types."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _load(kind: Any, recorded: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _load_either(arguments, recorded)
    if kind in (bool, int, float, str, NoneType) or kind is Any:
        return _plain(kind, recorded)
    if origin is tuple:
        items = list(recorded)
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_load(arguments[0], item) for item in items)
        return tuple(_load(each, item) for each, item in zip(arguments, items, strict=True))
    if origin is frozenset:
        return frozenset(_load(arguments[0], item) for item in recorded)
    if origin is Mapping:
        return {str(key): _load(arguments[1], item) for key, item in recorded.items()}
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(recorded)
    if kind is datetime:
        return datetime.fromisoformat(recorded)
    if kind is timedelta:
        return timedelta(microseconds=recorded)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return kind(**{name: _load(hint, recorded[name]) for name, hint in _fields(kind).items()})
    raise TypeError(f"no way to read {kind!r}")


def _plain(kind: Any, recorded: Any) -> Any:
    if kind is Any or (kind is NoneType and recorded is None):
        return recorded
    if type(recorded) is not kind:
        raise TypeError(f"{kind} expected")
    return recorded


def _is_list(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return origin is tuple


def _load_either(kinds: tuple[Any, ...], recorded: Any) -> Any:
    """The first alternative that fits; lists are tried last, because text is a sequence too."""
    lists = tuple(kind for kind in kinds if _is_list(kind))
    for kind in (*(kind for kind in kinds if kind not in lists), *lists):
        try:
            return _load(kind, recorded)
        except (KeyError, TypeError, ValueError):
            continue
    raise TypeError("no alternative fits")
