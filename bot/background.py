"""Work that outlives the HTTP answer, owned: it is logged when it fails and awaited at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

logger = logging.getLogger(__name__)

_T = TypeVar("_T")


class Background:
    """The owner of tasks. After `close` nothing is under way and nothing new is taken."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    @property
    def under_way(self) -> int:
        """How much is under way."""
        return len(self._tasks)

    @property
    def closed(self) -> bool:
        """Whether nothing new is taken."""
        return self._closed

    def start(self, work: Coroutine[Any, Any, _T], name: str) -> asyncio.Task[_T]:
        """Starts `work`; whoever waits for the task gets its result, and nobody has to."""
        if self._closed:
            work.close()
            raise RuntimeError("closed")
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def close(self, patience_seconds: float = 10) -> None:
        """Lets what is under way end within `patience_seconds`, then cancels it."""
        self._closed = True
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=patience_seconds)
        left = tuple(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s failed", task.get_name(), exc_info=error)
