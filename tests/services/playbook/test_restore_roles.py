"""What was taken for the time of the lock is given back item by item, and nothing else."""

from __future__ import annotations

from dataclasses import replace

from services.playbook import strip_roles
from services.playbook.restore_roles import STEP
from services.playbook.step import State
from tests.services.playbook.open_past import OpenPast
from tests.services.playbook.tenancy import Tenancy, settled, tenancy


async def _stripped(home: Tenancy) -> OpenPast:
    plan = await home.plan(strip_roles.STEP, "isaiah")
    await home.make(strip_roles.STEP, "isaiah", plan)
    return OpenPast({"strip-roles": plan.changes})


async def test_each_role_comes_back_and_the_undo_takes_it_away_again() -> None:
    async with tenancy() as home:
        before = home.picture()
        past = await _stripped(home)
        stripped = home.picture()
        ctx = replace(await home.context("isaiah"), past=past)
        plan = await STEP.plan(ctx)
        assert {change.item for change in plan.changes} == {change.item for change in past.changes["strip-roles"]}
        await home.make(STEP, "isaiah", plan)
        assert home.picture() == before
        assert settled(await STEP.plan(ctx))[0] is State.ALREADY_SO
        await home.undo(STEP, "isaiah", plan)
        assert home.picture() == stripped


async def test_one_that_was_given_back_by_hand_is_not_proposed() -> None:
    async with tenancy() as home:
        past = await _stripped(home)
        ctx = replace(await home.context("isaiah"), past=past)
        first, *rest = (await STEP.plan(ctx)).changes
        assert STEP.apply is not None
        await STEP.apply(ctx, first)
        left = await STEP.plan(ctx)
        assert [change.item for change in left.changes] == [change.item for change in rest]


async def test_nothing_comes_back_through_a_shut_gate_and_nothing_is_made_up() -> None:
    async with tenancy() as home:
        past = await _stripped(home)
        past.shut = "Inbox rules are clean: no."
        ctx = replace(await home.context("isaiah"), past=past)
        state, reason = settled(await STEP.plan(ctx))
        assert state is State.REFUSED
        assert "Inbox rules are clean: no." in reason
        state, _ = settled(await STEP.plan(replace(ctx, past=OpenPast())))
        assert state is State.ALREADY_SO
