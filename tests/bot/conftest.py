"""The bot under test: real HTTP in, real HTTP out, a channel double on the other side."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot import Messenger, Patience, install
from dialogs.turn import Answer, Arrival, Click, Message, Reading, TextAnswer
from tests.bot.channel_double import ChannelDouble, TokensDouble, serve


@dataclass
class HandlerDouble:
    """Keeps what it was told, and answers clicks with `answer` (or fails with it)."""

    messages: list[Message] = field(default_factory=list)
    clicks: list[Click] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    answer: Answer | Exception = field(default_factory=lambda: TextAnswer("Done."))
    hold: Any = None  # awaited before every answer
    fail: Exception | None = None

    async def on_message(self, message: Message) -> None:
        self.messages.append(message)
        await self._pause()

    async def on_click(self, click: Click) -> Answer:
        self.clicks.append(click)
        await self._pause()
        if isinstance(self.answer, Exception):
            raise self.answer.with_traceback(None)
        return self.answer

    async def on_arrival(self, arrival: Arrival) -> None:
        self.arrivals.append(arrival)
        await self._pause()

    async def on_reading(self, reading: Reading) -> None:
        self.readings.append(reading)
        await self._pause()

    async def _pause(self) -> None:
        if self.hold is not None:
            await self.hold.wait()
        if self.fail is not None:
            raise self.fail.with_traceback(None)

    @property
    def told(self) -> int:
        return len(self.messages) + len(self.clicks) + len(self.arrivals) + len(self.readings)


@dataclass
class Bench:
    """A running bot with its channel."""

    channel: ChannelDouble
    handler: HandlerDouble
    tokens: TokensDouble
    messenger: Messenger
    client: TestClient[Any, Any]
    ready: dict[str, bool]

    async def post(self, activity: Any, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Delivers an activity; returns the HTTP status and the JSON body, None where there is none."""
        signed = self.channel.headers() if headers is None else headers
        async with self.client.post("/api/messages", json=activity, headers=signed) as answer:
            text = await answer.text()
            assert "Traceback" not in text
            return answer.status, await answer.json() if text else None


@pytest.fixture
async def channel() -> AsyncIterator[ChannelDouble]:
    double = ChannelDouble()
    server = await serve(double)
    yield double
    await server.close()


@pytest.fixture
def bot_settings() -> dict[str, Any]:
    """Settings that a test may change by parametrizing."""
    return {}


@pytest.fixture
def patience() -> Patience:
    """How long the bot waits; a test may change it by parametrizing."""
    return Patience()


@pytest.fixture
async def bench(channel: ChannelDouble, bot_settings: dict[str, Any], patience: Patience) -> AsyncIterator[Bench]:
    settings = channel.settings(**bot_settings)
    handler, tokens, ready = HandlerDouble(), TokensDouble(), {"database": True}
    messenger = Messenger(settings, tokens)
    app = web.Application()

    async def database() -> bool:
        return ready["database"]

    install(app, settings, handler, messenger, {"database": database}, patience=patience)
    async with TestClient(TestServer(app)) as client:
        yield Bench(channel, handler, tokens, messenger, client, ready)
    await messenger.close()
