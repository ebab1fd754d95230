"""A running simulated tenant and our way into its Exchange."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.microsoft365.exchange import mailboxes
from services.microsoft365.exchange.mailboxes import Mailbox
from services.microsoft365.exchange.pace import Pace
from services.microsoft365.exchange.rest import RestBackend
from services.settings import Settings
from simulator.config import SimulatorConfig
from simulator.exchange import Exchange, exchange_of
from simulator.server import Simulator
from simulator.tokens import Audience
from simulator.world import World


class Hours:
    """Time that passes only while somebody sleeps, so that no test waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class IssuedTokens:
    """Tokens straight from the world; remembers what it was asked for and what was refused."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.scopes: list[str] = []
        self.claims: list[str] = []
        self.forgotten: list[str] = []
        self._held: str | None = None

    async def token(self, scope: str, *, claims: str | None = None) -> str:
        self.scopes.append(scope)
        if claims is not None:
            self.claims.append(claims)
            self._held = None
        if self._held is None:
            app = self.world.tenant.app(self.world.app_id)
            assert app is not None
            self._held = self.world.tokens.issue(app, Audience.EXCHANGE)
        return self._held

    async def forget(self, scope: str, token: str) -> None:
        self.forgotten.append(token)
        if self._held == token:
            self._held = None


def settings_of(sim: Simulator) -> Settings:
    values = {name.removeprefix("IRBOT_").lower(): value for name, value in sim.environment().items()}
    return Settings(**values)  # type: ignore[arg-type]  # the environment is text


@pytest.fixture
def config() -> SimulatorConfig:
    return SimulatorConfig(directory_roles=("Exchange Administrator",))


@pytest.fixture
async def sim(config: SimulatorConfig) -> AsyncIterator[Simulator]:
    async with Simulator(config) as running:
        yield running


@pytest.fixture
def tenant(sim: Simulator) -> Exchange:
    """The simulated Exchange, to set a scene and to see what really happened."""
    return exchange_of(sim.world)


@pytest.fixture
def settings(sim: Simulator) -> Settings:
    return settings_of(sim)


@pytest.fixture
def hours() -> Hours:
    return Hours()


@pytest.fixture
def tokens(sim: Simulator) -> IssuedTokens:
    return IssuedTokens(sim.world)


@pytest.fixture
async def exchange(settings: Settings, tokens: IssuedTokens, hours: Hours) -> AsyncIterator[RestBackend]:
    pace = Pace(per_second=1000, clock=hours.clock, sleep=hours.sleep)
    backend = RestBackend(settings, tokens, pace=pace, sleep=hours.sleep)
    yield backend
    await backend.close()


@pytest.fixture
async def megan(exchange: RestBackend, sim: Simulator) -> Mailbox:
    user = sim.world.tenant.user("megan")
    return await mailboxes.find(exchange, user.id, user.upn)
