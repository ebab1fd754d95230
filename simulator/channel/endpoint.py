"""The channel's own addresses: its OpenID metadata and keys, and where emulators hand activities in."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from simulator.channel.emulators import EmulatorWindow
from simulator.channel.teams import teams_of
from simulator.world import World


def routes(world: World) -> list[web.RouteDef]:
    """All routes under /botframework/ and /channel/."""
    endpoint = Endpoint(world)
    return [
        web.get("/botframework/.well-known/openidconfiguration", endpoint.metadata),
        web.get("/botframework/v1/.well-known/openidconfiguration", endpoint.metadata),
        web.get("/botframework/keys", endpoint.keys),
        web.post("/channel/api/messages", endpoint.hand_in),
        web.post("/channel/{emulator}/api/messages", endpoint.hand_in),
        web.put("/channel/{emulator}", endpoint.register),
        web.delete("/channel/{emulator}", endpoint.remove),
    ]


class Endpoint:
    """The handlers."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def metadata(self, request: web.Request) -> web.Response:
        """The OpenID metadata that the bot is pointed at."""
        keys_url = f"{self._world.base_url}/botframework/keys"
        return web.json_response(teams_of(self._world).signer.metadata(keys_url))

    async def keys(self, request: web.Request) -> web.Response:
        """The keys that sign the channel's tokens."""
        return web.json_response(teams_of(self._world).signer.key_set())

    async def hand_in(self, request: web.Request) -> web.Response:
        """Takes an unsigned activity, signs it and gives back what the bot answers. For this machine only."""
        teams = teams_of(self._world)
        name = request.match_info.get("emulator")
        window = teams.emulators.get(name)
        if name is not None and window is None:
            return _problem(404, f"no emulator {name!r} is registered")
        try:
            activity = json.loads(await request.read())
        except ValueError:
            return _problem(400, "not JSON")
        if not isinstance(activity, dict):
            return _problem(400, "not a JSON object")
        answer = await teams.hand_in(activity, window)
        if answer.status is None:
            return _problem(504 if "no answer" in answer.error else 502, answer.error)
        content_type = "application/json" if answer.body is not None else "text/plain"
        return web.Response(status=answer.status, body=answer.raw, content_type=content_type)

    async def register(self, request: web.Request) -> web.Response:
        """Tells which emulator shows whose chats: connector_url, object_id, personal_chat_id."""
        try:
            told: Any = json.loads(await request.read())
            window = EmulatorWindow(
                name=request.match_info["emulator"],
                connector_url=str(told["connector_url"]),
                object_id=str(told["object_id"]),
                personal_chat_id=str(told["personal_chat_id"]),
            )
        except (ValueError, KeyError, TypeError):
            return _problem(400, "connector_url, object_id and personal_chat_id are needed")
        teams = teams_of(self._world)
        if teams.find_person(window.object_id) is None:
            return _problem(400, f"nobody has the object id {window.object_id!r}")
        teams.emulators.register(window)
        return web.Response(status=204)

    async def remove(self, request: web.Request) -> web.Response:
        """The emulator is gone; its person's posts are kept here alone."""
        teams_of(self._world).emulators.remove(request.match_info["emulator"])
        return web.Response(status=204)


def _problem(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"code": "Simulator", "message": message}}, status=status)
