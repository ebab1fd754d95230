"""The Bot Framework channel of Teams and its connector, as the bot meets them."""

from __future__ import annotations

from aiohttp import web

from simulator.channel import connector, endpoint, files
from simulator.channel.teams import teams_of
from simulator.world import World

__all__ = ["routes", "teams_of"]


def routes(world: World) -> list[web.RouteDef]:
    """Everything under /botframework/, /channel/, /connector/ and /sharepoint/."""
    return [*endpoint.routes(world), *connector.routes(world), *files.routes(world)]
