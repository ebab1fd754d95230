"""Restore roles: what was taken from an administrator for the time of the lock is given back, each as it was."""

from __future__ import annotations

from dataclasses import replace

from services.access import Permission
from services.incidents.model import Phase
from services.playbook import strip_roles
from services.playbook.giving_back import backwards, plan_of, shut
from services.playbook.step import Change, Context, Plan, Risk, Rule, Step, Undo, general_words
from services.together import together


async def plan(ctx: Context) -> Plan:
    """One change for each role and membership that IRBot took away and that is not held again."""
    taken = await ctx.past.made(ctx.incident, strip_roles.STEP.id)
    gone = await together(*(strip_roles.verify(ctx, change) for change in taken))
    changes = [backwards(change) for change, missing in zip(taken, gone, strict=True) if missing]
    if not changes:
        return plan_of((), "All roles are held again." if taken else "IRBot took no role away.")
    closed = await shut(ctx)
    return plan_of(changes, "") if closed is None else Plan(settled=closed)


async def apply(ctx: Context, change: Change) -> None:
    """Gives one back; one that is held is done."""
    await strip_roles.put_back(ctx, change)


async def verify(ctx: Context, change: Change) -> bool:
    """Whether the directory shows it."""
    return await strip_roles.verify_put_back(ctx, change)


async def take_away(ctx: Context, change: Change) -> None:
    """Takes it away again. A role that was given back is another assignment than the one that was recorded."""
    if change.item.startswith("role:"):
        for role in await ctx.m365.role_assignments.held_by(ctx.subject.object_id):
            if (role.role_id, role.scope) == (change.data["role_id"], change.data["scope"]):
                change = replace(change, data={**change.data, "id": role.id})
    await strip_roles.apply(ctx, change)


async def verify_taken_away(ctx: Context, change: Change) -> bool:
    """Whether the directory does not show it any more."""
    return await strip_roles.verify(ctx, change)


STEP = Step(
    id="restore-roles",
    seed=(),
    phase=Phase.RECOVER,
    title="Give administrator roles back",
    why="An administrator who has the account back needs the roles for their work.",
    reads=strip_roles.STEP.reads,
    changes=strip_roles.STEP.changes,
    # Whose roles they are is known by then.
    needs=tuple(need for need in strip_roles.STEP.needs if need != "User.Read.All"),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.DISRUPTIVE,
    approval=Rule.SECOND_PERSON,
    undo=Undo(
        note="Can be undone: the roles and memberships are taken away again.",
        what="Roles",
        apply=take_away,
        verify=verify_taken_away,
    ),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=general_words,
)
