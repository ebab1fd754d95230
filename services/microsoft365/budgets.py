"""Our share of Graph's throttling limits: one budget per row of the table, kept before Graph has to say no.

A budget counts within a sliding window, as the service does. It is shared by the whole process, and whoever stops an
intruder or keeps what was there before goes ahead of whoever looks around.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from services.errors import Throttled
from services.microsoft365.operations import Row

# The service counts when a request arrives, we when it leaves: one may be on its way so much longer than another.
_SLACK_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Limit:
    """So many calls within so many seconds, and so many at the same time."""

    calls: int
    seconds: float
    at_once: int | None = None


_URGENT: ContextVar[bool] = ContextVar("urgent", default=False)


@contextmanager
def urgently() -> Iterator[None]:
    """What is asked in here, and in tasks that begin in here, is served before all that can wait."""
    token = _URGENT.set(True)
    try:
        yield
    finally:
        _URGENT.reset(token)


LIMITS: dict[Row, Limit] = {
    Row.AUDIT_QUERIES: Limit(60, 60),
    Row.HUNTING: Limit(40, 60),
    Row.IDENTITY: Limit(2000, 10),
    Row.INTUNE: Limit(90, 20),
    Row.MESSAGE_TRACE: Limit(100, 300),
    Row.OUTLOOK: Limit(10_000, 600, at_once=4),  # both per mailbox
    Row.PROTECTION: Limit(1, 1),
    Row.REPORTS: Limit(5, 10),
    Row.SECURITY: Limit(150, 60),
    Row.TEAMS: Limit(20, 1),
}


class _Place:
    """Somebody's place in the queue for a turn."""

    def __init__(self, urgent: bool, number: int) -> None:
        self.order = (not urgent, number)


class _Window:
    """One budget. Turns are given in the order of asking, to the urgent first."""

    def __init__(self, limit: Limit, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._taken: deque[float] = deque(maxlen=limit.calls)
        self._waiting: set[_Place] = set()
        self._asked = 0
        self._closed_until = 0.0
        self.at_once = asyncio.Semaphore(limit.at_once) if limit.at_once else None

    def queue(self, urgent: bool) -> _Place:
        """A place behind all who are as urgent."""
        self._asked += 1
        place = _Place(urgent, self._asked)
        self._waiting.add(place)
        return place

    def leave(self, place: _Place) -> None:
        """Gives the place up."""
        self._waiting.discard(place)

    def wait_of(self, place: _Place) -> float:
        """How long it is to the turn of this place, as the queue is now; with no wait the turn is taken."""
        now = self._clock()
        ahead = sum(each.order < place.order for each in self._waiting)
        turns = deque(self._taken, maxlen=self._limit.calls)
        turn = now
        for _ in range(ahead + 1):
            turn = max(now, self._closed_until)
            if len(turns) == self._limit.calls:
                turn = max(turn, turns[0] + self._limit.seconds + _SLACK_SECONDS)
            turns.append(turn)
        if turn <= now:
            self._taken.append(turn)
            self.leave(place)
        return turn - now

    def close_for(self, seconds: float) -> None:
        """No turns for so long."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)


class Budgets:
    """All budgets of the process."""

    def __init__(
        self,
        limits: dict[Row, Limit] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._limits = LIMITS if limits is None else limits
        self._clock = clock
        self._sleep = sleep
        self._windows: dict[tuple[Row, str], _Window] = {}

    @asynccontextmanager
    async def turn(self, row: Row, key: str = "", *, urgent: bool = False) -> AsyncIterator[None]:
        """Waits for a turn in `row` (for one mailbox: `key`) and holds a place among those at work.

        Raises Throttled when the wait would be long: a step that is run again later is better than one that hangs.
        """
        window = self._window(row, key)
        if window.at_once is None:
            await self._wait(window, row, urgent)
            yield
            return
        async with window.at_once:
            await self._wait(window, row, urgent)
            yield

    def close_for(self, row: Row, key: str, seconds: float) -> None:
        """The service has said no to this row: nobody asks again before its time."""
        self._window(row, key).close_for(min(seconds, _LONGEST_WAIT_SECONDS))

    async def _wait(self, window: _Window, row: Row, urgent: bool) -> None:
        place = window.queue(urgent or _URGENT.get())
        try:
            while (left := window.wait_of(place)) > 0:
                if left > _LONGEST_WAIT_SECONDS:
                    raise Throttled(left, service="graph", reason="our-own-budget", row=row.value)
                await self._sleep(left)
        finally:
            window.leave(place)

    def _window(self, row: Row, key: str) -> _Window:
        window = self._windows.get((row, key))
        if window is None:
            window = self._windows[row, key] = _Window(self._limits[row], self._clock)
        return window
