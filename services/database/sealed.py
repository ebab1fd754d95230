"""Columns whose content is unreadable without the key: where and under which ids people are reached in Teams.

A database that was given a seal closes what it writes and opens what it reads. Rows of before, and a database without a
seal (a test, a benchmark), hold plain values; both are read. What must be looked up has a keyed mark beside it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.errors import Conflict

PREFIX = "sealed:"
_SEAL = "irbot_seal"  # on the dialect, of which each engine has its own


class Seal(Protocol):
    """What closes and opens; `services/vault.py` keeps it."""

    def close_text(self, text: str) -> str:
        """Encrypts under the newest key."""
        ...

    def open_text(self, closed: str) -> str:
        """Raises Conflict when no key fits."""
        ...

    def marks(self, text: str) -> Sequence[str]:
        """What stands for the text in a look-up, by each key, newest first."""
        ...


class SealedText(sa.types.TypeDecorator[str]):
    """A text. An empty one stays as it is."""

    impl: Any = sa.Text
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        super().__init__(length)
        if length is not None:
            self.impl = self.impl_instance = sa.String(length)

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        return _closed(value, dialect) if value else value

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> str | None:
        return _opened(value, dialect) if isinstance(value, str) else None


class SealedJson(sa.types.TypeDecorator[Any]):
    """A JSON value, kept as one JSON text."""

    impl = sa.JSON
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        if value is None or getattr(dialect, _SEAL, None) is None:
            return value
        return _closed(json.dumps(value, ensure_ascii=False), dialect)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        return json.loads(_opened(value, dialect)) if isinstance(value, str) and value.startswith(PREFIX) else value


class Packed(sa.types.TypeDecorator[bytes]):
    """Bytes that whoever writes and reads them packs with `Vault.pack`; a change of keys finds them by this type."""

    impl = sa.LargeBinary
    cache_ok = True


def seal(dialect: sa.Dialect, with_: Seal | None) -> None:
    """From now on, whatever goes through this engine is closed and opened; with None no more."""
    setattr(dialect, _SEAL, with_)


def marks(connection: AsyncConnection, text: str) -> tuple[str, ...]:
    """What stands for a text in a look-up, newest key first; nothing where there is no seal."""
    found: Seal | None = getattr(connection.dialect, _SEAL, None)
    return () if found is None else tuple(found.marks(text))


def mark(connection: AsyncConnection, text: str) -> str | None:
    """What is kept beside a closed text."""
    return next(iter(marks(connection, text)), None)


def _closed(text: str, dialect: sa.Dialect) -> str:
    found: Seal | None = getattr(dialect, _SEAL, None)
    return text if found is None else PREFIX + found.close_text(text)


def _opened(text: str, dialect: sa.Dialect) -> str:
    if not text.startswith(PREFIX):
        return text
    found: Seal | None = getattr(dialect, _SEAL, None)
    if found is None:
        raise Conflict(reason="wrong-data-key")
    return found.open_text(text.removeprefix(PREFIX))
