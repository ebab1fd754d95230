"""A plain HTTP caller of the simulated Graph, for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiohttp

from simulator.server import Simulator
from simulator.tokens import Audience


@dataclass
class Reply:
    """Status, decoded body and headers of an answer."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The error code of a refusal."""
        return str(self.body["error"]["code"])

    @property
    def message(self) -> str:
        """The error text of a refusal."""
        return str(self.body["error"]["message"])

    @property
    def value(self) -> list[Any]:
        """The rows of a list."""
        rows = self.body["value"]
        assert isinstance(rows, list)
        return rows


class GraphCaller:
    """Calls with IRBot's own token, or with none."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.token: str | None = None
        self.renew()
        self._session = aiohttp.ClientSession()

    def renew(self) -> None:
        """Takes a token with the permissions that are granted now."""
        self.token = self.sim.world.tokens.issue(self.sim.world.bot, Audience.GRAPH)

    def only(self, *permissions: str) -> None:
        """From now on the app holds these permissions and no others."""
        self.sim.world.bot.permissions = set(permissions)
        self.renew()

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """One request; underscores in header names become hyphens."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        url = f"{self.sim.url}/graph{path if path.startswith(('/v1.0', '/beta')) else '/v1.0' + path}"
        async with self._session.request(method, _exact(url), json=body, headers=sent) as answer:
            text = await answer.text()
            decoded = await answer.json() if "json" in answer.headers.get("Content-Type", "") else text or None
            return Reply(answer.status, decoded, dict(answer.headers))

    async def get(self, path: str, **headers: str) -> Reply:
        """GET."""
        return await self.call("GET", path, **headers)

    async def post(self, path: str, body: Any = None) -> Reply:
        """POST."""
        return await self.call("POST", path, body)

    async def patch(self, path: str, body: Any) -> Reply:
        """PATCH."""
        return await self.call("PATCH", path, body)

    async def delete(self, path: str) -> Reply:
        """DELETE."""
        return await self.call("DELETE", path)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()


def _exact(url: str) -> Any:
    """Keeps percent-encoding as it is written where there is some."""
    from yarl import URL

    return URL(url, encoded="%" in url)
