"""Ask for MFA registration: the owner must be made to register a second factor, by the way that the tenant uses."""

from __future__ import annotations

from collections.abc import Mapping

from services.access import Permission
from services.errors import MissingLicence
from services.incidents.model import Phase
from services.microsoft365.policies import AccessPolicy
from services.microsoft365.reading import child, texts
from services.playbook.giving_back import shut
from services.playbook.step import Change, Context, Outcome, Plan, Risk, Rule, State, Step, Undo, general_words

ENFORCED = "enforced"
REGISTER_AT = "https://aka.ms/mysecurityinfo"
_WORDS: Mapping[str, str] = {"disabled": "Not asked", "enabled": "Asked at the next sign-in", ENFORCED: "Always asked"}


async def plan(ctx: Context) -> Plan:
    """Says what asks already. Only where nothing does, and no Conditional Access is in force, it asks per user."""
    if ctx.account.is_guest:
        return Plan(
            settled=Outcome(State.REFUSED, "A guest registers at their home organisation. Ask it to see to it.")
        )
    if await ctx.m365.policies.security_defaults():
        return _already("Security defaults ask for it at the next sign-in.")
    in_force = [each for each in await _policies(ctx) if each.state == "enabled"]
    for policy in in_force:
        if policy.asks_for_mfa and await _covers(ctx, policy):
            return _already(f"The Conditional Access policy “{policy.name}” asks for it at the next sign-in.")
    state = await ctx.m365.sign_in_methods.per_user_mfa(ctx.subject.object_id)
    if state in {"enabled", ENFORCED}:
        return _already("Per-user MFA asks for it at the next sign-in.")
    if in_force:
        return Plan(settled=Outcome(State.REFUSED, _by_hand()))
    closed = await shut(ctx)
    if closed is not None:
        return Plan(settled=closed)
    change = Change(
        item="per-user-mfa",
        what="Second factor, by per-user MFA, as neither security defaults nor Conditional Access ask for one",
        before=_WORDS.get(state, state),
        after=_WORDS[ENFORCED],
        data={"state": state},
    )
    return Plan(changes=(change,))


def _already(words: str) -> Plan:
    return Plan(settled=Outcome(State.ALREADY_SO, words))


def _by_hand() -> str:
    return (
        "Your organisation uses Conditional Access, and no policy asks this account for a second factor. Per-user MFA "
        f"is never mixed with it: include the account in a policy. Have the user register at {REGISTER_AT}."
    )


async def _policies(ctx: Context) -> tuple[AccessPolicy, ...]:
    """None without the licence: then nobody can have made one."""
    try:
        return await ctx.m365.policies.access_policies()
    except MissingLicence:
        return ()


async def _covers(ctx: Context, policy: AccessPolicy) -> bool:
    """Whether the policy holds for this account, everywhere and in every app. By role alone it counts as not."""
    if not policy.is_for_every_app or policy.is_narrowed or ctx.subject.object_id in policy.excluded_users:
        return False
    users = child(policy.conditions, "users")
    included = texts(users, "includeGroups")
    groups = [*included, *policy.excluded_groups]
    held = await ctx.m365.directory.groups_of(ctx.subject.object_id, groups) if groups else frozenset()
    if held & policy.excluded_groups:
        return False
    return (
        policy.is_for_everybody
        or ctx.subject.object_id in texts(users, "includeUsers")
        or bool(held & frozenset(included))
    )


async def apply(ctx: Context, change: Change) -> None:
    """Sets the per-user state; repeating it changes nothing."""
    await ctx.m365.policies.set_per_user_mfa(ctx.subject.object_id, ENFORCED)


async def verify(ctx: Context, change: Change) -> bool:
    """Whether the directory shows the state."""
    return await ctx.m365.sign_in_methods.per_user_mfa(ctx.subject.object_id) == ENFORCED


async def put_back(ctx: Context, change: Change) -> None:
    """Sets the state that was there."""
    await ctx.m365.policies.set_per_user_mfa(ctx.subject.object_id, change.data["state"])


async def verify_put_back(ctx: Context, change: Change) -> bool:
    """Whether the state is the one that was there."""
    return bool(await ctx.m365.sign_in_methods.per_user_mfa(ctx.subject.object_id) == change.data["state"])


STEP = Step(
    id="ask-for-mfa-registration",
    seed=(10,),
    phase=Phase.RECOVER,
    title="Ask for a second factor",
    why="All methods were removed. Whoever signs in next must register one.",
    reads=("security defaults", "Conditional Access policies", "per-user MFA"),
    changes=("per-user MFA",),
    needs=("Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.REVERSIBLE,
    approval=Rule.CONFIRM,
    undo=Undo(
        note="Can be undone: the per-user state is put back.",
        what="Second factor",
        apply=put_back,
        verify=verify_put_back,
    ),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=general_words,
)
