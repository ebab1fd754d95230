"""Mark compromised: Microsoft's own protection then refuses the account wherever it decides by risk."""

from __future__ import annotations

from services.access import Permission
from services.errors import IRBotError
from services.incidents.model import Phase
from services.playbook.step import Change, Context, Outcome, Plan, Risk, Rule, State, Step, Undo

UNMARKED, MARKED = "Not marked", "Marked as compromised"


async def plan(ctx: Context) -> Plan:
    """One change, unless it is marked already. Microsoft's own judgement moves by itself and is not approved."""
    if ctx.subject.guest:
        return Plan(
            settled=Outcome(
                State.REFUSED, "A guest's risk is judged by their home organisation. Ask it to mark the account."
            )
        )
    risk = await ctx.m365.risk.of_account(ctx.subject.object_id)
    if risk is not None and risk.is_confirmed:
        return Plan(settled=Outcome(State.ALREADY_SO, "It was marked before."))
    change = Change(
        item="risk",
        what="Account in Identity Protection",
        before=UNMARKED,
        after=MARKED,
        seen=None if risk is None else f"{risk.state} {risk.level}",
    )
    return Plan(changes=(change,))


async def apply(ctx: Context, change: Change) -> None:
    """Marks; repeating it changes nothing."""
    await ctx.m365.risk.confirm_compromised(ctx.subject.object_id)


async def verify(ctx: Context, change: Change) -> bool:
    """Whether Identity Protection shows the mark, which takes it seconds to minutes."""
    risk = await ctx.m365.risk.of_account(ctx.subject.object_id)
    return risk is not None and risk.is_confirmed


async def dismiss(ctx: Context, change: Change) -> None:
    """Dismisses the risk, all of it: without that, policies go on refusing the account."""
    await ctx.m365.risk.dismiss(ctx.subject.object_id)


async def verify_dismissed(ctx: Context, change: Change) -> bool:
    """Whether Identity Protection does not show the mark any more."""
    return not await verify(ctx, change)


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """The general words fit: they name the licence."""
    return None


STEP = Step(
    id="mark-compromised",
    seed=(),
    phase=Phase.LOCK,
    title="Mark as compromised",
    why="Policies that decide by risk refuse the account at once.",
    reads=("riskyUser.riskState",),
    changes=("riskyUser.riskState",),
    needs=("IdentityRiskyUser.Read.All", "IdentityRiskyUser.ReadWrite.All"),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.REVERSIBLE,
    approval=Rule.CONFIRM,
    undo=Undo(
        note="Can be undone: the risk is dismissed, Microsoft's earlier judgement with it.",
        what="Account in Identity Protection",
        apply=dismiss,
        verify=verify_dismissed,
    ),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=explain,
)
