"""Issue a Temporary Access Pass: how the owner signs in once, and registers new methods, after the old ones are gone.

The pass is shown once, to whoever approved, in their personal chat. It is in no row, no log and no card of ours.
"""

from __future__ import annotations

from services.access import Permission
from services.errors import Conflict, Expired, IRBotError, NotFound
from services.incidents.model import Phase
from services.microsoft365.policies import ALL_USERS, AccessPassPolicy
from services.microsoft365.sign_in_methods import AccessPass
from services.playbook.giving_back import shut
from services.playbook.past import PassState
from services.playbook.step import Change, Context, Outcome, Plan, Risk, Rule, State, Step, Undo

_KIND = "temporaryAccessPassAuthenticationMethod"
_SHOWN = frozenset({PassState.SHOWN, PassState.HIDDEN})
_HOW = "in Entra, under Authentication methods, Policies, Temporary Access Pass. Or hand over a new password by hand."


async def plan(ctx: Context) -> Plan:
    """One change, where the tenant's policy and the gate allow it."""
    if ctx.account.is_guest:
        reason = "A guest signs in at their home organisation. Ask it to help them."
        return Plan(settled=Outcome(State.REFUSED, reason))
    policy = await ctx.m365.policies.access_passes()
    refused = await _not_allowed(ctx, policy)
    if refused is not None:
        return Plan(settled=Outcome(State.REFUSED, refused))
    closed = await shut(ctx)
    if closed is not None:
        return Plan(settled=closed)
    what = (
        f"Temporary Access Pass, for one sign-in within {policy.minutes} minutes. It is shown once, to whoever "
        "approves, in their personal chat with IRBot"
    )
    data = {"minutes": policy.minutes}
    return Plan(changes=(Change("access-pass", what, "None", "Issued, and shown once", data=data),))


async def _not_allowed(ctx: Context, policy: AccessPassPolicy) -> str | None:
    """Why this person gets none, with what to do."""
    if not policy.on:
        return f"Temporary Access Pass is switched off in your organisation. Switch it on {_HOW}"
    named = [group for group in (*policy.for_groups, *policy.not_for_groups) if group != ALL_USERS]
    groups = {ALL_USERS}
    if named:
        groups |= await ctx.m365.directory.groups_of(ctx.subject.object_id, named)
    if not groups & set(policy.for_groups) or groups & set(policy.not_for_groups):
        return f"Your organisation's policy gives this person no Temporary Access Pass. Include them {_HOW}"
    return None


async def apply(ctx: Context, change: Change) -> None:
    """Makes the pass and shows it, once for each approval. One whose showing was cut off is deleted, not repeated."""
    state = await ctx.past.pass_state(ctx.cause)
    if state in _SHOWN:
        return
    if state is not None:
        raise Expired(what="access-pass", deleted=await ctx.past.withdraw(ctx))

    async def make() -> AccessPass:
        return await ctx.m365.sign_in_methods.create_pass(
            ctx.subject.object_id, minutes=change.data["minutes"], usable_once=True
        )

    await ctx.past.hand_over(ctx, make)


async def verify(ctx: Context, change: Change) -> bool:
    """Whether it was shown. Entra does not list one that was used."""
    return await ctx.past.pass_state(ctx.cause) in _SHOWN


async def delete(ctx: Context, change: Change) -> None:
    """Deletes the account's pass; one that is gone is done."""
    await ctx.past.withdraw(ctx)


async def verify_deleted(ctx: Context, change: Change) -> bool:
    """Whether no pass is listed."""
    return all(each.kind != _KIND for each in await ctx.m365.sign_in_methods.list(ctx.subject.object_id))


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """What became of the pass, and that another one has to be asked for."""
    if isinstance(error, Expired):
        became = "it was deleted" if error.data.get("deleted") else "IRBot keeps trying to delete it"
        return Outcome(State.FAILED, f"It is not certain that the pass was shown, so {became}. Ask for a new one.")
    if isinstance(error, NotFound):
        name = ctx.decided_by.name if ctx.decided_by else "the approver"
        return Outcome(
            State.FAILED,
            f"{name} cannot be reached in Teams, so no pass was made. They open a chat with IRBot; then ask again.",
        )
    if isinstance(error, Conflict):
        return Outcome(State.REFUSED, f"Entra gives this person no Temporary Access Pass. Look at its policy {_HOW}")
    return None


STEP = Step(
    id="issue-access-pass",
    seed=(12,),
    phase=Phase.RECOVER,
    title="Issue a Temporary Access Pass",
    why="So that the owner signs in once and registers new sign-in methods.",
    reads=("authenticationMethodsPolicy", "authentication/methods"),
    changes=("authentication/temporaryAccessPassMethods",),
    needs=(
        "Policy.Read.All",
        "UserAuthenticationMethod.ReadWrite.All",
    ),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.REVERSIBLE,
    approval=Rule.SECOND_PERSON,
    undo=Undo(
        note="Can be undone: the pass is deleted.",
        what="Temporary Access Pass",
        apply=delete,
        verify=verify_deleted,
    ),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=explain,
)
