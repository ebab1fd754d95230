"""Ids that sort in the order in which they were made, for rows whose times can be the same.

A clock has ticks: two runs that begin within one of them have the same time, and only their ids tell which was first.
"""

from __future__ import annotations

import secrets
import threading
import time
import uuid

_NANOSECONDS_IN_A_MILLISECOND = 1_000_000
_FRACTIONS = 1 << 12
_RANDOM_BITS = 62
_VERSION, _VARIANT = 0x7, 0b10


class _Ticks:
    """Time in 4096ths of a millisecond that never stands still and never goes back in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> int:
        now = time.time_ns() * _FRACTIONS // _NANOSECONDS_IN_A_MILLISECOND
        with self._lock:
            self._last = max(now, self._last + 1)
            return self._last


_TICKS = _Ticks()


def ordered_id() -> str:
    """A UUID of version 7: larger, as text too, than every one that this process made before."""
    milliseconds, fraction = divmod(_TICKS.next(), _FRACTIONS)
    number = milliseconds << 80 | _VERSION << 76 | fraction << 64 | _VARIANT << 62 | secrets.randbits(_RANDOM_BITS)
    return str(uuid.UUID(int=number))
