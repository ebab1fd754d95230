"""A Bot Framework channel for the tests: it signs activities, serves its keys, and takes what the bot says."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import rsa

from services.settings import Settings

APP_ID = "11111111-1111-4111-8111-111111111111"
TENANT_ID = "22222222-2222-4222-8222-222222222222"
ALEX = "33333333-3333-4333-8333-333333333333"
BOT_ID = f"28:{APP_ID}"
ISSUER = "https://api.botframework.com"
SCOPE = "https://api.botframework.com/.default"
TEAM = "19:team@thread.tacv2"
CHANNEL_CONVERSATION = "19:general@thread.tacv2;messageid=1700000000000"

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(key: rsa.RSAPrivateKey, kid: str, endorsements: tuple[str, ...] = ("msteams",)) -> dict[str, Any]:
    """The public half as a key set lists it."""
    numbers = key.public_key().public_numbers()

    def encoded(number: int) -> str:
        raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    return {
        "kty": "RSA",
        "use": "sig",
        "kid": kid,
        "n": encoded(numbers.n),
        "e": encoded(numbers.e),
        "endorsements": list(endorsements),
    }


@dataclass
class Sent:
    """One call of the bot at the connector."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


Reply = Callable[[Sent], Awaitable[web.StreamResponse]]


@dataclass
class ChannelDouble:
    """The channel. `replies` are used up one by one before the ordinary 201; `keys` is what the key set lists."""

    keys: list[dict[str, Any]] = field(default_factory=lambda: [jwk(KEY, "k1")])
    sent: list[Sent] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    key_fetches: int = 0
    metadata_fetches: int = 0
    key_delay: float = 0.0
    keys_down: bool = False
    metadata: Callable[[], web.Response] | None = None  # served in the place of the OpenID metadata
    base_url: str = ""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/openid", self._metadata)
        app.router.add_get("/keys", self._keys)
        app.router.add_route("*", "/connector/{rest:.*}", self._connector)
        return app

    @property
    def service_url(self) -> str:
        return f"{self.base_url}/connector/"

    def settings(self, **more: Any) -> Settings:
        """Settings of a bot that belongs to this channel."""
        values: dict[str, Any] = {
            "tenant_id": TENANT_ID,
            "app_id": APP_ID,
            "app_secret": "not-used-here",
            "bot_openid_url": f"{self.base_url}/openid",
            "bot_issuer": ISSUER,
            "service_urls": (self.service_url,),
            "call_timeout_seconds": 5,
        }
        return Settings(**{**values, **more})

    def claims(self, **more: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": APP_ID, "exp": now + 3600, "nbf": now - 10, "serviceurl": self.service_url}
        return {name: value for name, value in {**claims, **more}.items() if value is not None}

    def token(self, key: Any = KEY, kid: str = "k1", algorithm: str = "RS256", **claims: Any) -> str:
        return jwt.encode(self.claims(**claims), key, algorithm=algorithm, headers={"kid": kid})

    def headers(self, **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(**claims)}"}

    def activity(self, **more: Any) -> dict[str, Any]:
        """A message in a channel, as Teams sends it."""
        activity = {
            "type": "message",
            "id": "1700000000001",
            "timestamp": "2026-01-01T00:00:00.000Z",
            "channelId": "msteams",
            "serviceUrl": self.service_url,
            "from": {"id": "29:alex", "name": "Alex Wilber", "aadObjectId": ALEX},
            "recipient": {"id": BOT_ID, "name": "IRBot"},
            "conversation": {
                "id": CHANNEL_CONVERSATION,
                "conversationType": "channel",
                "isGroup": True,
                "tenantId": TENANT_ID,
            },
            "channelData": {
                "tenant": {"id": TENANT_ID},
                "team": {"id": TEAM},
                "channel": {"id": "19:general@thread.tacv2"},
            },
            "text": "<at>IRBot</at> compromise megan@contoso.com",
            "textFormat": "plain",
            "locale": "en-US",
            "entities": [
                {"type": "mention", "text": "<at>IRBot</at>", "mentioned": {"id": BOT_ID, "name": "IRBot"}},
                {"type": "clientInfo", "locale": "en-US", "country": "US", "platform": "Windows"},
            ],
        }
        return copy.deepcopy({**activity, **more})

    def click(self, **more: Any) -> dict[str, Any]:
        """A press of a button, as Teams sends it."""
        value = {
            "action": {
                "type": "Action.Execute",
                "verb": "approve",
                "data": {"v": 1, "id": "a-1", "nonce": "n-1", "comment": "yes"},
            },
            "trigger": "manual",
        }
        invoke = {"type": "invoke", "name": "adaptiveCard/action", "value": value, "text": None, "entities": None}
        return self.activity(**{**invoke, **more})

    async def _metadata(self, _request: web.Request) -> web.Response:
        self.metadata_fetches += 1
        await asyncio.sleep(self.key_delay)
        if self.keys_down:
            return web.Response(status=503, text="<html>down</html>", content_type="text/html")
        if self.metadata is not None:
            return self.metadata()
        return web.json_response({"issuer": ISSUER, "jwks_uri": f"{self.base_url}/keys"})

    async def _keys(self, _request: web.Request) -> web.Response:
        self.key_fetches += 1
        await asyncio.sleep(self.key_delay)
        return web.json_response({"keys": self.keys})

    async def _connector(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        sent = Sent(request.method, request.raw_path, dict(request.headers), json.loads(body) if body else None)
        self.sent.append(sent)
        if self.replies:
            return await self.replies.pop(0)(sent)
        return web.json_response({"id": f"post-{len(self.sent)}"}, status=200 if request.method == "PUT" else 201)


@dataclass
class TokensDouble:
    """A token source that counts."""

    given: int = 0
    forgotten: list[str] = field(default_factory=list)
    delay: float = 0.0
    error: Exception | None = None

    async def token(self, scope: str) -> str:
        assert scope == SCOPE
        await asyncio.sleep(self.delay)
        if self.error is not None:
            raise self.error
        self.given += 1
        return f"token-{len(self.forgotten)}"

    async def forget(self, scope: str, token: str) -> None:
        assert scope == SCOPE
        self.forgotten.append(token)


async def until(happened: Callable[[], object]) -> None:
    """Waits for something that the bot does behind its answer."""
    async with asyncio.timeout(10):
        while not happened():  # noqa: ASYNC110  # what is waited for knows no event
            await asyncio.sleep(0.01)


async def serve(channel: ChannelDouble) -> TestServer:
    """Starts the channel; whoever starts it closes it."""
    server = TestServer(channel.app())
    await server.start_server()
    channel.base_url = str(server.make_url("")).rstrip("/")
    return server


def answering(status: int, body: Any = None, **headers: str) -> Reply:
    """A reply with a JSON body, or with text where the body is a string."""

    async def reply(_sent: Sent) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, str):
            return web.Response(status=status, text=body, content_type="text/html", headers=named)
        return web.json_response(body if body is not None else {}, status=status, headers=named)

    return reply
