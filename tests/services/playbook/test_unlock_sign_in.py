"""Sign-in is allowed last, behind a gate that is open at that moment; a synced account is enabled where it lives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.errors import Conflict, OnPremises
from services.playbook.past import NO_PAST
from services.playbook.step import Shared, State
from services.playbook.unlock_sign_in import STEP
from simulator.config import SimulatorConfig
from tests.services.playbook.open_past import OpenPast
from tests.services.playbook.tenancy import settled, tenancy

_AT_ONCE = SimulatorConfig(audit_query_seconds=0)


async def test_it_allows_and_the_undo_blocks() -> None:
    async with tenancy(_AT_ONCE) as home:
        megan = home.user("megan")
        megan.properties["accountEnabled"] = False
        ctx = replace(await home.context("megan"), past=OpenPast())
        plan = await STEP.plan(ctx)
        assert STEP.apply is not None
        assert STEP.verify is not None
        for change in plan.changes:
            await STEP.apply(ctx, change)
            assert await STEP.verify(ctx, change)
        assert megan.enabled
        await home.undo(STEP, "megan", plan)
        assert not megan.enabled


async def test_without_an_incident_that_was_checked_it_refuses() -> None:
    async with tenancy(_AT_ONCE) as home:
        home.user("megan").properties["accountEnabled"] = False
        ctx = await home.context("megan")
        assert ctx.past is NO_PAST
        state, reason = settled(await STEP.plan(ctx))
        assert state is State.REFUSED
        assert "not open" in reason


async def test_a_gate_that_shuts_after_the_plan_stops_the_effect() -> None:
    async with tenancy(_AT_ONCE) as home:
        megan = home.user("megan")
        megan.properties["accountEnabled"] = False
        past = OpenPast()
        ctx = replace(await home.context("megan"), past=past)
        [change] = (await STEP.plan(ctx)).changes
        past.shut = "Inbox rules are clean: no."
        later = replace(ctx, shared=Shared())
        assert STEP.apply is not None
        with pytest.raises(Conflict) as refused:
            await STEP.apply(later, change)
        assert not megan.enabled
        outcome = STEP.explain(later, refused.value)
        assert outcome is not None
        assert outcome.state is State.REFUSED


async def test_an_account_from_on_premises_gets_exact_instructions() -> None:
    async with tenancy(_AT_ONCE) as home:
        home.user("patti").properties["accountEnabled"] = False
        ctx = replace(await home.context("patti"), past=OpenPast())
        [change] = (await STEP.plan(ctx)).changes
        assert "on-premises" in change.what
        assert STEP.apply is not None
        with pytest.raises(OnPremises) as refused:
            await STEP.apply(ctx, change)
        outcome = STEP.explain(ctx, refused.value)
        assert outcome is not None
        assert outcome.state is State.NEEDS_ON_PREMISES
        name = ctx.subject.on_premises_name
        assert f"Enable-ADAccount -Identity '{name}'" in outcome.reason
        assert "Start-ADSyncSyncCycle" in outcome.reason
