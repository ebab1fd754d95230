"""Small work that comes round again: expiries, look-arounds. What is due is in rows; here is only the ticking."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

log = logging.getLogger(__name__)


class Clockwork:
    """Calls functions at intervals until it is closed. A call that fails is logged and comes round again."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def every(self, seconds: float, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Starts calling `work`, first after one interval; never twice at once."""
        self._tasks.append(asyncio.create_task(self._tick(seconds, name, work), name=f"clockwork-{name}"))

    async def close(self) -> None:
        """Stops all ticking and waits until it has stopped."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    @staticmethod
    async def _tick(seconds: float, name: str, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except Exception:
                log.exception("clockwork %s failed; it comes round again", name)
