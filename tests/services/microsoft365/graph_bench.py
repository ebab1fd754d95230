"""A Graph on a mock transport: scripted answers, what was asked, and time that passes only when somebody waits."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx

from services.microsoft365.graph import Graph
from services.microsoft365.tokens import Tokens
from services.settings import Settings

BASE = "https://graph.test"
Reply = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


def settings(**changes: object) -> Settings:
    values: dict[str, object] = {
        "tenant_id": "t1",
        "app_id": "app-1",
        "app_secret": "s3cret",
        "login_url": "https://login.test",
        "graph_url": BASE,
        "call_timeout_seconds": 5,
    }
    return Settings(**{**values, **changes})  # type: ignore[arg-type]


def token_with(*permissions: str) -> str:
    payload = base64.urlsafe_b64encode(json.dumps({"roles": list(permissions)}).encode()).rstrip(b"=").decode()
    return f"e30.{payload}.sig"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class GraphBench:
    """`replies` are given in order; the last one stays. `requests` holds what reached the wire."""

    def __init__(self, *replies: Reply) -> None:
        self.replies: list[Reply] = list(replies)
        self.requests: list[httpx.Request] = []
        self.clock = Clock()
        self.tokens_issued: list[str] = []
        self.token_claims: list[str | None] = []
        self.next_tokens = [token_with()]
        self.tokens = Tokens(settings(), http_client=lambda: httpx.Client(transport=httpx.MockTransport(self._sign_in)))
        self.graph = Graph(
            settings(),
            self.tokens,
            httpx.AsyncClient(transport=httpx.MockTransport(self._graph)),
            clock=self.clock,
            sleep=self.clock.sleep,
            jitter=lambda: 0.0,
        )

    @property
    def paths(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.requests]

    @property
    def last(self) -> httpx.Request:
        return self.requests[-1]

    def body(self, index: int = -1) -> Any:
        return json.loads(self.requests[index].content)

    async def close(self) -> None:
        await self.graph.close()
        await self.tokens.close()

    async def _graph(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply(request) if callable(reply) else reply

    def _sign_in(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/openid-configuration"):
            base = "https://login.test/t1/oauth2/v2.0"
            return httpx.Response(200, json={"authorization_endpoint": f"{base}/a", "token_endpoint": f"{base}/token"})
        form = httpx.QueryParams(request.content.decode())
        self.token_claims.append(form.get("claims"))
        token = self.next_tokens.pop(0) if len(self.next_tokens) > 1 else self.next_tokens[0]
        self.tokens_issued.append(token)
        return httpx.Response(200, json={"token_type": "Bearer", "access_token": token, "expires_in": 3600})


def error(status: int, code: str, message: str = "", **headers: str) -> httpx.Response:
    """A refusal as Graph words it. Header names are written with underscores."""
    body = {"error": {"code": code, "message": message, "innerError": {"request-id": "r-1", "date": "2026-11-25"}}}
    return httpx.Response(status, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def page(*values: dict[str, Any], next_link: str | None = None) -> httpx.Response:
    body: dict[str, Any] = {"value": list(values)}
    if next_link is not None:
        body["@odata.nextLink"] = next_link
    return httpx.Response(200, json=body)


EMPTY = httpx.Response(204)
