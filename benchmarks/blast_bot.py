"""The bot in a process of its own that feels its event loop's pulse; `IRBOT`'s settings come from the environment.

When it is told to stop, it writes the longest gap between two turns of the loop to the file that `BENCH_PULSE` names.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import app
from benchmarks.heartbeat import waited_for_a_processor
from services import logs
from services.settings import load

_LOOK_SECONDS = 0.5
_BEAT_SECONDS = 0.02


class Pulse:
    """The longest gap between two turns of the loop, without what other processes took; and what measuring it costs."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.own_seconds = 0.0

    async def beat(self, bot: app.Application) -> None:
        """Measures from the moment when the bot is ready until it is cancelled."""
        while not await bot.ready():  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(_LOOK_SECONDS)
        await asyncio.sleep(_LOOK_SECONDS)
        last, queued = time.monotonic(), waited_for_a_processor()
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            gap = time.monotonic() - last - _BEAT_SECONDS
            begun = time.thread_time()
            waited = waited_for_a_processor()
            self.longest = max(self.longest, gap - min(gap, max(0.0, waited - queued)))
            last, queued = time.monotonic(), waited
            self.own_seconds += time.thread_time() - begun


async def main() -> None:
    """Serves until it is told to stop."""
    settings = load()
    logs.configure(settings.log_level)
    pulse = Pulse()
    bot = app.build(settings)
    beat = asyncio.create_task(pulse.beat(bot[app.APPLICATION]))
    try:
        await app.serve(bot, settings)
    finally:
        beat.cancel()
        target = Path(os.environ["BENCH_PULSE"])
        await asyncio.to_thread(
            target.write_text, json.dumps({"gap": pulse.longest, "own": pulse.own_seconds}), "ascii"
        )


if __name__ == "__main__":
    asyncio.run(main())
