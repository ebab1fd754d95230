"""A pass by the tenant's own policy: refused in words where it is off, made once, and never repeated when cut off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.errors import Expired, NotFound
from services.playbook.issue_access_pass import STEP
from services.playbook.past import PassState
from services.playbook.step import Context, State, Undo
from simulator.tenant import Json
from tests.services.fakes import actor
from tests.services.playbook.open_past import OpenPast
from tests.services.playbook.tenancy import Tenancy, settled, tenancy

_KIND = "#microsoft.graph.temporaryAccessPassAuthenticationMethod"


def _policy(home: Tenancy) -> Json:
    rows = home.sim.world.tenant.records.methods_policy["authenticationMethodConfigurations"]
    found: Json = next(row for row in rows if row["id"] == "TemporaryAccessPass")
    return found


async def _context(home: Tenancy, past: OpenPast, who: str = "megan") -> Context:
    return replace(await home.context(who), past=past, cause="approval", decided_by=actor("adele"))


def _passes(home: Tenancy) -> list[Json]:
    return [method for method in home.user("megan").methods if method["@odata.type"] == _KIND]


async def test_one_is_made_for_one_sign_in_with_the_lifetime_of_the_policy() -> None:
    async with tenancy() as home:
        _policy(home)["defaultLifetimeInMinutes"] = 120
        past = OpenPast()
        ctx = await _context(home, past)
        plan = await STEP.plan(ctx)
        assert "within 120 minutes" in plan.changes[0].what
        assert STEP.apply is not None
        assert STEP.verify is not None
        for _ in range(2):
            await STEP.apply(ctx, plan.changes[0])
            assert await STEP.verify(ctx, plan.changes[0])
        [made] = _passes(home)
        assert (made["lifetimeInMinutes"], made["isUsableOnce"]) == (120, True)
        assert len(past.shown) == 1
        assert isinstance(STEP.undo, Undo)
        await STEP.undo.apply(ctx, plan.changes[0])
        assert await STEP.undo.verify(ctx, plan.changes[0])
        assert _passes(home) == []


async def test_a_tenant_that_has_switched_it_off_is_told_where_to_switch_it_on() -> None:
    async with tenancy() as home:
        _policy(home)["state"] = "disabled"
        state, reason = settled(await STEP.plan(await _context(home, OpenPast())))
        assert state is State.REFUSED
        assert "Authentication methods, Policies, Temporary Access Pass" in reason


@pytest.mark.parametrize("target", ["other group", "excluded"])
async def test_a_policy_that_leaves_this_person_out_is_said(target: str) -> None:
    async with tenancy() as home:
        groups = home.sim.world.tenant.groups_of(home.user("megan").id)
        others = [group for group in home.sim.world.tenant.groups.values() if group not in groups]
        if target == "excluded":
            _policy(home)["excludeTargets"] = [{"id": groups[0].id, "targetType": "group"}]
        else:
            _policy(home)["includeTargets"] = [{"id": others[0].id, "targetType": "group"}]
        state, reason = settled(await STEP.plan(await _context(home, OpenPast())))
        assert state is State.REFUSED
        assert "gives this person no" in reason
        _policy(home)["includeTargets"] = [{"id": groups[0].id, "targetType": "group"}]
        _policy(home)["excludeTargets"] = []
        assert (await STEP.plan(await _context(home, OpenPast()))).changes


async def test_guests_and_a_shut_gate_get_none() -> None:
    async with tenancy() as home:
        guest = await _context(home, OpenPast(), "ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com")
        assert settled(await STEP.plan(guest))[0] is State.REFUSED
        shut = await _context(home, OpenPast(shut="Devices are checked: no."))
        assert settled(await STEP.plan(shut))[0] is State.REFUSED


async def test_one_whose_showing_was_cut_off_is_deleted_and_never_shown_again() -> None:
    async with tenancy() as home:
        past = OpenPast()
        ctx = await _context(home, past)
        plan = await STEP.plan(ctx)
        assert STEP.apply is not None
        await STEP.apply(ctx, plan.changes[0])
        past.states["approval"] = PassState.BEGUN  # the process died before it was surely shown
        with pytest.raises(Expired) as cut:
            await STEP.apply(ctx, plan.changes[0])
        assert _passes(home) == []
        outcome = STEP.explain(ctx, cut.value)
        assert outcome is not None
        assert outcome.state is State.FAILED
        assert "Ask for a new one" in outcome.reason


async def test_who_cannot_be_reached_is_named() -> None:
    async with tenancy() as home:
        ctx = await _context(home, OpenPast())
        outcome = STEP.explain(ctx, NotFound(what="personal-chat"))
        assert outcome is not None
        assert "Adele" in outcome.reason
