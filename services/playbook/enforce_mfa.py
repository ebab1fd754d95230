"""Enforce MFA: everybody gives a second factor, by what the organisation is licensed for, and nobody is locked out.

With Entra ID P1 by a Conditional Access policy of our own, which first only reports; without it by security defaults.
Policies of others are read and left alone, and per-user MFA is never mixed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.access import Permission
from services.errors import Conflict, Gone, IRBotError
from services.incidents.model import Phase
from services.microsoft365.policies import ENABLED, REPORT_ONLY, AccessPolicy
from services.plain_words import explain as in_words
from services.playbook.break_glass import BreakGlass, break_glass_of
from services.playbook.mfa_truth import STATES, Truth, about, asks_everybody, findings, truth_of
from services.playbook.step import Change, Context, Outcome, Plan, Risk, Rule, State, Step, Undo

NAME = "IRBot: require MFA for all users"
ON, OFF, ABSENT = "On", "Off", "Not there"
DEFAULTS, CREATE, POLICY = "security-defaults", "create-policy", "policy"

_SYNC_ROLE = "d29b2b05-8046-44ba-8758-1e26182fcf32"  # Directory Synchronization Accounts: nobody is there to answer
_GRANT = {"operator": "OR", "builtInControls": ["mfa"]}


async def plan(ctx: Context) -> Plan:
    """Shows today's truth, and proposes the one next move that fits the licences."""
    truth = await truth_of(ctx)
    proposed = await _proposal(ctx, truth)
    settled = proposed if isinstance(proposed, Outcome) else None
    changes = (proposed,) if isinstance(proposed, Change) else ()
    return Plan(changes, settled, findings=findings(truth), unread=truth.unread)


async def _proposal(ctx: Context, truth: Truth) -> Change | Outcome:
    if truth.defaults:
        return Outcome(State.ALREADY_SO, "Security defaults are on: they ask everybody for a second factor.")
    if not truth.premium:
        return _switch_defaults_on(truth)
    ours = [each for each in truth.policies if each.name == NAME]
    enforcing = truth.enforcing
    if enforcing is not None and enforcing not in ours:
        words = (
            f"The policy “{enforcing.name}” asks everybody for a second factor. It leaves out {enforcing.exclusions}."
        )
        return Outcome(State.ALREADY_SO, words)
    if len(ours) > 1:
        return Outcome(
            State.REFUSED, f"There are several policies by the name “{NAME}”. Delete those that are not ours."
        )
    kept = await break_glass_of(ctx)
    if kept.problem is not None:
        return Outcome(State.REFUSED, kept.problem)
    return _next_state(truth, ours[0], kept) if ours else _create(truth, kept)


def _switch_defaults_on(truth: Truth) -> Change | Outcome:
    if truth.policies:
        names = ", ".join(each.name for each in truth.policies)
        words = f"There are Conditional Access policies ({names}), and security defaults do not go together with them."
        return Outcome(State.REFUSED, f"{words} Decide which of the two you want, in the Entra admin center.")
    return Change(
        item=DEFAULTS,
        what=(
            f"Security defaults, for {about(truth.people)} people: everybody registers the Authenticator app at the "
            "next sign-in, administrators are asked every time, and old mail programs (IMAP, POP, SMTP AUTH with a "
            "password) stop working. There are no exceptions, break-glass accounts included"
        ),
        before=OFF,
        after=ON,
    )


def _create(truth: Truth, kept: BreakGlass) -> Change:
    return Change(
        item=CREATE,
        what=f"Conditional Access policy “{NAME}”, which first only reports: {_whom(truth, kept)}",
        before=ABSENT,
        after=STATES[REPORT_ONLY],
        data={"users": list(kept.users), "groups": list(kept.groups)},
    )


def _next_state(truth: Truth, policy: AccessPolicy, kept: BreakGlass) -> Change | Outcome:
    if not asks_everybody(policy):
        words = f"Somebody changed the policy “{NAME}”, so IRBot leaves it alone. Rename it, or put it back by hand."
        return Outcome(State.REFUSED, words)
    if not policy.excluded_users.issuperset(kept.users) or not policy.excluded_groups.issuperset(kept.groups):
        words = f"The policy “{NAME}” does not leave out every break-glass account ({', '.join(kept.names)})."
        return Outcome(State.REFUSED, f"{words} Add them to it by hand, then plan again.")
    if policy.state == ENABLED:
        return Outcome(State.ALREADY_SO, f"The policy “{NAME}” is in force.")
    after = ENABLED if policy.state == REPORT_ONLY else REPORT_ONLY
    return Change(
        item=f"{POLICY}:{policy.id}",
        what=f"Conditional Access policy “{NAME}”: {_whom(truth, kept)}",
        before=STATES.get(policy.state, policy.state),
        after=STATES[after],
        data={"state": policy.state, "to": after},
    )


def _whom(truth: Truth, kept: BreakGlass) -> str:
    """How many it touches, how many of them could not answer, and who is left out."""
    touched = max(0, truth.people - len(kept.people))
    missing = len(truth.without_method(kept.people))
    least = "" if truth.report is None or truth.report.complete else "at least "
    left_out = ", ".join(kept.names)
    return (
        f"{about(touched)} people are asked for a second factor at every app, {least}{about(missing)} of them have "
        f"none registered; left out: {left_out}, and the directory synchronisation"
    )


