"""The running Teams emulators: whose they are, which conversations they show, and how posts reach them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import web

from simulator.channel.errors import ConnectorError

Json = dict[str, Any]
_TIMEOUT = aiohttp.ClientTimeout(total=20)


@dataclass(frozen=True)
class EmulatorWindow:
    """One emulator process. `connector_url` is where its chats take posts, with the slash at the end."""

    name: str
    connector_url: str
    object_id: str
    personal_chat_id: str


@dataclass(frozen=True)
class EmulatorAnswer:
    """What the emulator's connector answered."""

    status: int
    body: Any

    @property
    def accepted(self) -> bool:
        """Whether it took the request."""
        return 200 <= self.status < 300

    def response(self) -> web.Response:
        """The same answer for the bot."""
        if self.body is None:
            return web.Response(status=self.status)
        return web.json_response(self.body, status=self.status)


class Emulators:
    """All emulators by name. Registering a name again moves it (a restarted emulator takes another port)."""

    def __init__(self) -> None:
        self._by_name: dict[str, EmulatorWindow] = {}

    def register(self, window: EmulatorWindow) -> None:
        """Posts for this person's chats go to that emulator from now on."""
        self._by_name[window.name] = window

    def remove(self, name: str) -> None:
        """Its chats are kept here alone from now on."""
        self._by_name.pop(name, None)

    def get(self, name: str | None) -> EmulatorWindow | None:
        """The emulator of that name."""
        return None if name is None else self._by_name.get(name)

    def of_person(self, object_id: str) -> EmulatorWindow | None:
        """The emulator that this person sits at."""
        return next((window for window in self._by_name.values() if window.object_id == object_id), None)

    async def call(self, window: EmulatorWindow, method: str, *path: str, body: Json | None = None) -> EmulatorAnswer:
        """One call to the emulator's connector. Raises ConnectorError 502 where nothing answers there."""
        url = window.connector_url.rstrip("/") + "/v3/" + "/".join(quote(part, safe="") for part in path)
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT) as session,
                session.request(method, url, json=body) as response,
            ):
                raw = await response.read()
                return EmulatorAnswer(response.status, _parsed(raw))
        except (aiohttp.ClientError, TimeoutError) as problem:
            raise ConnectorError(
                502, "BadGateway", f"The emulator {window.name} does not answer: {type(problem).__name__}"
            ) from problem


def _parsed(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")
