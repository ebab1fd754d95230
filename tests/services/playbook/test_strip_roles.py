from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.errors import Conflict, IRBotError, MissingPermission
from services.playbook.planner import outcome_of
from services.playbook.step import Rule, State
from services.playbook.strip_roles import STEP
from simulator.config import SimulatorConfig
from simulator.consent import GRANTED
from simulator.roles import ROLES
from simulator.tenant import Group, RoleAssignment
from tests.services.playbook.tenancy import Tenancy, settled, tenancy


@pytest.fixture
async def tenant() -> AsyncIterator[Tenancy]:
    async with tenancy() as made:
        yield made


def give(tenant: Tenancy, principal: str, role: str, *, scope: str = "/", eligible: bool = False) -> None:
    held = RoleAssignment(f"{principal[:8]}-{role}-{scope}-{eligible}", principal, ROLES[role], scope, eligible)
    tenant.sim.world.tenant.role_assignments.append(held)


def only_global_administrator(tenant: Tenancy, name: str) -> None:
    world = tenant.sim.world.tenant
    world.role_assignments[:] = [
        held for held in world.role_assignments if held.role_id != ROLES["Global Administrator"]
    ]
    give(tenant, tenant.user(name).id, "Global Administrator")


def operators(tenant: Tenancy) -> Group:
    return tenant.sim.world.tenant.group("Exchange Operators")


async def test_an_ordinary_account_costs_no_call(tenant: Tenancy) -> None:
    ctx = await tenant.context("megan")
    tenant.sim.world.journal.clear()
    assert settled(await STEP.plan(ctx)) == (State.ALREADY_SO, "It holds no roles.")
    assert tenant.sim.world.journal.entries() == []


async def test_roles_of_every_kind_go_and_come_back(tenant: Tenancy) -> None:
    isaiah = tenant.user("isaiah").id
    give(tenant, isaiah, "User Administrator", scope="/administrativeUnits/au-1")
    give(tenant, isaiah, "Security Administrator", eligible=True)
    give(tenant, isaiah, "Directory Readers")
    operators(tenant).members.append(isaiah)
    before = tenant.picture()
    plan = await tenant.plan(STEP, "isaiah")
    assert [change.what for change in plan.changes] == [
        "Role Global Administrator",
        "Role User Administrator, for /administrativeUnits/au-1 only",
        "Place in the group Exchange Operators, which gives Exchange Administrator",
        "Eligible role Security Administrator",
    ]
    await tenant.make(STEP, "isaiah", plan)
    left = [held.role_id for held in tenant.sim.world.tenant.role_assignments if held.principal_id == isaiah]
    assert left == [ROLES["Directory Readers"]]
    assert isaiah not in operators(tenant).members
    state, reason = settled(await tenant.plan(STEP, "isaiah"))
    assert (state, reason) == (State.ALREADY_SO, "It holds no role that could harm others.")
    await tenant.undo(STEP, "isaiah", plan)
    assert tenant.picture() == before


async def test_a_role_through_a_group_ends_with_the_membership_and_the_group_keeps_it(tenant: Tenancy) -> None:
    (change,) = (await tenant.plan(STEP, "lee")).changes
    assert change.item == f"group:{operators(tenant).id}"
    await tenant.make(STEP, "lee", await tenant.plan(STEP, "lee"))
    assert tenant.user("lee").id not in operators(tenant).members
    assert any(held.principal_id == operators(tenant).id for held in tenant.sim.world.tenant.role_assignments)


async def test_an_eligible_administrator_loses_the_eligibility(tenant: Tenancy) -> None:
    (change,) = (await tenant.plan(STEP, "henrietta")).changes
    assert (change.what, change.before) == ("Eligible role User Administrator", "May be taken at will")


async def test_the_last_global_administrator_is_refused_with_the_reason(tenant: Tenancy) -> None:
    only_global_administrator(tenant, "isaiah")
    state, reason = settled(await tenant.plan(STEP, "isaiah"))
    assert state is State.REFUSED
    assert "last Global Administrator" in reason


