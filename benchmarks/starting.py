"""How soon a started bot is ready, and what it takes of the machine while nobody asks anything of it."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from benchmarks.machine import resident_bytes
from benchmarks.table import Row, megabytes, seconds
from simulator.emulator import free_port
from simulator.server import Simulator
from simulator.stage import BOT, BotProcess

READY_SECONDS = 5.0
IDLE_BYTES = 200_000_000.0
_PORT = 45000
_IDLE_SECONDS = 3.0


async def measure() -> tuple[list[Row], list[str]]:
    """A first start with an empty data folder, and a second one."""
    folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="irbot-start-")
    try:
        async with Simulator() as sim:
            port = await asyncio.to_thread(free_port, _PORT)
            bot = BotProcess(BOT, sim.environment(), port, Path(folder.name))
            try:
                first = await _started(bot)
                await asyncio.sleep(_IDLE_SECONDS)
                idle = await asyncio.to_thread(resident_bytes, bot.pid)
                await bot.stop()
                second = await _started(bot)
            finally:
                await bot.stop()
    finally:
        await asyncio.to_thread(folder.cleanup)
    return [
        Row("First start to ready", first, seconds, target=READY_SECONDS),
        Row("Next start to ready", second, seconds, target=READY_SECONDS),
        Row("Memory when idle", idle, megabytes, target=IDLE_BYTES),
    ], []


async def _started(bot: BotProcess) -> float:
    begun = time.monotonic()
    await bot.start()
    return time.monotonic() - begun
