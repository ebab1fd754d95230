from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.errors import MissingRole, OnPremises
from services.playbook.clear_recovery_details import STEP
from services.playbook.step import State
from tests.services.playbook.tenancy import Tenancy, settled, tenancy


@pytest.fixture
async def tenant() -> AsyncIterator[Tenancy]:
    async with tenancy() as made:
        made.user("megan").properties |= {"otherMails": ["m@elsewhere.example"], "mobilePhone": "+44 20 7946 0000"}
        yield made


async def test_both_are_cleared_and_come_back_as_they_were(tenant: Tenancy) -> None:
    plan = await tenant.plan(STEP, "megan")
    assert [(change.item, change.before) for change in plan.changes] == [
        ("other-mails", "m@elsewhere.example"),
        ("mobile-phone", "+44 20 7946 0000"),
    ]
    await tenant.make(STEP, "megan", plan)
    held = tenant.user("megan").properties
    assert (held["otherMails"], held["mobilePhone"]) == ([], None)
    assert settled(await tenant.plan(STEP, "megan"))[0] is State.ALREADY_SO
    await tenant.undo(STEP, "megan", plan)
    assert (held["otherMails"], held["mobilePhone"]) == (["m@elsewhere.example"], "+44 20 7946 0000")


async def test_each_of_the_two_is_a_request_of_its_own(tenant: Tenancy) -> None:
    plan = await tenant.plan(STEP, "megan")
    tenant.sim.world.journal.clear()
    ctx = await tenant.context("megan")
    for change in plan.changes:
        await STEP.apply(ctx, change)  # type: ignore[misc]  # a changing step has it
    assert len(tenant.writes()) == 2


async def test_a_guests_address_is_left_alone(tenant: Tenancy) -> None:
    guest = tenant.user("ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com")
    assert guest.properties["otherMails"]
    state, reason = settled(await tenant.plan(STEP, guest))
    assert state is State.ALREADY_SO
    assert "home organisation" in reason


async def test_a_synced_account_is_cleared_on_premises(tenant: Tenancy) -> None:
    ctx = await tenant.context("megan")
    outcome = STEP.explain(ctx, OnPremises(service="graph"))
    assert outcome is not None
    assert outcome.state is State.NEEDS_ON_PREMISES
    assert "“mobile”" in outcome.reason
    assert STEP.explain(ctx, MissingRole(roles=["User Administrator"])) is None
