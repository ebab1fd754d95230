from __future__ import annotations

from services.playbook.step import State
from services.playbook.update_signatures import STEP
from tests.services.playbook.device_scenes import laptop, protection
from tests.services.playbook.tenancy import settled, tenancy


async def test_overdue_signatures_are_fetched_and_then_current() -> None:
    async with tenancy() as home:
        row = laptop(home)
        assert settled(await home.plan(STEP, "megan"))[0] is State.ALREADY_SO
        protection(home, row, signatureUpdateOverdue=True)
        plan = await home.plan(STEP, "megan")
        assert [change.what for change in plan.changes] == [f"Windows device {row['deviceName']}"]
        await home.make(STEP, "megan", plan)
        assert settled(await home.plan(STEP, "megan"))[0] is State.ALREADY_SO


async def test_phones_are_left_alone() -> None:
    async with tenancy() as home:
        laptop(home, operatingSystem="iOS")
        assert settled(await home.plan(STEP, "megan")) == (State.ALREADY_SO, "No managed Windows device.")


async def test_protection_that_never_reported_is_not_current() -> None:
    async with tenancy() as home:
        row = laptop(home)
        del home.sim.world.tenant.records.protection_states[row["id"]]
        state, reason = settled(await home.plan(STEP, "megan"))
        assert state is State.NOT_EVALUATED
        assert row["deviceName"] in reason
