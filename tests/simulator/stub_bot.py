"""A bot that does nothing but check the channel's signature, and whatever a test tells it to answer."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import jwt
from aiohttp import web

from simulator.server import Simulator
from simulator.tokens import Audience

Json = dict[str, Any]


class StubBot:
    """Validates every token with PyJWT against the simulator's own key set, as a stranger would."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.received: list[Json] = []
        self.rejected: list[str] = []
        self.answer: Json | None = {
            "statusCode": 200,
            "type": "application/vnd.microsoft.activity.message",
            "value": "ok",
        }
        self.slow_seconds = 0.0
        self.status = 200

    async def __aenter__(self) -> StubBot:
        app = web.Application()
        app.router.add_post("/api/messages", self._messages)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/api/messages"
        self.http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()
        await self._runner.cleanup()

    async def _messages(self, request: web.Request) -> web.Response:
        try:
            activity = await self._authenticated(request)
        except (jwt.PyJWTError, KeyError, ValueError) as problem:
            self.rejected.append(f"{type(problem).__name__}: {problem}")
            return web.Response(status=401)
        self.received.append(activity)
        await asyncio.sleep(self.slow_seconds)
        if activity["type"] == "invoke" and self.answer is not None:
            return web.json_response(self.answer, status=self.status)
        return web.Response(status=self.status)

    async def _authenticated(self, request: web.Request) -> Json:
        scheme, _, token = request.headers["Authorization"].partition(" ")
        if scheme != "Bearer":
            raise ValueError("scheme")
        environment = self.sim.environment()
        async with self.http.get(environment["IRBOT_BOT_OPENID_URL"]) as found:
            metadata = await found.json()
        async with self.http.get(metadata["jwks_uri"]) as found:
            keys = {key["kid"]: key for key in (await found.json())["keys"]}
        key = keys[jwt.get_unverified_header(token)["kid"]]
        if "msteams" not in key["endorsements"]:
            raise ValueError("endorsements")
        claims = jwt.decode(
            token,
            jwt.PyJWK(key).key,
            algorithms=metadata["id_token_signing_alg_values_supported"],
            audience=environment["IRBOT_APP_ID"],
            issuer="https://api.botframework.com",
        )
        activity: Json = await request.json()
        if claims["serviceurl"] != activity["serviceUrl"]:
            raise ValueError("serviceurl")
        return activity

    def token(self, audience: Audience = Audience.BOT_FRAMEWORK) -> str:
        """The bot's own token for the connector."""
        world = self.sim.world
        app = world.tenant.app(world.app_id)
        assert app is not None
        return world.tokens.issue(app, audience)

    async def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
        """A call to the connector: status and parsed body."""
        headers = {"Authorization": f"Bearer {token or self.token()}"}
        url = f"{self.sim.url}/connector/v3/{path}"
        async with self.http.request(method, url, json=body, headers=headers) as response:
            raw = await response.read()
            parsed = await response.json(content_type=None) if raw else None
            self.last_headers = response.headers
            return response.status, parsed


def card(*buttons: str, text: str = "A card", **more: Any) -> Json:
    """A small card with buttons."""
    return {
        "type": "AdaptiveCard",
        "version": "1.5",
        "body": [{"type": "TextBlock", "text": text, "wrap": True}],
        "actions": [
            {"type": "Action.Execute", "title": title, "verb": title.lower(), "data": {"v": 1, "id": "1", "nonce": "n"}}
            for title in buttons
        ],
        **more,
    }


def post_of(content: Json, summary: str = "A card") -> Json:
    """The activity that posts a card."""
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": content}
    return {"type": "message", "summary": summary, "attachments": [attachment]}
