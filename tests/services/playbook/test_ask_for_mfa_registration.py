"""Somebody must ask the owner for a second factor: what asks already is named, and the ways are never mixed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.playbook.ask_for_mfa_registration import STEP
from services.playbook.step import State
from tests.services.playbook.open_past import OpenPast
from tests.services.playbook.tenancy import Tenancy, settled, tenancy

_ASKS = {"operator": "OR", "builtInControls": ["mfa"]}


def _policy(home: Tenancy, users: dict[str, Any], **more: Any) -> None:
    conditions = {"users": users, "applications": {"includeApplications": ["All"]}, "clientAppTypes": ["all"]}
    policy = {
        "id": f"policy-{len(home.sim.world.tenant.records.access_policies)}",
        "displayName": "MFA for all",
        "state": "enabled",
        "conditions": conditions,
        "grantControls": _ASKS,
        **more,
    }
    home.sim.world.tenant.records.access_policies[str(policy["id"])] = policy


async def _settled(home: Tenancy) -> tuple[State, str]:
    return settled(await STEP.plan(replace(await home.context("megan"), past=OpenPast())))


async def test_where_nothing_asks_per_user_mfa_does_and_goes_back() -> None:
    async with tenancy() as home:
        megan = home.user("megan")
        ctx = replace(await home.context("megan"), past=OpenPast())
        plan = await STEP.plan(ctx)
        await home.make(STEP, "megan", plan)
        assert megan.per_user_mfa == "enforced"
        assert (await _settled(home))[0] is State.ALREADY_SO
        await home.undo(STEP, "megan", plan)
        assert megan.per_user_mfa == "disabled"


async def test_security_defaults_ask_already() -> None:
    async with tenancy() as home:
        home.sim.world.tenant.records.security_defaults["isEnabled"] = True
        state, reason = await _settled(home)
        assert state is State.ALREADY_SO
        assert "Security defaults" in reason


async def test_a_policy_for_everybody_or_for_a_group_of_the_account_asks_already() -> None:
    async with tenancy() as home:
        group = home.sim.world.tenant.groups_of(home.user("megan").id)[0]
        for users in ({"includeUsers": ["All"]}, {"includeGroups": [group.id]}):
            home.sim.world.tenant.records.access_policies.clear()
            _policy(home, users)
            state, reason = await _settled(home)
            assert state is State.ALREADY_SO
            assert "MFA for all" in reason


@pytest.mark.parametrize("hole", ["excluded", "other users", "one app", "report only"])
async def test_a_policy_that_does_not_reach_the_account_is_no_answer(hole: str) -> None:
    async with tenancy() as home:
        megan = home.user("megan")
        if hole == "excluded":
            _policy(home, {"includeUsers": ["All"], "excludeUsers": [megan.id]})
        elif hole == "other users":
            _policy(home, {"includeUsers": [home.user("lee").id]})
        elif hole == "one app":
            conditions = {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["x"]}}
            _policy(home, {}, conditions=conditions)
        else:
            _policy(home, {"includeUsers": ["All"]}, state="enabledForReportingButNotEnforced")
            plan = await STEP.plan(replace(await home.context("megan"), past=OpenPast()))
            assert plan.changes  # nothing is in force, so nothing is mixed
            return
        state, reason = await _settled(home)
        assert state is State.REFUSED
        assert "never mixed" in reason
        assert "aka.ms/mysecurityinfo" in reason


async def test_a_guest_registers_at_home() -> None:
    async with tenancy() as home:
        ctx = replace(await home.context("ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com"), past=OpenPast())
        assert settled(await STEP.plan(ctx))[0] is State.REFUSED
