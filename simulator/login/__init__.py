"""The simulated sign-in service: discovery documents, keys, the token endpoint for apps, and the host's identity."""

from __future__ import annotations

from aiohttp import web

from simulator.login.discovery import discovery_routes
from simulator.login.host_identity import PATH as HOST_PATH
from simulator.login.host_identity import host_routes, identity_of
from simulator.login.token import token_routes
from simulator.world import World

__all__ = ["HOST_PATH", "host_routes", "identity_of", "routes"]


def routes(world: World) -> list[web.RouteDef]:
    """Everything that the HTTPS port serves."""
    return [*discovery_routes(world), *token_routes(world)]
