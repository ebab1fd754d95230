"""Sensitive user actions: the second gate, where an app's directory role meets the target's roles."""

from __future__ import annotations

from simulator.graph.errors import denied
from simulator.graph.operation import Call
from simulator.roles import NAMES, is_privileged, may_act_on
from simulator.tenant import User

SENSITIVE = frozenset(
    {
        "accountEnabled",
        "businessPhones",
        "mobilePhone",
        "onPremisesImmutableId",
        "otherMails",
        "passwordProfile",
        "userPrincipalName",
    }
)


def _names(role_ids: set[str]) -> set[str]:
    return {NAMES.get(role_id, role_id) for role_id in role_ids}


def _in_role_assignable_group(call: Call, user: User) -> bool:
    assignable = [group for group in call.tenant.groups.values() if group.properties.get("isAssignableToRole") is True]
    return any(user.id in group.owners for group in assignable) or any(
        group in assignable for group in call.tenant.groups_of(user.id)
    )


def check(call: Call, user: User, properties: set[str]) -> None:
    """Refuses with 403 what the caller's directory roles do not cover. Ordinary targets need one for passwords only."""
    touched = properties & SENSITIVE
    if not touched:
        return
    actor = _names(call.tenant.active_roles(call.caller.object_id))
    target = _names(call.tenant.active_roles(user.id))
    assignable = _in_role_assignable_group(call, user)
    if user.properties.get("isManagementRestricted") is True:
        raise denied()  # only a role assigned at the scope of that administrative unit would do
    if "passwordProfile" in touched and not may_act_on(
        actor, target, in_role_assignable_group=assignable, password=True
    ):
        raise denied()
    others = touched - {"passwordProfile"}
    if not others:
        return
    if is_privileged(target, in_role_assignable_group=assignable) and not may_act_on(
        actor, target, in_role_assignable_group=assignable
    ):
        raise denied()
