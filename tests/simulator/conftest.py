"""A running simulator, and a stub bot that it talks to."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from simulator.channel.teams import Teams, teams_of
from simulator.server import Simulator
from tests.simulator.stub_bot import StubBot


@pytest.fixture
async def running() -> AsyncIterator[Simulator]:
    async with Simulator() as sim:
        yield sim


@pytest.fixture
async def stub(running: Simulator) -> AsyncIterator[StubBot]:
    async with StubBot(running) as bot:
        teams_of(running.world).delivery.bot_url = bot.url
        yield bot


@pytest.fixture
def teams(running: Simulator) -> Teams:
    return teams_of(running.world)
