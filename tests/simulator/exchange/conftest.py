"""Exchange alone over HTTP: the world, its gateway and the admin API, without the other services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from aiohttp import web

from services.microsoft365.trust import trusted_authorities
from simulator.config import SimulatorConfig
from simulator.exchange import Exchange, exchange_of, routes
from simulator.gateway import middleware
from simulator.tokens import Audience
from simulator.world import World

ORG_ANCHOR = "APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{tenant}"


@dataclass
class Admin:
    """A plain HTTP client of the admin API: what any program could send, and nothing of our product."""

    world: World
    client: httpx.AsyncClient

    @property
    def exchange(self) -> Exchange:
        return exchange_of(self.world)

    @property
    def base(self) -> str:
        return f"{self.world.base_url}/exchange/adminapi"

    def token(self) -> str:
        app = self.world.tenant.app(self.world.app_id)
        assert app is not None
        return self.world.tokens.issue(app, Audience.EXCHANGE)

    def headers(self, anchor: str | None = None, **more: str) -> dict[str, str]:
        anchor = anchor or ORG_ANCHOR.format(tenant=self.world.tenant.id)
        return {
            "Authorization": f"Bearer {self.token()}",
            "Accept-Encoding": "identity",
            "X-AnchorMailbox": anchor,
        } | more

    async def post(
        self, cmdlet: str, parameters: Any = None, *, headers: dict[str, str] | None = None, query: str = ""
    ) -> httpx.Response:
        body = {"CmdletInput": {"CmdletName": cmdlet, "Parameters": parameters if parameters is not None else {}}}
        url = f"{self.base}/beta/{self.world.tenant.id}/InvokeCommand{query}"
        return await self.send(url, body, headers)

    async def send(self, url: str, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        """Reads the raw bytes: the service labels a body as gzip that is none."""
        async with self.client.stream("POST", url, json=body, headers=headers or self.headers()) as answer:
            raw = b"".join([part async for part in answer.aiter_raw()])
        kept = [(name, value) for name, value in answer.headers.multi_items() if name != "content-encoding"]
        shown = httpx.Response(answer.status_code, headers=kept, content=raw)
        shown.extensions["labelled_gzip"] = answer.headers.get("content-encoding") == "gzip"
        return shown

    async def rows(self, cmdlet: str, **parameters: Any) -> list[dict[str, Any]]:
        answer = await self.post(cmdlet, parameters)
        assert answer.status_code == 200, answer.text
        return [{k: v for k, v in row.items() if "@" not in k} for row in answer.json()["value"]]

    async def warnings(self, cmdlet: str, **parameters: Any) -> list[str]:
        answer = await self.post(cmdlet, parameters)
        assert answer.status_code == 200, answer.text
        found: list[str] = answer.json()["@adminapi.warnings"]
        return found

    async def refusal(self, cmdlet: str, **parameters: Any) -> tuple[int, str]:
        answer = await self.post(cmdlet, parameters)
        assert answer.status_code >= 400, answer.text
        error = answer.json()["error"]
        return answer.status_code, (error.get("details") or [error])[0]["message"]


@pytest.fixture
def config() -> SimulatorConfig:
    return SimulatorConfig(directory_roles=("Exchange Administrator",))


@pytest.fixture
async def admin(config: SimulatorConfig) -> AsyncIterator[Admin]:
    world = World(config)
    app = web.Application(middlewares=[middleware(world)])
    app.add_routes(routes(world))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    world.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with httpx.AsyncClient(verify=trusted_authorities(None)) as client:
        yield Admin(world, client)
    await world.close()
    await runner.cleanup()
