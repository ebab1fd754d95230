"""Strip roles: an administrator's account that is not in safe hands must not be an administrator's."""

from __future__ import annotations

from datetime import datetime

from services.access import Permission
from services.errors import Conflict, Gone, IRBotError, MissingLicence
from services.incidents.model import Phase
from services.microsoft365.role_assignments import RoleAssignment, RoleGroup
from services.playbook.gaps import gap
from services.playbook.step import Change, Context, Outcome, Plan, Risk, Rule, State, Step, Undo
from services.together import together

HELD, MAY_TAKE, MEMBER, REMOVED = "Held", "May be taken at will", "Member", "Removed"

_HARMLESS = "It holds no role that could harm others."
_LAST = (
    "This is the last Global Administrator who can sign in. Without one, nobody could manage the organisation. Make "
    "somebody else Global Administrator first."
)


async def plan(ctx: Context) -> Plan:
    """The roles that can harm others: held, eligible, and by a group. Reads nothing for who is no administrator."""
    subject = ctx.subject
    if not subject.privileged:
        some = subject.active_roles or subject.eligible_roles
        return Plan(settled=Outcome(State.ALREADY_SO, _HARMLESS if some else "It holds no roles."))
    roles = ctx.m365.role_assignments
    held, groups, eligible = await together(
        roles.held_by(subject.object_id), roles.groups_of(subject.object_id), _eligible_or_error(ctx)
    )
    active = [each for each in held if each.is_privileged]
    changes = [
        *(_role_change("role", "Role", each, HELD) for each in active),
        *(_group_change(group) for group in groups),
    ]
    unread: tuple[str, ...] = ()
    if isinstance(eligible, IRBotError):
        if not changes:
            raise eligible
        unread = (gap("Roles that can be taken at will could not be read.", eligible).words,)
    else:
        changes += [
            _role_change("eligible", "Eligible role", each, MAY_TAKE) for each in eligible if each.is_privileged
        ]
    if not changes:
        return Plan(settled=Outcome(State.ALREADY_SO, _HARMLESS))
    makes_global = [each for each in active if each.is_global_administrator]
    if len(changes) == len(makes_global) and not await roles.other_global_administrator(subject.object_id):
        return Plan(settled=Outcome(State.REFUSED, _LAST))
    return Plan(changes=tuple(changes), unread=unread)


async def _eligible_or_error(ctx: Context) -> tuple[RoleAssignment, ...] | IRBotError:
    """Without the licence there are none. An error stops nothing that is active; the account's own check names it."""
    try:
        return await ctx.m365.role_assignments.eligible_of(ctx.subject.object_id)
    except MissingLicence:
        return ()
    except IRBotError as error:
        return error


def _role_change(kind: str, word: str, role: RoleAssignment, before: str) -> Change:
    where = "" if role.scope == "/" else f", for {role.scope} only"
    return Change(
        item=f"{kind}:{role.role_id}:{role.scope}",
        what=f"{word} {role.name}{where}",
        before=before,
        after=REMOVED,
        data={
            "id": role.id,
            "role_id": role.role_id,
            "scope": role.scope,
            "ends_at": role.ends_at.isoformat() if role.ends_at else None,
        },
    )


def _group_change(group: RoleGroup) -> Change:
    names = ", ".join(sorted(role.name for role in group.roles))
    gives = f"which gives {names}" if names else "which roles can be given to"
    return Change(
        item=f"group:{group.id}",
        what=f"Place in the group {group.name}, {gives}",
        before=MEMBER,
        after=REMOVED,
        data={"id": group.id, "global": any(role.is_global_administrator for role in group.roles)},
    )


async def apply(ctx: Context, change: Change) -> None:
    """Takes one role, or one membership, away; what is gone is done. Never the last Global Administrator's."""
    kind, _, _ = change.item.partition(":")
    data, object_id, roles = change.data, ctx.subject.object_id, ctx.m365.role_assignments
    if await verify(ctx, change):
        return
    global_administrator = kind == "role" and RoleAssignment("", data["role_id"], "", "/").is_global_administrator
    if (global_administrator or data.get("global")) and not await roles.other_global_administrator(object_id):
        raise Conflict(reason="last-global-administrator")
    try:
        if kind == "role":
            await roles.remove(data["id"])
        elif kind == "group":
            await roles.leave(data["id"], object_id)
        else:
            await roles.remove_eligible(object_id, data["role_id"], data["scope"])
    except Gone:
        return


async def verify(ctx: Context, change: Change) -> bool:
    """Whether the directory does not show the role or the membership any more."""
    return not await _is_there(ctx, change)


async def put_back(ctx: Context, change: Change) -> None:
    """Gives back what is not there. A role that was switched on for a while comes back without an end."""
    kind, _, _ = change.item.partition(":")
    data, object_id, roles = change.data, ctx.subject.object_id, ctx.m365.role_assignments
    if await _is_there(ctx, change):
        return
    if kind == "role":
        await roles.give(object_id, data["role_id"], data["scope"])
    elif kind == "group":
        await roles.join(data["id"], object_id)
    else:
        ends_at = datetime.fromisoformat(data["ends_at"]) if data["ends_at"] else None
        await roles.give_eligible(object_id, data["role_id"], data["scope"], ends_at)


async def verify_put_back(ctx: Context, change: Change) -> bool:
    """Whether the directory shows the role or the membership again."""
    return await _is_there(ctx, change)


async def _is_there(ctx: Context, change: Change) -> bool:
    kind, _, _ = change.item.partition(":")
    data, roles = change.data, ctx.m365.role_assignments
    if kind == "group":
        return any(group.id == data["id"] for group in await roles.groups_of(ctx.subject.object_id))
    read = roles.held_by if kind == "role" else roles.eligible_of
    held = await read(ctx.subject.object_id)
    return any((role.role_id, role.scope) == (data["role_id"], data["scope"]) for role in held)


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """The last Global Administrator stays."""
    if isinstance(error, Conflict) and error.data.get("reason") == "last-global-administrator":
        return Outcome(State.REFUSED, _LAST)
    return None


STEP = Step(
    id="strip-roles",
    seed=(),
    phase=Phase.LOCK,
    title="Strip administrator roles",
    why="Nobody but a trusted person may be an administrator.",
    reads=("roleAssignments", "roleEligibilityScheduleInstances", "role-assignable groups"),
    changes=("roleAssignments", "roleEligibilitySchedules", "group membership"),
    needs=(
        "User.Read.All",
        "GroupMember.Read.All",
        "RoleManagement.Read.Directory",
        "RoleEligibilitySchedule.Read.Directory",
        "RoleManagement.ReadWrite.Directory",
        "GroupMember.ReadWrite.All",
    ),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.DISRUPTIVE,
    approval=Rule.SECOND_PERSON,
    undo=Undo(
        note="Can be undone: the roles and memberships are given back.",
        what="Roles",
        apply=put_back,
        verify=verify_put_back,
    ),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=explain,
)
