"""How long to wait: by what moves, not by the clock alone, because a busy machine makes everything slow."""

from __future__ import annotations

import time
from collections.abc import Callable

# What moves for ever and gets nowhere is given up as well.
_MOST_TIMES = 6


class Patience:
    """Over where nothing has changed for so many seconds, or where something still changes after many times that."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._begun = self._moved = clock()
        self._seen: object = None

    def is_over(self, seen: object) -> bool:
        """Whether to give up. `seen` is what there is now: anything that compares; None where it cannot be seen."""
        now = self._clock()
        if seen is not None and seen != self._seen:
            self._seen, self._moved = seen, now
        return now - self._moved > self._seconds or now - self._begun > _MOST_TIMES * self._seconds

    def waited(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._begun
