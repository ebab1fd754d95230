"""Scramble the password: a random one that nobody sees, so that the stolen one is worth nothing."""

from __future__ import annotations

from services.access import Permission
from services.errors import IRBotError, OnPremises
from services.incidents.model import Phase
from services.playbook.last_administrator import last_global_administrator
from services.playbook.step import Change, Context, NoUndo, Outcome, Plan, Risk, Rule, State, Step
from services.secrets import new_password


def _on_premises(ctx: Context) -> Outcome:
    name = ctx.subject.on_premises_name or ctx.subject.upn
    return Outcome(
        State.NEEDS_ON_PREMISES,
        f"The password lives in your on-premises directory. Reset it for {name} in Active Directory, twice.",
    )


async def plan(ctx: Context) -> Plan:
    """One change, where the password is the cloud's."""
    if ctx.account.is_guest:
        return Plan(
            settled=Outcome(
                State.REFUSED, "A guest's password belongs to their home organisation. Ask it to reset the password."
            )
        )
    changed = ctx.account.last_password_change
    if ctx.account.synced:
        if changed is not None and changed > ctx.opened_at:
            return Plan(settled=Outcome(State.ALREADY_SO, "The password was reset on-premises after this began."))
        return Plan(settled=_on_premises(ctx))
    last = await last_global_administrator(ctx)
    if last is not None:
        return Plan(settled=last)
    change = Change(
        item="password",
        what="Password",
        before="Known to the user, perhaps to the intruder",
        after="Random, shown to nobody",
        seen=None if changed is None else changed.isoformat(),
    )
    return Plan(changes=(change,))


async def apply(ctx: Context, change: Change) -> None:
    """Sets a password that exists only inside this call."""
    await ctx.m365.directory.set_password(ctx.subject.object_id, new_password(), change_at_next_sign_in=True)


async def verify(ctx: Context, change: Change) -> bool:
    """Whether the moment of the last password change has moved since it was read before the change."""
    changed = (await ctx.m365.directory.account(ctx.subject.object_id)).last_password_change
    return changed is not None and changed.isoformat() != change.seen


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """A directory that masters the password elsewhere says so only when asked."""
    return _on_premises(ctx) if isinstance(error, OnPremises) else None


STEP = Step(
    id="scramble-password",
    seed=(12,),
    phase=Phase.LOCK,
    title="Scramble password",
    why="Makes the stolen password worthless.",
    reads=("user.lastPasswordChangeDateTime", "user.onPremisesSyncEnabled"),
    changes=("user.passwordProfile",),
    needs=("User.Read.All", "User-PasswordProfile.ReadWrite.All"),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.DESTRUCTIVE,
    approval=Rule.CONFIRM,
    undo=NoUndo("A password cannot be put back. The user gets a new one when the account is handed back."),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=explain,
)
