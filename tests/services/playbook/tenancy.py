"""A simulated tenant with a step's context in it: for tests of steps against the real service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from sqlalchemy.ext.asyncio import AsyncConnection

from services.bulk import Bulk
from services.database import Database
from services.incidents.model import Phase
from services.incidents.subjects import recognise
from services.microsoft365 import Microsoft365, Tokens
from services.microsoft365.budgets import Budgets, Limit
from services.microsoft365.exchange.pace import Pace
from services.microsoft365.exchange.rest import RestBackend
from services.microsoft365.graph import Graph
from services.microsoft365.operations import Gate, Row, always_open
from services.microsoft365.trust import trusted_authorities
from services.playbook.step import Change, Context, Plan, State, Step, Undo
from services.settings import Settings
from simulator.config import SimulatorConfig
from simulator.journal import Entry
from simulator.server import Simulator
from simulator.stories import STORIES, Told
from simulator.stories import apply as tell
from simulator.tenant import Json, User


@dataclass
class Tenancy:
    """The tenant, Microsoft 365 as the product sees it, and what a step does with both."""

    sim: Simulator
    m365: Microsoft365
    settings: Settings
    bulk: Bulk

    def user(self, name: str) -> User:
        return self.sim.world.tenant.user(name)

    def tell(self, story_id: str) -> Told:
        """Lets an intruder in."""
        return tell(STORIES[story_id], self.sim.world)

    async def context(self, who: str | User, *, opened_ago: timedelta = timedelta(0), locked: bool = False) -> Context:
        """What a step gets for an incident about this account."""
        user = who if isinstance(who, User) else self.user(who)
        subject, account = await recognise(self.m365, self.settings, user.id)
        now = datetime.now(UTC)
        opened = now - opened_ago
        since = opened - timedelta(days=self.settings.look_back_days)
        if locked:
            account = replace(account, account_enabled=False)
        return Context(self.m365, self.settings, subject, account, opened, since, now, bulk=self.bulk)

    async def plan(self, step: Step, who: str | User) -> Plan:
        """The plan, which wrote nothing."""
        ctx = await self.context(who)
        count = len(self.sim.world.tenant.changes)
        plan = await step.plan(ctx)
        assert len(self.sim.world.tenant.changes) == count
        return plan

    async def make(self, step: Step, who: str | User, plan: Plan) -> None:
        """Applies every change, twice, and reads each one back."""
        assert step.apply is not None
        assert step.verify is not None
        ctx = await self.context(who, locked=step.phase is Phase.EVICT)
        for _ in range(2):
            for change in plan.changes:
                await step.apply(ctx, change)
                assert await step.verify(ctx, change), change

    async def undo(self, step: Step, who: str | User, plan: Plan) -> None:
        """Puts every change back, as the runner does, twice, and reads each one back."""
        assert isinstance(step.undo, Undo)
        ctx = await self.context(who)
        for _ in range(2):
            for change in plan.changes:
                back = _backwards(change)
                await step.undo.apply(ctx, back)
                assert await step.undo.verify(ctx, back), back

    def writes(self) -> list[Entry]:
        """The requests that changed something."""
        return [
            entry
            for entry in self.sim.world.journal.entries(service="graph")
            if entry.status in (200, 201, 204)
            and entry.method in ("PATCH", "POST", "DELETE")
            and "checkMember" not in entry.path
        ]

    def picture(self) -> Json:
        """What the directory holds, without the numbers and times that an object made anew has of its own."""
        tenant = self.sim.world.tenant
        fresh = {"id", "createdDateTime"}
        grants = [{key: value for key, value in row.items() if key not in fresh} for row in tenant.permission_grants]
        places = [{key: value for key, value in row.items() if key not in fresh} for row in tenant.app_role_assignments]
        roles = [(a.principal_id, a.role_id, a.scope, a.eligible) for a in tenant.role_assignments]
        return {
            "grants": sorted(grants, key=json.dumps),
            "places": sorted(places, key=json.dumps),
            "roles": sorted(roles),
            "groups": {group.id: sorted(group.members) for group in tenant.groups.values()},
            "apps": {app.id: app.properties["accountEnabled"] for app in tenant.service_principals.values()},
            "devices": {device.id: dict(device.properties) for device in tenant.devices.values()},
        }


def unpaced(settings: Settings, tokens: Tokens, gate: Gate = always_open) -> Microsoft365:
    """Microsoft 365 without waiting for the service's limits, which the simulated one only has when told so."""
    budgets = Budgets({row: Limit(1_000_000, 1) for row in Row})
    http = httpx.AsyncClient(verify=trusted_authorities(None), timeout=settings.call_timeout_seconds)
    exchange = RestBackend(settings, tokens, pace=Pace(at_once=16, per_second=1_000_000), gate=gate)
    return Microsoft365(Graph(settings, tokens, http, gate=gate, budgets=budgets), settings.app_id, exchange)


@asynccontextmanager
async def tenancy(config: SimulatorConfig | None = None) -> AsyncIterator[Tenancy]:
    """A tenant of its own for one test."""
    async with Simulator(config or SimulatorConfig(audit_query_seconds=0, device_seconds=0)) as sim:
        values = {name.removeprefix("IRBOT_").lower(): value for name, value in sim.environment().items()}
        settings = Settings(**values)  # type: ignore[arg-type]  # pydantic reads the texts
        tokens = Tokens(settings)
        m365 = unpaced(settings, tokens)
        try:
            async with lists() as bulk:
                yield Tenancy(sim, m365, settings, bulk)
        finally:
            await m365.close()
            await tokens.close()


@asynccontextmanager
async def lists() -> AsyncIterator[Bulk]:
    """Where steps keep the long lists that they freeze; the file is made when the first one is frozen."""
    with TemporaryDirectory(prefix="irbot-lists-", ignore_cleanup_errors=True) as folder:
        database = _LateDatabase(Path(folder) / "lists.sqlite")
        yield Bulk(database, owner="this-process", may_act=lambda: True, now=lambda: datetime.now(UTC))
        await database.close()


class _LateDatabase(Database):
    """A database that is made when somebody uses it: most steps never do."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._opened: Database | None = None
        self._opening = asyncio.Lock()

    async def _now(self) -> Database:
        async with self._opening:
            if self._opened is None:
                self._opened = await Database.open(f"sqlite+aiosqlite:///{self._file}")
            return self._opened

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with (await self._now()).read() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        async with (await self._now()).write() as connection:
            yield connection

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()


def _backwards(change: Change) -> Change:
    return replace(change, before=change.after, after=change.before, seen=None)


def settled(plan: Plan) -> tuple[State, str]:
    """How a plan without changes ended."""
    assert plan.settled is not None
    assert not plan.changes
    return plan.settled.state, plan.settled.reason
