"""The control API under /_control: reads the state, sets faults, clock, knobs, permissions, licences; tells stories.

It is for the demo, the drill and the tests; the simulated cloud does not know it, so nothing here is recorded as a
request.
"""

from __future__ import annotations

from aiohttp import web

from simulator.control.knobs import knob_routes
from simulator.control.state import state_routes
from simulator.control.stories import story_routes
from simulator.world import World


def routes(world: World) -> list[web.RouteDef]:
    """Everything under /_control."""
    return [*state_routes(world), *knob_routes(world), *story_routes(world)]
