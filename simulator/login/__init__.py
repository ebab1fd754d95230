"""The simulated sign-in service: discovery documents, keys and the token endpoint for apps."""

from __future__ import annotations

from aiohttp import web

from simulator.login.discovery import discovery_routes
from simulator.login.token import token_routes
from simulator.world import World


def routes(world: World) -> list[web.RouteDef]:
    """Everything that the HTTPS port serves."""
    return [*discovery_routes(world), *token_routes(world)]
