"""Groups and membership checks, transitive where Graph says so."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.people import APPROVERS, RESPONDERS
from simulator.roles import ROLES
from tests.simulator.graph.caller import GraphCaller

ADELE = "/users/adele@contoso.com"


async def test_membership_checks_see_nested_groups(graph: GraphCaller) -> None:
    tenant = graph.sim.world.tenant
    approvers, responders = tenant.group(APPROVERS).id, tenant.group(RESPONDERS).id
    reply = await graph.post(f"{ADELE}/checkMemberGroups", {"groupIds": [responders, approvers.upper()]})
    assert (reply.status, reply.value) == (200, [approvers])
    leads = tenant.group("Security Leads").id
    assert set((await graph.post(f"{ADELE}/getMemberGroups", {"securityEnabledOnly": True})).value) == {
        leads,
        approvers,
    }
    everything = await graph.post(f"{ADELE}/checkMemberObjects", {"ids": [leads, ROLES["Global Administrator"]]})
    assert everything.value == [leads]
    admin = await graph.post("/users/isaiah@contoso.com/checkMemberObjects", {"ids": [ROLES["Global Administrator"]]})
    assert admin.value == [ROLES["Global Administrator"]]
    assert len((await graph.post("/users/lee@contoso.com/getMemberObjects", {"securityEnabledOnly": False})).value) == 2


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"groupIds": ["x"] * 21}, "20"),
        ({"groupIds": []}, "groupIds"),
        ({"groupIds": [1]}, "groupIds"),
        ({"groupids": "x"}, "groupIds"),
        ({"ids": ["x"]}, "ids"),
        ({}, "groupIds"),
        (None, "JSON"),
    ],
)
async def test_bad_membership_questions_are_refused(graph: GraphCaller, body: Any, named: str) -> None:
    reply = await graph.post(f"{ADELE}/checkMemberGroups", body)
    assert reply.status == 400
    assert named in reply.message


async def test_direct_and_transitive_membership_differ(graph: GraphCaller) -> None:
    direct = await graph.get(f"{ADELE}/memberOf?$select=id,displayName")
    assert [row["displayName"] for row in direct.value] == ["Security Leads"]
    assert direct.value[0]["@odata.type"] == "#microsoft.graph.group"
    transitive = await graph.get(f"{ADELE}/transitiveMemberOf/microsoft.graph.group?$select=id,displayName")
    assert {row["displayName"] for row in transitive.value} == {"Security Leads", APPROVERS}
    roles = await graph.get("/users/isaiah@contoso.com/transitiveMemberOf")
    assert [row["@odata.type"] for row in roles.value] == ["#microsoft.graph.directoryRole"]
    wrong = await graph.get(f"{ADELE}/transitiveMemberOf/microsoft.graph.group?$select=shoeSize")
    assert wrong.status == 400


async def test_members_of_a_group_direct_and_transitive(graph: GraphCaller) -> None:
    group = graph.sim.world.tenant.group(APPROVERS)
    direct = await graph.get(f"/groups/{group.id}/members")
    assert {row["displayName"] for row in direct.value} == {"Security Leads", "Diego Siciliani"}
    people = await graph.get(f"/groups/{group.id}/transitiveMembers/microsoft.graph.user?$select=id,displayName")
    assert {row["displayName"] for row in people.value} == {"Adele Vance", "Diego Siciliani"}
    everything = await graph.get(f"/groups/{group.id}/transitiveMembers")
    assert len(everything.value) == 3


async def test_groups_that_contain_each_other_end_the_walk(graph: GraphCaller) -> None:
    tenant = graph.sim.world.tenant
    tenant.group("Security Leads").members.append(tenant.group(APPROVERS).id)
    reply = await graph.get(f"/groups/{tenant.group(APPROVERS).id}/transitiveMembers")
    assert reply.status == 200
    assert {row["displayName"] for row in reply.value} >= {"Adele Vance", "Diego Siciliani"}
    assert (await graph.post(f"{ADELE}/getMemberGroups", {"securityEnabledOnly": True})).status == 200


async def test_groups_are_found_by_filter_and_id(graph: GraphCaller) -> None:
    listed = await graph.get("/groups?$filter=isAssignableToRole eq true&$select=id,displayName")
    assert [row["displayName"] for row in listed.value] == ["Exchange Operators"]
    one = await graph.get(f"/groups/{listed.value[0]['id']}?$select=displayName,isAssignableToRole")
    assert one.body["isAssignableToRole"] is True
    assert (await graph.get("/groups/00000000-0000-0000-0000-000000000000")).status == 404


async def test_owned_groups_are_listed(graph: GraphCaller) -> None:
    reply = await graph.get(
        "/users/henrietta@contoso.com/ownedObjects/microsoft.graph.group?$select=id,isAssignableToRole"
    )
    assert [row["isAssignableToRole"] for row in reply.value] == [True]
    assert len((await graph.get("/users/henrietta@contoso.com/ownedObjects")).value) == 1
    assert (await graph.get("/users/megan@contoso.com/ownedObjects")).value == []


async def test_members_come_and_go(graph: GraphCaller) -> None:
    tenant = graph.sim.world.tenant
    group, megan = tenant.group(RESPONDERS).id, tenant.user("megan").id
    reference = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{megan}"}
    assert (await graph.post(f"/groups/{group}/members/$ref", reference)).status == 204
    assert (await graph.post(f"/groups/{group}/members/$ref", reference)).status == 400
    assert (await graph.post(f"/groups/{group}/members/$ref", {"@odata.id": "x/unknown"})).status == 404
    assert (await graph.delete(f"/groups/{group}/members/{megan}/$ref")).status == 204
    assert (await graph.delete(f"/groups/{group}/members/{megan}/$ref")).status == 404


async def test_role_assignable_groups_need_the_right_to_assign_roles(graph: GraphCaller) -> None:
    tenant = graph.sim.world.tenant
    group, megan = tenant.group("Exchange Operators").id, tenant.user("megan").id
    graph.only("GroupMember.ReadWrite.All")
    reference = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{megan}"}
    assert (await graph.post(f"/groups/{group}/members/$ref", reference)).status == 403
    graph.only("GroupMember.ReadWrite.All", "RoleManagement.ReadWrite.Directory")
    assert (await graph.post(f"/groups/{group}/members/$ref", reference)).status == 204


async def test_what_the_caller_may_not_read_is_a_bare_id(graph: GraphCaller) -> None:
    group = graph.sim.world.tenant.group(RESPONDERS).id
    graph.only("GroupMember.Read.All")
    rows = (await graph.get(f"/groups/{group}/members")).value
    assert {row["@odata.type"] for row in rows} == {"#microsoft.graph.user"}
    assert all(row["id"] and row["displayName"] is None for row in rows)
    graph.only("User.Read.All")
    [device] = (await graph.get("/users/megan@contoso.com/ownedDevices")).value
    assert (bool(device["id"]), device["displayName"]) == (True, None)
