from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.errors import MissingLicence, MissingPermission
from services.playbook.mark_compromised import STEP
from services.playbook.planner import outcome_of
from services.playbook.step import State
from simulator.config import SimulatorConfig
from tests.services.playbook.tenancy import Tenancy, settled, tenancy


@pytest.fixture
async def tenant() -> AsyncIterator[Tenancy]:
    async with tenancy() as made:
        yield made


def risk_of(tenant: Tenancy, name: str) -> str | None:
    row = tenant.sim.world.tenant.records.risky_users.get(tenant.user(name).id)
    return None if row is None else str(row["riskState"])


@pytest.mark.parametrize("who", ["megan", "lynne", "patti", "invoices"])
async def test_an_account_is_marked_whether_it_was_at_risk_or_never(tenant: Tenancy, who: str) -> None:
    plan = await tenant.plan(STEP, who)
    (change,) = plan.changes
    assert (change.before, change.after) == ("Not marked", "Marked as compromised")
    await tenant.make(STEP, who, plan)
    assert risk_of(tenant, who) == "confirmedCompromised"
    assert settled(await tenant.plan(STEP, who)) == (State.ALREADY_SO, "It was marked before.")


async def test_the_undo_dismisses_the_risk(tenant: Tenancy) -> None:
    plan = await tenant.plan(STEP, "megan")
    await tenant.make(STEP, "megan", plan)
    await tenant.undo(STEP, "megan", plan)
    assert risk_of(tenant, "megan") == "dismissed"


async def test_what_microsoft_thinks_meanwhile_voids_no_approval(tenant: Tenancy) -> None:
    before = await tenant.plan(STEP, "megan")
    world = tenant.sim.world
    world.tenant.records.add_risk(tenant.user("megan"), world.clock.now() + timedelta(seconds=1), "high", "atRisk")
    assert (await tenant.plan(STEP, "megan")).same_changes(before)


async def test_a_guest_is_left_to_the_home_organisation(tenant: Tenancy) -> None:
    guest = tenant.sim.world.tenant.find_user("ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com")
    assert guest is not None
    state, reason = settled(await tenant.plan(STEP, guest))
    assert (state, "home organisation" in reason) == (State.REFUSED, True)


async def test_without_the_licence_it_is_not_evaluated_and_the_licence_is_named() -> None:
    async with tenancy(SimulatorConfig(licences=("SPB",))) as tenant:
        ctx = await tenant.context("megan")
        with pytest.raises(MissingLicence) as raised:
            await STEP.plan(ctx)
        outcome = outcome_of(STEP, ctx, raised.value, reading=True)
        assert (outcome.state, "Microsoft Entra ID P2" in outcome.reason) == (State.NOT_EVALUATED, True)


async def test_a_missing_permission_is_named(tenant: Tenancy) -> None:
    tenant.sim.world.withdraw("IdentityRiskyUser.ReadWrite.All")
    plan = await tenant.plan(STEP, "megan")
    ctx = await tenant.context("megan")
    assert STEP.apply is not None
    with pytest.raises(MissingPermission) as raised:
        await STEP.apply(ctx, plan.changes[0])
    outcome = outcome_of(STEP, ctx, raised.value, reading=False)
    assert (outcome.state, "IdentityRiskyUser.ReadWrite.All" in outcome.reason) == (State.REFUSED, True)
    assert risk_of(tenant, "megan") == "atRisk"
