"""Fixtures for tests that talk to the bot: a simulated tenant, and a bench with the bot in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from simulator.bench import Bench
from simulator.server import Simulator

pytest_plugins = ("tests.databases", "tests.graph_contract")


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """A tenant in a box, alone."""
    async with Simulator() as running:
        yield running


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """The bot in this process, and people who talk to it."""
    async with Bench.start() as started:
        yield started
