"""The step as the runner executes it: approved by a second person, killed in the middle, told, undone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import pytest
import sqlalchemy as sa

from services.access import Access
from services.approvals import Approval, ApprovalState, PlanKind
from services.bulk import Bulk
from services.database import Database, tables
from services.durable import Durable
from services.incidents import store
from services.microsoft365.exchange import ExchangeBackend
from services.microsoft365.exchange.backend import Parameter, Result
from services.playbook.disable_imap_everywhere import STEP
from services.playbook.ledger import EffectState
from services.playbook.planner import Planner
from services.playbook.runner import Runner
from services.playbook.step import State
from simulator.exchange import exchange_of
from simulator.faults import Fault, Kind
from tests.services.fakes import CHANNEL, settings, subject
from tests.services.playbook.bench import ALEX, Killed, RunnerBench
from tests.services.playbook.tenancy import Tenancy, tenancy


class Dying:
    """A way into Exchange whose process dies around one of its changes."""

    def __init__(self, backend: ExchangeBackend) -> None:
        self._backend = backend
        self.before: int | None = None
        self.after: int | None = None
        self.changes = 0

    async def invoke(self, cmdlet: str, parameters: Mapping[str, Parameter], **more: Any) -> Result:
        if not cmdlet.startswith("Set-"):
            return await self._backend.invoke(cmdlet, parameters, **more)
        self.changes += 1
        number = self.changes
        if number == self.before:
            raise Killed
        result = await self._backend.invoke(cmdlet, parameters, **more)
        if number == self.after:
            raise Killed
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


@dataclass
class Everywhere:
    """An incident about Megan of the simulated tenant, with the runner of one process after another."""

    home: Tenancy
    bench: RunnerBench
    exchange: Dying

    @classmethod
    async def start(cls, database: Database, home: Tenancy) -> Everywhere:
        bench = RunnerBench(database, (STEP,))
        bench.clock.time = datetime.now(UTC)  # the tenant's sign-in log goes by the real one
        incident, _ = await store.open_incident(database, subject(home.user("megan").id), ALEX, CHANNEL, bench.clock())
        bench.incident_id = incident.id
        exchange = Dying(home.m365.exchange)
        home.m365.exchange = cast("ExchangeBackend", exchange)
        started = cls(home, bench, exchange)
        started.process("first")
        return started

    def process(self, owner: str) -> None:
        """From now on another process has the work."""
        bench, options = self.bench, settings()
        bulk = Bulk(bench.database, owner=owner, may_act=bench.durable.holds_lease, now=bench.clock)
        self.planner = Planner(
            m365=self.home.m365,
            settings=options,
            ledger=bench.ledger,
            posts=bench.posts,
            steps=(STEP,),
            now=bench.clock,
            bulk=bulk,
        )
        bench.runner = Runner(
            database=bench.database,
            m365=self.home.m365,
            settings=options,
            access=Access(options, bench.m365.typed, bench.database),
            durable=cast("Durable", bench.durable),
            posts=bench.posts,
            rules=bench.rules,
            planner=self.planner,
            ledger=bench.ledger,
            now=bench.clock,
        )

    async def approved(self) -> Approval:
        """Planned, asked for and approved, and not executed."""
        plan = await self.bench.runner.plan_now(self.bench.incident_id, STEP.id)
        return await self.bench.approved(PlanKind.STEPS, {STEP.id: plan})

    async def undone(self) -> None:
        """What can be undone is undone."""
        await self.bench.undone()

    def protocols(self) -> dict[str, Any]:
        views = exchange_of(self.home.sim.world).cas_views()
        return deepcopy({view.owner.id: view.cas for view in views})

    @property
    def open(self) -> list[str]:
        return [key for key, cas in self.protocols().items() if cas["ImapEnabled"] or cas["PopEnabled"]]


# The engine of the lists is tried on both databases where it is at home.
on_a_file = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def _dies(work: Awaitable[object]) -> None:
    with pytest.raises(BaseExceptionGroup) as ended:
        await work
    assert ended.value.subgroup(Killed) is not None


async def test_it_is_done_as_approved_told_and_undone(database: Database) -> None:
    async with tenancy() as home:
        case = await Everywhere.start(database, home)
        before = case.protocols()
        approval = await case.approved()
        await case.bench.runner.execute(approval.id)
        assert (await case.bench.now(approval)).state is ApprovalState.USED
        run = await case.bench.run(STEP.id)
        assert (run.state, run.reason) == (State.DONE, "Checked. All 4 changes show.")
        assert case.open == []
        await case.undone()
        assert (await case.bench.run(STEP.id)).state is State.UNDONE
        assert case.protocols() == before
        assert await case.bench.runner.undo_plan(case.bench.incident_id) == {}


@on_a_file
@pytest.mark.parametrize(("side", "change"), [("after", 1), ("before", 4), ("after", 30), ("after", 61)])
async def test_a_kill_anywhere_loses_nothing_and_changes_nothing_twice(
    database: Database, side: str, change: int
) -> None:
    """Changes 1 to 3 are the plans and the organisation's switch, the others are mailboxes, and 61 is the last."""
    async with tenancy() as home:
        case = await Everywhere.start(database, home)
        before = case.protocols()
        approval = await case.approved()
        setattr(case.exchange, side, change)
        await _dies(case.bench.runner.execute(approval.id))
        case.process("second")
        await case.bench.runner.execute(approval.id)
        run = await case.bench.run(STEP.id)
        assert (run.state, run.reason) == (State.DONE, "Checked. All 4 changes show.")
        assert set((await case.bench.effects(STEP.id)).values()) <= {EffectState.SENT, EffectState.SHOWN}
        assert case.open == []
        changed = [(each.target_id, each.property) for each in home.sim.world.tenant.changes]
        assert len(changed) == len(set(changed)) == 2 * len(before)
        await case.undone()
        assert case.protocols() == before


