"""Teams' limits on how fast a bot may speak, kept on our side so that the service rarely has to say no.

Documented: per conversation 7 calls in a second, 8 in two, 60 in thirty, 1800 in an hour; per app and tenant 50 a
second, of which we use 35.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from services.errors import Throttled

CONVERSATION_WINDOWS: tuple[tuple[int, float], ...] = ((7, 1), (8, 2), (60, 30), (1800, 3600))
APP_WINDOWS: tuple[tuple[int, float], ...] = ((35, 1),)
MOST_CALLS_PER_SECOND = 48  # of all kinds together
# Of a steady budget's calls a tenth may come late and a tenth make up for a pause, all of them in the same second.
_BUNCHED = 1.2
_FEWEST = 5  # calls a second that are left to live cards whatever else is going on
_MARGIN = 1.05  # the service's clock and the network are not ours
_MOST_IDLE = 4096  # conversations remembered before the idle ones are dropped


class _Window:
    """When calls were let through, and when the next one may go."""

    def __init__(self, windows: tuple[tuple[int, float], ...]) -> None:
        self._windows = windows
        self._times: deque[float] = deque(maxlen=max(count for count, _ in windows))
        self.held_until = 0.0

    def next_time(self, now: float) -> float:
        earliest = max(now, self.held_until)
        for count, seconds in self._windows:
            if len(self._times) >= count:
                earliest = max(earliest, self._times[-count] + seconds * _MARGIN)
        return max(earliest, self._times[-1]) if self._times else earliest

    def narrow(self, windows: tuple[tuple[int, float], ...]) -> None:
        self._windows = windows

    def take(self, at: float) -> None:
        self._times.append(at)

    def idle(self, now: float) -> bool:
        longest = max(seconds for _, seconds in self._windows) * _MARGIN
        return now > self.held_until and (not self._times or self._times[-1] + longest < now)


class Pace:
    """Lets calls through in the order they came, no faster than the limits. `calls` counts them."""

    def __init__(
        self,
        *,
        per_app: tuple[tuple[int, float], ...] = APP_WINDOWS,
        per_conversation: tuple[tuple[int, float], ...] = CONVERSATION_WINDOWS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.calls = 0
        self._per_app = per_app
        self._app = _Window(per_app)
        self._per_conversation = per_conversation
        self._conversations: dict[str, _Window] = {}
        self._clock = clock
        self._sleep = sleep

    async def wait(self, conversation: str | None, patience_seconds: float) -> None:
        """Returns when the call may go. Raises Throttled at once where that would take longer than the patience."""
        start = self._clock()
        if conversation is not None:
            await self._pass(self._window(conversation), start + patience_seconds)
        await self._pass(self._app, start + patience_seconds)
        self.calls += 1

    def leave(self, calls_per_second: float) -> None:
        """Leaves so many of Teams' calls to somebody who keeps a budget of their own; 0 takes them back."""
        left = min(APP_WINDOWS[0][0], max(_FEWEST, int(MOST_CALLS_PER_SECOND - calls_per_second * _BUNCHED)))
        self._app.narrow(self._per_app if calls_per_second == 0 else ((left, 1),))

    def hold(self, conversation: str | None, seconds: float) -> None:
        """Nothing to this conversation (None: to nobody) for so long: the service said so."""
        window = self._app if conversation is None else self._window(conversation)
        window.held_until = max(window.held_until, self._clock() + seconds)

    async def _pass(self, window: _Window, deadline: float) -> None:
        now = self._clock()
        at = window.next_time(now)
        if at > deadline:
            raise Throttled(round(at - now, 1), service="bot-connector", reason="our-own-pace")
        window.take(at)
        if at > now:
            await self._sleep(at - now)

    def _window(self, conversation: str) -> _Window:
        window = self._conversations.get(conversation)
        if window is None:
            if len(self._conversations) >= _MOST_IDLE:
                now = self._clock()
                self._conversations = {key: kept for key, kept in self._conversations.items() if not kept.idle(now)}
            window = self._conversations[conversation] = _Window(self._per_conversation)
        return window
