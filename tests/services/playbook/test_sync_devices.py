from __future__ import annotations

import pytest

from services.errors import Conflict
from services.playbook.planner import outcome_of
from services.playbook.step import State
from services.playbook.sync_devices import STEP
from simulator.config import SimulatorConfig
from tests.services.playbook.device_scenes import laptop
from tests.services.playbook.tenancy import Tenancy, settled, tenancy

SLOW = SimulatorConfig(audit_query_seconds=0, device_seconds=3600)


def asked(home: Tenancy) -> int:
    return sum(entry.path.endswith("/syncDevice") for entry in home.sim.world.journal.entries(service="graph"))


async def test_a_device_is_asked_once_and_shows_when_it_has_answered() -> None:
    async with tenancy() as home:
        laptop(home)
        plan = await home.plan(STEP, "megan")
        assert [change.later for change in plan.changes] == [True]
        await home.make(STEP, "megan", plan)
        assert asked(home) == 1
        assert (await home.plan(STEP, "megan")).changes


async def test_a_silent_device_was_asked_and_is_not_asked_again() -> None:
    async with tenancy(SLOW) as home:
        row = laptop(home)
        plan = await home.plan(STEP, "megan")
        ctx = await home.context("megan")
        assert STEP.apply is not None
        assert STEP.verify is not None
        for _ in range(2):
            await STEP.apply(ctx, plan.changes[0])
            assert not await STEP.verify(ctx, plan.changes[0])
        assert asked(home) == 1
        state, reason = settled(await home.plan(STEP, "megan"))
        assert state is State.ACCEPTED
        assert row["deviceName"] in reason
        home.sim.world.clock.advance(3600)
        assert await STEP.verify(ctx, plan.changes[0])


async def test_what_a_device_cannot_do_it_refuses() -> None:
    async with tenancy(SLOW) as home:
        row = laptop(home)
        plan = await home.plan(STEP, "megan")
        now = home.sim.world.clock.now().isoformat()
        row["deviceActionResults"].append(
            {"actionName": "syncDevice", "actionState": "failed", "startDateTime": now, "lastUpdatedDateTime": now}
        )
        ctx = await home.context("megan")
        assert STEP.apply is not None
        with pytest.raises(Conflict) as caught:
            await STEP.apply(ctx, plan.changes[0])
        assert outcome_of(STEP, ctx, caught.value, reading=False).state is State.REFUSED


async def test_without_a_managed_device_there_is_nobody_to_ask() -> None:
    async with tenancy() as home:
        state, _ = settled(await home.plan(STEP, "invoices"))
        assert state is State.ALREADY_SO