@on_a_file
async def test_an_undo_that_is_killed_is_finished_by_the_next_process(database: Database) -> None:
    async with tenancy() as home:
        case = await Everywhere.start(database, home)
        before = case.protocols()
        approval = await case.approved()
        await case.bench.runner.execute(approval.id)
        plans = await case.bench.runner.undo_plan(case.bench.incident_id)
        case.bench.clock.pass_by(minutes=1)
        undo = await case.bench.approved(PlanKind.UNDO, plans)
        case.exchange.after = case.exchange.changes + 20
        await _dies(case.bench.runner.execute(undo.id))
        case.process("second")
        await case.bench.runner.execute(undo.id)
        assert (await case.bench.run(STEP.id)).state is State.UNDONE
        assert case.protocols() == before


@on_a_file
async def test_how_far_it_is_stands_on_the_cards_while_it_runs(database: Database) -> None:
    async with tenancy() as home:
        case = await Everywhere.start(database, home)
        approval = await case.approved()
        home.sim.world.faults.add(
            Fault(
                kind=Kind.DELAY, service="cmdlet", method="POST", path="^/Set-CASMailbox/", delay_seconds=0.5, times=1
            )
        )
        running = asyncio.create_task(case.bench.runner.execute(approval.id))
        words = await _until(lambda: _reason(database), "of 58")
        assert words == "IMAP and POP: 0 of 58"
        await running
        assert (await case.bench.run(STEP.id)).state is State.DONE


@on_a_file
async def test_a_licence_that_is_missing_is_part_of_how_it_ends(database: Database) -> None:
    async with tenancy() as home:
        home.sim.world.tenant.licences = {"O365_BUSINESS_ESSENTIALS"}
        case = await Everywhere.start(database, home)
        approval = await case.approved()
        await case.bench.runner.execute(approval.id)
        run = await case.bench.run(STEP.id)
        assert run.state is State.DONE
        assert "Who uses IMAP, POP and SMTP AUTH today was not evaluated." in run.reason


@on_a_file
async def test_what_was_not_done_is_said_and_what_was_done_can_be_undone(database: Database) -> None:
    async with tenancy() as home:
        case = await Everywhere.start(database, home)
        before = case.protocols()
        approval = await case.approved()

        def withdraw_after(count: int) -> Callable[..., Any]:
            original = case.exchange._backend.invoke

            async def invoke(cmdlet: str, parameters: Mapping[str, Parameter], **more: Any) -> Result:
                if case.exchange.changes >= count:
                    exchange_of(home.sim.world).knobs.without_cmdlets = frozenset({"Set-CASMailbox"})
                return await original(cmdlet, parameters, **more)

            return invoke

        case.exchange._backend = _Instead(case.exchange._backend, withdraw_after(30))
        await case.bench.runner.execute(approval.id)
        run = await case.bench.run(STEP.id)
        assert run.state is State.FAILED
        assert "left. Exchange does not let IRBot's app use Set-CASMailbox." in run.reason
        assert 0 < len(case.open) < 58
        case.exchange._backend = case.exchange._backend.kept
        exchange_of(home.sim.world).knobs.without_cmdlets = frozenset()
        await case.undone()
        assert case.protocols() == before


class _Instead:
    """Another way to invoke; everything else as before."""

    def __init__(self, kept: ExchangeBackend, invoke: Callable[..., Any]) -> None:
        self.kept = kept
        self.invoke = invoke

    def __getattr__(self, name: str) -> Any:
        return getattr(self.kept, name)


async def _reason(database: Database) -> Sequence[str]:
    async with database.read() as connection:
        return (await connection.execute(sa.select(tables.step_runs.c.reason))).scalars().all()


async def _until(read: Callable[[], Awaitable[Sequence[str]]], part: str) -> str:
    async with asyncio.timeout(20):
        while True:
            for words in await read():
                if part in words:
                    return words
            await asyncio.sleep(0.01)
