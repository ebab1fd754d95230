"""The mark that the bot is busy, for work that takes longer than a moment."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from services.channel import Channel, Conversation
from services.errors import IRBotError

log = logging.getLogger(__name__)

_MOMENT_SECONDS = 1.0


@asynccontextmanager
async def typing(channel: Channel, where: Conversation, after_seconds: float = _MOMENT_SECONDS) -> AsyncIterator[None]:
    """Shows the mark once if what is inside takes longer than that; whether Teams takes it changes nothing."""

    async def show() -> None:
        await asyncio.sleep(after_seconds)
        try:
            await channel.show_typing(where)
        except IRBotError as error:
            log.info("the typing mark was not shown: %s", error.code)

    task = asyncio.create_task(show(), name="typing")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
