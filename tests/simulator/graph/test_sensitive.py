"""Who may act on whom: the role of the app's service principal against the roles of the target."""

from __future__ import annotations

import pytest

from simulator.ids import guid
from simulator.roles import ROLES
from simulator.tenant import RoleAssignment, User
from tests.simulator.graph.caller import GraphCaller

STRONG = "Vx4!qqLmTr92#zzK"
AUTH, USER, PRIVILEGED = (
    "Authentication Administrator",
    "User Administrator",
    "Privileged Authentication Administrator",
)


def give(graph: GraphCaller, user: User, role: str) -> None:
    tenant = graph.sim.world.tenant
    tenant.role_assignments = [a for a in tenant.role_assignments if a.principal_id != user.id]
    if role:
        tenant.role_assignments.append(RoleAssignment(guid(1, f"{user.id}{role}"), user.id, ROLES[role]))


# target's only role → who may block it: (no role, Authentication Admin, User Admin, Privileged Authentication Admin)
BLOCK = {
    "": (True, True, True, True),
    "Directory Readers": (True, True, True, True),
    "Guest Inviter": (True, True, True, True),
    "Message Center Reader": (True, True, True, True),
    "Password Administrator": (True, True, True, True),
    "Reports Reader": (True, True, True, True),
    "Usage Summary Reports Reader": (True, True, True, True),
    "Authentication Administrator": (False, True, False, True),
    "Groups Administrator": (False, False, True, True),
    "Helpdesk Administrator": (False, False, True, True),
    "User Administrator": (False, False, True, True),
    "Global Administrator": (False, False, False, True),
    "Privileged Authentication Administrator": (False, False, False, True),
    "Privileged Role Administrator": (False, False, False, True),
    "Exchange Administrator": (False, False, False, True),
    "Security Administrator": (False, False, False, True),
    "Intune Administrator": (False, False, False, True),
}


@pytest.mark.parametrize("target", BLOCK)
async def test_blocking_follows_the_table(graph: GraphCaller, target: str) -> None:
    world = graph.sim.world
    megan = world.tenant.user("megan")
    give(graph, megan, target)
    for actor, allowed in zip(((), (AUTH,), (USER,), (PRIVILEGED,)), BLOCK[target], strict=True):
        world.set_directory_roles(*actor)
        world.tenant.change(megan, {"accountEnabled": True}, "test")
        reply = await graph.patch(f"/users/{megan.id}", {"accountEnabled": False})
        assert (reply.status == 204) is allowed, (actor, reply.body)
        assert megan.enabled is not allowed
        if not allowed:
            assert (reply.status, reply.code) == (403, "Authorization_RequestDenied")


@pytest.mark.parametrize("target", BLOCK)
async def test_passwords_need_a_role_for_everybody(graph: GraphCaller, target: str) -> None:
    world = graph.sim.world
    megan = world.tenant.user("megan")
    give(graph, megan, target)
    for actor, allowed in zip(((), (AUTH,), (USER,), (PRIVILEGED,)), (False, *BLOCK[target][1:]), strict=True):
        world.set_directory_roles(*actor)
        version = megan.password.version
        reply = await graph.patch(f"/users/{megan.id}", {"passwordProfile": {"password": STRONG}})
        assert (reply.status == 204) is allowed, (actor, reply.body)
        assert (megan.password.version > version) is allowed


@pytest.mark.parametrize("who", ["lee", "henrietta"])
async def test_members_and_owners_of_role_assignable_groups_count_as_privileged(graph: GraphCaller, who: str) -> None:
    world = graph.sim.world
    world.set_directory_roles(USER)
    assert (await graph.patch(f"/users/{who}@contoso.com", {"accountEnabled": False})).status == 403
    world.set_directory_roles(PRIVILEGED)
    assert (await graph.patch(f"/users/{who}@contoso.com", {"accountEnabled": False})).status == 204


async def test_restricted_management_units_stop_tenant_wide_roles(graph: GraphCaller) -> None:
    megan = graph.sim.world.tenant.user("megan")
    megan.properties["isManagementRestricted"] = True
    assert (await graph.patch(f"/users/{megan.id}", {"accountEnabled": False})).status == 403


async def test_ordinary_properties_of_administrators_need_no_role(graph: GraphCaller) -> None:
    graph.only("User.Read.All", "User.ReadWrite.All")
    graph.sim.world.set_directory_roles()
    assert (await graph.patch("/users/isaiah@contoso.com", {"department": "Night shift"})).status == 204
    assert (await graph.patch("/users/isaiah@contoso.com", {"mobilePhone": "+1 425 555 0100"})).status == 403


async def test_revoking_sessions_needs_no_role(graph: GraphCaller) -> None:
    graph.sim.world.set_directory_roles()
    assert (await graph.post("/users/isaiah@contoso.com/revokeSignInSessions")).status == 200
