"""What can be removed is proposed as soon as its own checks have ended, and nothing is lost to a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from services.approvals import ApprovalState, PlanKind, plans_from_json
from services.database import Database
from services.incidents import store
from services.incidents.model import Phase
from services.playbook.ledger import RunKind
from services.playbook.step import Context, Outcome, Plan, Risk, Rule, State, Step
from tests.services.playbook.bench import THE_LOCK, RunnerBench, Things

FORWARDING, RULES = "remove-forwarding", "remove-inbox-rules"


@dataclass
class Check:
    """A check that ends when a test lets it."""

    id: str
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    made: int = 0

    def step(self) -> Step:
        async def look(ctx: Context) -> Plan:
            self.made += 1
            await self.may_end.wait()
            return Plan(settled=Outcome(State.DONE, "Looked."))

        base = Things(id=self.id, phase=Phase.SCOPE).step()
        return replace(base, changes=(), risk=Risk.READ, approval=Rule.NONE, plan=look, apply=None, verify=None)


@dataclass
class Scene:
    """A locked account, a quick check and a slow one, and what each of them feeds."""

    bench: RunnerBench
    quick: Check
    slow: Check
    forwarding: Things
    rules: Things

    @classmethod
    async def start(cls, database: Database, *, locked: bool = True) -> Scene:
        quick, slow = Check("check-forwarding"), Check("check-inbox-rules")
        quick.may_end.set()
        forwarding = Things(id=FORWARDING, phase=Phase.EVICT)
        rules = Things(id=RULES, phase=Phase.EVICT, open={"r": True})
        steps = (*THE_LOCK, forwarding.step(), rules.step(), quick.step(), slow.step())
        scene = cls(await RunnerBench.start(database, steps=steps), quick, slow, forwarding, rules)
        if locked:
            await scene.bench.locked()
        return scene

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """The round goes on meanwhile, and has ended afterwards."""
        incident = await self.bench.incident()
        key = f"{incident.id}:{incident.investigation['nonce']}"
        round_ = asyncio.create_task(self.bench.preparation.investigate(key))
        try:
            yield
            self.slow.may_end.set()
            async with asyncio.timeout(20):
                await round_
        finally:
            round_.cancel()

    async def proposed(self) -> dict[str, Plan]:
        return plans_from_json((await self.bench.incident()).eviction.get("steps", {}))

    async def until(self, fits: Callable[[dict[str, Plan]], bool]) -> None:
        async with asyncio.timeout(20):
            while not fits(await self.proposed()):  # noqa: ASYNC110  # rows have no event
                await asyncio.sleep(0.02)

    async def evict(self, step_id: str) -> None:
        """Approved and carried out."""
        self.bench.clock.pass_by(minutes=1)
        approval = await self.bench.approved(PlanKind.EVICT, {step_id: (await self.proposed())[step_id]})
        await self.bench.runner.execute(approval.id)
        assert (await self.bench.now(approval)).state is ApprovalState.USED


@pytest.fixture
async def scene(database: Database) -> Scene:
    return await Scene.start(database)


async def test_what_a_quick_check_feeds_is_removed_while_a_slow_one_goes_on(scene: Scene) -> None:
    async with scene.looking():
        await scene.until(lambda plans: FORWARDING in plans)
        assert RULES not in await scene.proposed()
        before = await scene.bench.incident()
        await scene.evict(FORWARDING)
        now = await scene.bench.incident()
        assert scene.forwarding.applied == ["a"]
        assert now.investigation == before.investigation  # the same round goes on
        assert FORWARDING not in now.eviction["steps"]  # and looks at it again before it ends
    ended = await scene.bench.incident()
    assert ended.investigation["done"] is True
    plans = await scene.proposed()
    assert [change.item for change in plans[RULES].changes] == ["r"]
    assert plans[FORWARDING].settled is not None
    made = [(run.step_id, run.kind) for run in await scene.bench.runs()]
    assert made.count(("check-forwarding", RunKind.READ)) == 2
    assert made.count(("check-inbox-rules", RunKind.READ)) == 1
    assert [data["steps"] for event, data in await scene.bench.events() if event == "plan:proposed"][-1] == [
        FORWARDING,
        RULES,
    ]


async def test_what_ends_after_the_round_begins_another_one(scene: Scene) -> None:
    async with scene.looking():
        pass
    before = await scene.bench.incident()
    await scene.evict(FORWARDING)
    now = await scene.bench.incident()
    assert now.investigation["nonce"] != before.investigation["nonce"]
    assert (now.investigation["done"], now.investigation["looked"]) == (False, True)
    assert ("investigate", f"{now.id}:{now.investigation['nonce']}") in scene.bench.durable.started


async def test_what_was_known_before_the_lock_is_drawn_up_anew_behind_it(database: Database) -> None:
    scene = await Scene.start(database, locked=False)
    async with scene.looking():
        await scene.until(lambda plans: FORWARDING in plans)
        scene.forwarding.open["late"] = True  # the intruder is quicker than the lock
        await scene.bench.locked()
        await scene.until(lambda plans: len(plans[FORWARDING].changes) == 2)
    assert {step_id: len(plan.changes) for step_id, plan in (await scene.proposed()).items()} == {
        FORWARDING: 2,
        RULES: 1,
    }


async def test_a_kill_before_the_lock_draws_up_anew_what_was_known_by_then(database: Database) -> None:
    scene = await Scene.start(database, locked=False)
    incident = await scene.bench.incident()
    round_ = asyncio.create_task(
        scene.bench.preparation.investigate(f"{incident.id}:{incident.investigation['nonce']}")
    )
    await scene.until(lambda plans: FORWARDING in plans)
    round_.cancel()
    await asyncio.gather(round_, return_exceptions=True)
    scene.forwarding.open["late"] = True
    await scene.bench.locked()
    async with scene.looking():
        pass
    assert len((await scene.proposed())[FORWARDING].changes) == 2


async def test_without_a_lock_it_is_proposed_in_the_end(database: Database) -> None:
    scene = await Scene.start(database, locked=False)
    async with scene.looking():
        pass
    assert set(await scene.proposed()) == {FORWARDING, RULES}


async def test_a_round_that_was_killed_goes_on_with_what_it_has(scene: Scene) -> None:
    incident = await scene.bench.incident()
    round_ = asyncio.create_task(
        scene.bench.preparation.investigate(f"{incident.id}:{incident.investigation['nonce']}")
    )
    await scene.until(lambda plans: FORWARDING in plans)
    round_.cancel()
    await asyncio.gather(round_, return_exceptions=True)
    drawn: list[str] = []
    scene.forwarding.on_plan = lambda: drawn.append(FORWARDING)
    scene.rules.on_plan = lambda: drawn.append(RULES)
    async with scene.looking():
        pass
    assert (drawn, scene.quick.made) == ([RULES], 1)
    assert set(await scene.proposed()) == {FORWARDING, RULES}


async def test_a_closed_incident_gets_no_proposal(scene: Scene) -> None:
    async with scene.looking():
        await scene.until(lambda plans: FORWARDING in plans)
        async with scene.bench.database.write() as connection:
            await store.update(connection, scene.bench.incident_id, state="closed")
    incident = await scene.bench.incident()
    assert incident.investigation["done"] is False
    assert RULES not in incident.eviction["steps"]
