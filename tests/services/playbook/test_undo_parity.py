"""Apply and undo leave the whole tenant as it was, field by field, whichever step it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from services.playbook import STEPS
from services.playbook.step import Context, Step, Undo
from tests.services.playbook.dump import MOVES, dump
from tests.services.playbook.test_permission_truth import chosen, locked_for, people, tenant

# What an undo cannot bring back exactly, by step: where in the tenant, and why.
NOT_EXACT: Mapping[str, tuple[str, str]] = {
    "mark-compromised": (
        "/records/risky_users/",
        "dismissing is the only way back; the earlier risk is not given again",
    ),
    "remove-inbox-rules": ("/rules[", "a hidden rule comes back visible, and names its folder otherwise"),
}
UNDOABLE = [step for step in STEPS if isinstance(step.undo, Undo)]


@pytest.mark.parametrize("step", UNDOABLE, ids=lambda step: step.id)
async def test_apply_and_undo_leave_the_whole_tenant_as_it_was(step: Step) -> None:
    known = await people()
    async with tenant() as home:
        for who in chosen(step):
            ctx = locked_for(step, home.context(*known[who]))
            home.sim.world.tenant.user(who).properties["accountEnabled"] = ctx.account.account_enabled
            plan = await step.plan(ctx)
            before = dump(home.sim)
            await _there_and_back(step, ctx, [change.item for change in plan.changes])
            after = dump(home.sim)
            assert differences(step, before, after) == {}


def differences(step: Step, before: dict[str, str], after: dict[str, str]) -> dict[str, tuple[str | None, str | None]]:
    """What is not as it was, without what this step's undo cannot bring back."""
    within, _ = NOT_EXACT.get(step.id, ("", ""))
    return {
        path: (before.get(path), after.get(path))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path) and not (within and within in path)
    }


async def _there_and_back(step: Step, ctx: Context, items: list[str]) -> None:
    assert step.apply is not None
    assert isinstance(step.undo, Undo)
    plan = await step.plan(ctx)
    assert [change.item for change in plan.changes] == items
    for change in plan.changes:
        await step.apply(ctx, change)
    for change in reversed(plan.changes):
        back = replace(change, before=change.after, after=change.before, seen=None)
        await step.undo.apply(ctx, back)
        assert await step.undo.verify(ctx, back), change.item


async def test_the_comparison_would_notice_a_difference() -> None:
    known = await people()
    step = next(step for step in UNDOABLE if step.id == "remove-forwarding")
    async with tenant() as home:
        ctx = locked_for(step, home.context(*known[chosen(step)[0]]))
        before = dump(home.sim)
        assert step.apply is not None
        for change in (await step.plan(ctx)).changes:
            await step.apply(ctx, change)
        assert dump(home.sim) != before


def test_whatever_is_left_out_of_the_comparison_has_a_reason() -> None:
    assert all(reason for reason in MOVES.values())
    assert all(reason for _, reason in NOT_EXACT.values())
    assert set(NOT_EXACT) <= {step.id for step in UNDOABLE}
