"""Restore mail protocols: those that were switched off for the time of the lock, each as it was before."""

from __future__ import annotations

from services.access import Permission
from services.incidents.model import Phase
from services.playbook import switch_off_mail_protocols as switched_off
from services.playbook.giving_back import backwards, plan_of, shut
from services.playbook.step import Change, Context, Plan, Risk, Rule, Step, Undo
from services.together import together

_OFF = "Off"


async def plan(ctx: Context) -> Plan:
    """One change for each protocol that IRBot switched off and that is off still."""
    made = await ctx.past.made(ctx.incident, switched_off.STEP.id)
    off = await together(*(switched_off.verify(ctx, change) for change in made))
    changes = [
        backwards(Change(change.item, change.what, change.before, _OFF, data=change.data))
        for change, still in zip(made, off, strict=True)
        if still
    ]
    if not changes:
        return plan_of((), "All protocols are as they were." if made else "IRBot switched no protocol off.")
    closed = await shut(ctx)
    return plan_of(changes, "") if closed is None else Plan(settled=closed)


async def apply(ctx: Context, change: Change) -> None:
    """Sets one back. It may take an hour to reach every server."""
    await switched_off.put_back(ctx, change)


async def verify(ctx: Context, change: Change) -> bool:
    """Whether it stands as it was."""
    return await switched_off.verify_put_back(ctx, change)


async def switch_off(ctx: Context, change: Change) -> None:
    """Switches it off again."""
    await switched_off.apply(ctx, change)


async def verify_off(ctx: Context, change: Change) -> bool:
    """Whether it is off."""
    return await switched_off.verify(ctx, change)


STEP = Step(
    id="restore-mail-protocols",
    seed=(),
    phase=Phase.RECOVER,
    title="Switch mail protocols on again",
    why="So that the owner's own programs open the mailbox. Leave the old ones off where nobody needs them.",
    reads=switched_off.STEP.reads,
    changes=switched_off.STEP.changes,
    needs=switched_off.STEP.needs,
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.REVERSIBLE,
    approval=Rule.CONFIRM,
    undo=Undo(
        note="Can be undone: the protocol is switched off again.",
        what="Mail protocol",
        apply=switch_off,
        verify=verify_off,
    ),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=switched_off.explain,
)
