"""How fast we may ask: so many calls at once and so many a second per tenant, and a pause when the service wants one.

Exchange publishes no quota for this interface and enforces one all the same. A job of very many calls goes in the
background: it fills what the others leave, goes behind them, and takes less for a while when the service refuses.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Sleep = Callable[[float], Awaitable[None]]
Clock = Callable[[], float]

AT_ONCE_IN_BACKGROUND = 10  # what others run in parallel against one tenant, day by day
_GROWTH = 0.1  # of one more call at once, for each round of calls that went well


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
        in_background: int = AT_ONCE_IN_BACKGROUND,
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
        self._in_background = in_background
        self._together = max(at_once, in_background)  # of both kinds
        self._window = float(in_background)
        self._ours = 0  # background calls under way
        self._theirs = 0  # other calls under way
        self._asked = 0  # other calls under way or waiting
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def window(self) -> int:
        """How many background calls may run at once now."""
        return max(1, int(self._window))

    @asynccontextmanager
    async def turn(self, cmdlet: str) -> AsyncIterator[None]:
        """Holds one of the slots while the call runs."""
        if (own := self._own.get(cmdlet)) is not None:
            await own.wait()
        self._asked += 1
        try:
            async with self._slots:
                while (left := self._paused_until - self._clock()) > 0:
                    await self._sleep(left)
                await self._all.wait()
                while self._ours + self._theirs >= self._together:
                    await self._change()
                self._theirs += 1
                try:
                    yield
                finally:
                    self._theirs -= 1
        finally:
            self._asked -= 1
            self._changed()

    @asynccontextmanager
    async def background(self) -> AsyncIterator[None]:
        """Holds a place that nobody else wants while the call runs."""
        while True:
            if (left := self._paused_until - self._clock()) > 0:
                await self._sleep(left)
            elif self._ours + self._asked >= self.window and (self._ours or self._asked):
                await self._change()
            else:
                break
        self._ours += 1
        try:
            yield
        finally:
            self._ours -= 1
            self._window = min(float(self._in_background), self._window + _GROWTH / self._window)
            self._changed()

    def pause(self, seconds: float, *, refused: bool = False) -> None:
        """The service wants quiet: no call starts before. After a refusal the background asks for half as much."""
        now = self._clock()
        if refused and now >= self._paused_until:  # one storm of refusals is one sign
            self._window = max(1.0, self._window / 2)
        self._paused_until = max(self._paused_until, now + seconds)

    async def _change(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    def _changed(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