@pytest.mark.parametrize("other", ["disabled", "scoped", "application", "empty group"])
async def test_who_cannot_manage_the_organisation_does_not_count_as_another(tenant: Tenancy, other: str) -> None:
    only_global_administrator(tenant, "isaiah")
    lynne = tenant.user("lynne")
    if other == "disabled":
        give(tenant, lynne.id, "Global Administrator")
        lynne.properties["accountEnabled"] = False
    elif other == "scoped":
        give(tenant, lynne.id, "Global Administrator", scope="/administrativeUnits/au-1")
    elif other == "application":
        give(tenant, tenant.sim.world.bot.id, "Global Administrator")
    else:
        operators(tenant).members[:] = [tenant.user("isaiah").id]
        give(tenant, operators(tenant).id, "Global Administrator")
        ctx = await tenant.context("isaiah")
        assert not await ctx.m365.role_assignments.other_global_administrator(ctx.subject.object_id)
        return
    assert settled(await tenant.plan(STEP, "isaiah"))[0] is State.REFUSED


async def test_another_one_through_a_group_counts(tenant: Tenancy) -> None:
    only_global_administrator(tenant, "isaiah")
    give(tenant, operators(tenant).id, "Global Administrator")
    assert (await tenant.plan(STEP, "isaiah")).changes


async def test_the_last_one_keeps_it_and_loses_the_other_roles(tenant: Tenancy) -> None:
    only_global_administrator(tenant, "isaiah")
    give(tenant, tenant.user("isaiah").id, "Intune Administrator")
    plan = await tenant.plan(STEP, "isaiah")
    ctx = await tenant.context("isaiah")
    assert STEP.apply is not None
    refused: list[IRBotError] = []
    for change in plan.changes:
        try:
            await STEP.apply(ctx, change)
        except Conflict as error:
            refused.append(error)
    assert [outcome_of(STEP, ctx, error, reading=False).state for error in refused] == [State.REFUSED]
    left = {
        held.role_id for held in tenant.sim.world.tenant.role_assignments if held.principal_id == ctx.subject.object_id
    }
    assert left == {ROLES["Global Administrator"]}


async def test_the_last_one_is_looked_for_again_right_before_the_removal(tenant: Tenancy) -> None:
    plan = await tenant.plan(STEP, "isaiah")
    tenant.user("emergency1").properties["accountEnabled"] = False
    ctx = await tenant.context("isaiah")
    assert STEP.apply is not None
    with pytest.raises(Conflict) as raised:
        await STEP.apply(ctx, plan.changes[0])
    assert raised.value.data["reason"] == "last-global-administrator"
    assert tenant.writes() == []


async def test_roles_that_are_gone_count_as_stripped(tenant: Tenancy) -> None:
    plan = await tenant.plan(STEP, "isaiah")
    world = tenant.sim.world.tenant
    isaiah = tenant.user("isaiah").id
    world.role_assignments[:] = [held for held in world.role_assignments if held.principal_id != isaiah]
    await tenant.make(STEP, "isaiah", plan)
    assert tenant.writes() == []


async def test_without_the_licence_the_active_roles_go_all_the_same() -> None:
    async with tenancy(SimulatorConfig(licences=("SPB",))) as tenant:
        (change,) = (await tenant.plan(STEP, "isaiah")).changes
        assert change.what == "Role Global Administrator"
        await tenant.make(STEP, "isaiah", await tenant.plan(STEP, "isaiah"))


async def test_a_missing_permission_is_named_and_changes_nothing() -> None:
    permissions = GRANTED - {"RoleManagement.ReadWrite.Directory"}
    async with tenancy(SimulatorConfig(permissions=permissions)) as tenant:
        plan = await tenant.plan(STEP, "isaiah")
        ctx = await tenant.context("isaiah")
        assert STEP.apply is not None
        with pytest.raises(MissingPermission) as raised:
            await STEP.apply(ctx, plan.changes[0])
        assert raised.value.data["permissions"] == ["RoleManagement.ReadWrite.Directory"]
        assert tenant.writes() == []


async def test_roles_that_cannot_be_read_are_not_called_none(tenant: Tenancy) -> None:
    tenant.sim.world.withdraw(
        "RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory", "Directory.Read.All"
    )
    ctx = await tenant.context("megan")
    with pytest.raises(MissingPermission) as raised:
        await STEP.plan(ctx)
    assert outcome_of(STEP, ctx, raised.value, reading=True).state is State.NOT_EVALUATED


def test_a_second_person_decides() -> None:
    assert STEP.approval is Rule.SECOND_PERSON
