"""How fast we may ask: so many calls at once and so many a second per tenant, and a pause when the service wants one.

Exchange publishes no quota for this interface and enforces one all the same.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Sleep = Callable[[float], Awaitable[None]]
Clock = Callable[[], float]


class Window:
    """At most `count` calls in any `seconds`: a caller waits for its turn, first come first served."""

    def __init__(self, count: int, seconds: float, *, clock: Clock, sleep: Sleep) -> None:
        self._count = count
        self._seconds = seconds
        self._clock = clock
        self._sleep = sleep
        self._times: deque[float] = deque()
        self._turn = asyncio.Lock()

    async def wait(self) -> None:
        """Returns when the next call may go."""
        async with self._turn:
            while (delay := self._delay()) > 0:
                await self._sleep(delay)
            self._times.append(self._clock())

    def _delay(self) -> float:
        now = self._clock()
        while self._times and self._times[0] <= now - self._seconds:
            self._times.popleft()
        return 0.0 if len(self._times) < self._count else self._times[0] + self._seconds - now


class Pace:
    """The budget of one tenant. Some cmdlets have a smaller one of their own."""

    def __init__(
        self,
        *,
        at_once: int = 4,
        per_second: int = 10,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._slots = asyncio.Semaphore(at_once)
        self._all = Window(per_second, 1.0, clock=clock, sleep=sleep)
        trace = Window(95, 300.0, clock=clock, sleep=sleep)  # the service allows 100 in five minutes
        self._own = {"Get-MessageTraceV2": trace, "Get-MessageTraceDetailV2": trace}
        self._paused_until = 0.0

    @asynccontextmanager
    async def turn(self, cmdlet: str) -> AsyncIterator[None]:
        """Holds one of the slots while the call runs."""
        if (own := self._own.get(cmdlet)) is not None:
            await own.wait()
        async with self._slots:
            while (left := self._paused_until - self._clock()) > 0:
                await self._sleep(left)
            await self._all.wait()
            yield

    def pause(self, seconds: float) -> None:
        """The service wants quiet: no call starts before."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)
