"""Unlock sign-in: the last thing of giving an account back. The gate is looked at again right before."""

from __future__ import annotations

from services.access import Permission
from services.errors import Conflict, IRBotError, OnPremises
from services.incidents.model import Phase, Subject
from services.playbook.block_sign_in import ALLOWED, BLOCKED
from services.playbook.giving_back import shut
from services.playbook.step import Change, Context, Outcome, Plan, Risk, Rule, State, Step, Undo

_SHUT = "gate-not-open"


async def plan(ctx: Context) -> Plan:
    """One change, unless sign-in is allowed already or the gate is shut."""
    if ctx.account.account_enabled:
        return Plan(settled=Outcome(State.ALREADY_SO, "Sign-in is allowed."))
    closed = await shut(ctx)
    if closed is not None:
        return Plan(settled=closed)
    what = "Sign-in"
    if ctx.account.synced:
        what = "Sign-in in the cloud. Enable the account on-premises too, or the next sync blocks it again"
    return Plan(changes=(Change(item="sign-in", what=what, before=BLOCKED, after=ALLOWED),))


async def apply(ctx: Context, change: Change) -> None:
    """Allows sign-in, where the gate is open at this moment; repeating it changes nothing."""
    if await shut(ctx) is not None:
        raise Conflict(reason=_SHUT)
    await ctx.m365.directory.allow_sign_in(ctx.subject.object_id)


async def verify(ctx: Context, change: Change) -> bool:
    """Whether the directory shows that sign-in is allowed."""
    return (await ctx.m365.directory.account(ctx.subject.object_id)).account_enabled


async def block(ctx: Context, change: Change) -> None:
    """Blocks again; repeating it changes nothing."""
    await ctx.m365.directory.block_sign_in(ctx.subject.object_id)


async def verify_blocked(ctx: Context, change: Change) -> bool:
    """Whether the directory shows the block."""
    return not (await ctx.m365.directory.account(ctx.subject.object_id)).account_enabled


def _by_hand(subject: Subject) -> str:
    """What an administrator does in Active Directory for an account that comes from there."""
    name = (subject.on_premises_name or subject.upn).replace("'", "''")
    return (
        f"This account comes from your on-premises directory. Reset the password of {name} in Active Directory and "
        "tick that it must be changed at the next sign-in. Then run: "
        f"Enable-ADAccount -Identity '{name}'. "
        "Then, on the Entra Connect server: Start-ADSyncSyncCycle -PolicyType Delta."
    )


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """A synced account is enabled where it lives; and the gate may have shut in the last moment."""
    if isinstance(error, OnPremises):
        return Outcome(State.NEEDS_ON_PREMISES, _by_hand(ctx.subject))
    if isinstance(error, Conflict) and error.data.get("reason") == _SHUT:
        return Outcome(State.REFUSED, "The gate is not open any more. Check the gate again.")
    return None


STEP = Step(
    id="unlock-sign-in",
    seed=(12,),
    phase=Phase.RECOVER,
    title="Allow sign-in again",
    why="The owner gets the account back, after everything else is safe.",
    reads=("user.accountEnabled", "user.onPremisesSyncEnabled"),
    changes=("user.accountEnabled",),
    needs=("User.Read.All", "User.EnableDisableAccount.All"),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.DISRUPTIVE,
    approval=Rule.SECOND_PERSON,
    undo=Undo(
        note="Can be undone: sign-in is blocked again.",
        what="Sign-in",
        apply=block,
        verify=verify_blocked,
    ),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=explain,
)