async def apply(ctx: Context, change: Change) -> None:
    """Makes the one change. A policy of our name that is there already is not made again."""
    policies = ctx.m365.policies
    kind, _, key = change.item.partition(":")
    if kind == DEFAULTS:
        await policies.set_security_defaults(enabled=True)
        return
    if kind == CREATE:
        ours = await _ours(ctx)
        if not ours:
            await policies.create_access_policy(NAME, _conditions(change.data), dict(_GRANT))
        elif not all(asks_everybody(each) for each in ours):
            raise Conflict(reason="changed-meanwhile")
        return
    policy = await _policy(ctx, key)
    if policy is None:
        raise Gone(service="graph", reason="not-there")
    if policy.state != change.data["to"]:
        await policies.set_access_policy_state(key, change.data["to"])


def _conditions(data: Mapping[str, Any]) -> dict[str, Any]:
    users = {
        "includeUsers": ["All"],
        "excludeUsers": list(data["users"]),
        "excludeGroups": list(data["groups"]),
        "excludeRoles": [_SYNC_ROLE],
    }
    return {"users": users, "applications": {"includeApplications": ["All"]}, "clientAppTypes": ["all"]}


async def verify(ctx: Context, change: Change) -> bool:
    """Whether Entra shows it."""
    kind, _, key = change.item.partition(":")
    if kind == DEFAULTS:
        return await ctx.m365.policies.security_defaults()
    if kind == CREATE:
        wanted = frozenset(change.data["users"]), frozenset(change.data["groups"])
        return any(
            asks_everybody(each) and (each.excluded_users, each.excluded_groups) == wanted for each in await _ours(ctx)
        )
    policy = await _policy(ctx, key)
    return policy is not None and policy.state == change.data["to"]


async def put_back(ctx: Context, change: Change) -> None:
    """Takes back what we made: our policy is deleted, or has its earlier state again, unless somebody moved it on.

    Raises Conflict while a policy that is to be deleted is in force: the change that put it in force goes first, and
    what somebody else put in force stays.
    """
    policies = ctx.m365.policies
    kind, _, key = change.item.partition(":")
    if kind == DEFAULTS:
        await policies.set_security_defaults(enabled=False)
    elif kind == CREATE:
        for policy in await _ours(ctx):
            if asks_everybody(policy):
                if policy.state == ENABLED:
                    raise Conflict(reason="policy-in-force")
                await _delete(ctx, policy.id)
    else:
        policy_now = await _policy(ctx, key)
        if policy_now is not None and policy_now.state == change.data["to"]:
            await policies.set_access_policy_state(key, change.data["state"])


async def verify_put_back(ctx: Context, change: Change) -> bool:
    """Whether what we made is not there or not in force any more."""
    kind, _, key = change.item.partition(":")
    if kind == DEFAULTS:
        return not await ctx.m365.policies.security_defaults()
    if kind == CREATE:
        return not any(asks_everybody(each) for each in await _ours(ctx))
    policy = await _policy(ctx, key)
    return policy is None or policy.state != change.data["to"]


async def _delete(ctx: Context, policy_id: str) -> None:
    try:
        await ctx.m365.policies.delete_access_policy(policy_id)
    except Gone:
        return


async def _ours(ctx: Context) -> tuple[AccessPolicy, ...]:
    return tuple(each for each in await ctx.m365.policies.access_policies() if each.name == NAME)


async def _policy(ctx: Context, policy_id: str) -> AccessPolicy | None:
    found = (each for each in await ctx.m365.policies.access_policies() if each.id == policy_id and each.name == NAME)
    return next(found, None)


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """Entra refuses the one while the other is in force, and so do we: that is no failure."""
    if isinstance(error, Conflict) and error.data.get("reason") in {"access-policies-in-force", "policy-in-force"}:
        words = in_words(error)
        return Outcome(State.REFUSED, f"{words.what} {words.next_step}")
    return None


STEP = Step(
    id="enforce-mfa",
    seed=(10,),
    phase=Phase.STRENGTHEN,
    title="Require a second factor from everybody",
    why="A stolen password alone must open no account.",
    reads=(
        "security defaults",
        "Conditional Access policies",
        "registration report",
        "per-user MFA",
        "licences of the tenant",
        "break-glass accounts",
    ),
    changes=("security defaults", "a Conditional Access policy of IRBot's own"),
    needs=(
        "User.Read.All",
        "GroupMember.Read.All",
        "LicenseAssignment.Read.All",
        "AuditLog.Read.All",
        "Policy.Read.All",
        "Policy.ReadWrite.ConditionalAccess",
        "Policy.ReadWrite.SecurityDefaults",
        "Application.Read.All",
    ),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.DISRUPTIVE,
    approval=Rule.SECOND_PERSON,
    undo=Undo(
        note="Can be undone: our policy is deleted or set back, security defaults get their recorded value.",
        what="Second factor",
        apply=put_back,
        verify=verify_put_back,
    ),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=explain,
    plan_seconds=300.0,  # the registration report of a large organisation, within Graph's limit
)
