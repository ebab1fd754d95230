"""Block sign-in: nobody can log in to the account any more."""

from __future__ import annotations

from services.access import Permission
from services.errors import IRBotError, OnPremises
from services.incidents.model import Phase
from services.playbook.last_administrator import last_global_administrator
from services.playbook.step import Change, Context, Outcome, Plan, Risk, Rule, State, Step, Undo

ALLOWED, BLOCKED = "Allowed", "Blocked"


async def plan(ctx: Context) -> Plan:
    """One change, unless sign-in is blocked already, or nobody else could manage the organisation."""
    if not ctx.account.account_enabled:
        return Plan(settled=Outcome(State.ALREADY_SO, "Sign-in was blocked before."))
    last = await last_global_administrator(ctx)
    if last is not None:
        return Plan(settled=last)
    return Plan(changes=(Change(item="sign-in", what="Sign-in", before=ALLOWED, after=BLOCKED),))


async def apply(ctx: Context, change: Change) -> None:
    """Blocks; repeating it changes nothing."""
    await ctx.m365.directory.block_sign_in(ctx.subject.object_id)


async def verify(ctx: Context, change: Change) -> bool:
    """Whether the directory shows the block."""
    return not (await ctx.m365.directory.account(ctx.subject.object_id)).account_enabled


async def allow(ctx: Context, change: Change) -> None:
    """Allows again; repeating it changes nothing."""
    await ctx.m365.directory.allow_sign_in(ctx.subject.object_id)


async def verify_allowed(ctx: Context, change: Change) -> bool:
    """Whether the directory shows that sign-in is allowed."""
    return (await ctx.m365.directory.account(ctx.subject.object_id)).account_enabled


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """A synced account may have to be disabled where it lives."""
    if isinstance(error, OnPremises):
        name = ctx.subject.on_premises_name or ctx.subject.upn
        return Outcome(
            State.NEEDS_ON_PREMISES,
            f"This account comes from your on-premises directory. Disable {name} in Active Directory now.",
        )
    return None


STEP = Step(
    id="block-sign-in",
    seed=(1,),
    phase=Phase.LOCK,
    title="Block sign-in",
    why="Nobody can log in to the account while we look.",
    reads=("user.accountEnabled", "user.onPremisesSyncEnabled"),
    changes=("user.accountEnabled",),
    needs=("User.Read.All", "User.EnableDisableAccount.All"),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.DISRUPTIVE,
    approval=Rule.CONFIRM,
    undo=Undo(
        note="Can be undone: sign-in is allowed again.",
        what="Sign-in",
        apply=allow,
        verify=verify_allowed,
    ),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=explain,
)
