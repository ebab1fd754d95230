"""Fixtures for tests that talk to the bot: a simulated tenant, and a bench with the bot in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import settings

from simulator import bench as benches
from simulator.bench import Bench
from simulator.config import SimulatorConfig
from simulator.permissions import EVERY_NARROW_ONE
from simulator.server import Simulator

pytest_plugins = ("tests.counting", "tests.databases", "tests.graph_contract", "tests.workers")

# The same examples in every run, nothing kept between runs, and no clock that decides: a slow machine fails nothing.
settings.register_profile("ci", derandomize=True, deadline=None, database=None)
settings.load_profile("ci")

# A loaded machine does everything late, and nobody waits here for work that a test has left unfinished.
benches.SETTINGS = {"answer_seconds": "5", "stop_seconds": "0.2"}
benches.PATIENCE_SECONDS = 40.0

# Audit queries and devices take minutes in the cloud; what waits for them is tested where it matters.
AT_ONCE = SimulatorConfig(audit_query_seconds=0, device_seconds=0)
# What no step asks for yet is tested as well.
OPEN_TO_ALL = replace(AT_ONCE, permissions=EVERY_NARROW_ONE)


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """A tenant in a box, alone."""
    async with Simulator(OPEN_TO_ALL) as running:
        yield running


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """The bot in this process, and people who talk to it."""
    async with Bench.start(AT_ONCE) as started:
        yield started
