"""A cloud that has been told a story: the story's id is the test's parameter, or comes from `tell`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from services.microsoft365.trust import trusted_authorities
from simulator.config import SimulatorConfig
from simulator.permissions import EVERY_NARROW_ONE
from simulator.server import Simulator
from simulator.stories import STORIES, Told, apply
from tests.simulator.graph.caller import GraphCaller
from tests.simulator.stories.cloud import Cloud

ROLES = ("Privileged Authentication Administrator", "Cloud Device Administrator", "Exchange Administrator")


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with (
        Simulator(SimulatorConfig(directory_roles=ROLES, permissions=EVERY_NARROW_ONE)) as sim,
        GraphCaller(sim) as graph,
        httpx.AsyncClient(verify=trusted_authorities(None)) as client,
    ):
        yield Cloud(sim, graph, client)


@pytest.fixture
def tell(cloud: Cloud) -> Callable[[str], Told]:
    def telling(story_id: str) -> Told:
        return apply(STORIES[story_id], cloud.sim.world)

    return telling
