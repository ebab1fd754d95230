"""The bot inside this process, for a short round in the test suite: it can be stopped and started, and not killed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

import app
from services.settings import Settings
from tests.chaos.bot import MovedClock


class InsideBot:
    """See `ForkedBot`."""

    def __init__(self, environment: Mapping[str, str], port: int, log: Path, clock: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        self.pid = 0
        self._port = port
        values: dict[str, Any] = {name.removeprefix("IRBOT_").lower(): value for name, value in environment.items()}
        self._settings = Settings(**{**values, "port": port})
        self._clock = MovedClock(clock)
        self._runner: web.AppRunner | None = None
        self._ended = asyncio.Event()

    async def start(self) -> None:
        """Returns when it listens."""
        self.log.touch()
        self._ended.clear()
        self._runner = web.AppRunner(app.build(self._settings, self._clock), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def ended(self) -> None:
        """Returns when it has been stopped."""
        await self._ended.wait()

    async def kill(self) -> None:
        """As close to it as one process can come: an orderly stop."""
        await self.stop()

    async def stop(self) -> None:
        """Ends it. May be called twice."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
            self._ended.set()

    async def last_words(self) -> str:
        """They are in this process's own log."""
        return ""
