"""A caller of the simulated Graph with every permission that IRBot is granted."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from simulator.server import Simulator
from tests.simulator.graph.caller import GraphCaller


@pytest.fixture
async def graph(sim: Simulator) -> AsyncIterator[GraphCaller]:
    async with GraphCaller(sim) as caller:
        yield caller
