"""Directory roles: direct, through groups, and eligible."""

from __future__ import annotations

from simulator.roles import ROLES
from tests.simulator.graph.caller import GraphCaller

ROOT = "/roleManagement/directory"


async def test_direct_assignments_of_a_principal(graph: GraphCaller) -> None:
    isaiah = graph.sim.world.tenant.user("isaiah").id
    reply = await graph.get(f"{ROOT}/roleAssignments?$filter=principalId eq '{isaiah}'&$expand=roleDefinition")
    [row] = reply.value
    assert row["roleDefinitionId"] == ROLES["Global Administrator"]
    assert row["directoryScopeId"] == "/"
    assert row["roleDefinition"]["displayName"] == "Global Administrator"
    lee = graph.sim.world.tenant.user("lee").id
    assert (await graph.get(f"{ROOT}/roleAssignments?$filter=principalId eq '{lee}'")).value == []
    both = await graph.get(f"{ROOT}/roleAssignments?$expand=roleDefinition,principal")
    assert both.status == 400


async def test_transitive_assignments_need_beta_count_and_header(graph: GraphCaller) -> None:
    lee = graph.sim.world.tenant.user("lee").id
    path = f"/beta{ROOT}/transitiveRoleAssignments?$count=true&$filter=principalId eq '{lee}'"
    reply = await graph.get(path, ConsistencyLevel="eventual")
    assert [row["roleDefinitionId"] for row in reply.value] == [ROLES["Exchange Administrator"]]
    assert (await graph.get(path)).status == 400
    assert (await graph.get(path.replace("/beta", "/v1.0"), ConsistencyLevel="eventual")).status == 400


async def test_eligible_roles_are_seen_with_their_licence_and_permission(graph: GraphCaller) -> None:
    henrietta = graph.sim.world.tenant.user("henrietta").id
    path = f"{ROOT}/roleEligibilityScheduleInstances?$filter=principalId eq '{henrietta}'"
    reply = await graph.get(path)
    assert [row["roleDefinitionId"] for row in reply.value] == [ROLES["User Administrator"]]
    graph.only("User.Read.All")
    assert (await graph.get(path)).code == "Authorization_RequestDenied"
    graph.only("RoleEligibilitySchedule.Read.Directory")
    graph.sim.world.tenant.licences = {"SPE_E3"}
    assert (await graph.get(path)).status == 403


async def test_definitions_say_privileged_in_beta_only(graph: GraphCaller) -> None:
    role = ROLES["Global Administrator"]
    one = await graph.get(f"{ROOT}/roleDefinitions/{role}")
    assert one.body["displayName"] == "Global Administrator"
    assert "isPrivileged" not in one.body
    beta = await graph.get(f"/beta{ROOT}/roleDefinitions?$filter=isPrivileged eq true")
    assert role in {row["id"] for row in beta.value}
    assert ROLES["Directory Readers"] not in {row["id"] for row in beta.value}
    assert (await graph.get(f"{ROOT}/roleDefinitions/nonsense")).status == 404


async def test_roles_are_given_and_taken(graph: GraphCaller) -> None:
    megan = graph.sim.world.tenant.user("megan")
    body = {"principalId": megan.id, "roleDefinitionId": ROLES["Reports Reader"], "directoryScopeId": "/"}
    made = await graph.post(f"{ROOT}/roleAssignments", body)
    assert made.status == 201
    path = f"{ROOT}/roleAssignments/{made.body['id']}"
    assert (await graph.get(path)).body["principalId"] == megan.id
    assert (await graph.post(f"{ROOT}/roleAssignments", body)).status == 400
    assert (await graph.post(f"{ROOT}/roleAssignments", body | {"roleDefinitionId": "x"})).status == 400
    assert (await graph.post(f"{ROOT}/roleAssignments", body | {"principalId": "x"})).status == 404
    assert (await graph.delete(path)).status == 204
    assert (await graph.delete(path)).status == 404
    assert graph.sim.world.tenant.active_roles(megan.id) == set()


async def test_the_last_global_administrator_stays(graph: GraphCaller) -> None:
    role = ROLES["Global Administrator"]
    held = (await graph.get(f"{ROOT}/roleAssignments?$filter=roleDefinitionId eq '{role}'")).value
    assert len(held) == 2
    assert (await graph.delete(f"{ROOT}/roleAssignments/{held[0]['id']}")).status == 204
    assert (await graph.delete(f"{ROOT}/roleAssignments/{held[1]['id']}")).status == 400


async def test_activated_roles_and_who_holds_them(graph: GraphCaller) -> None:
    rows = {row["roleTemplateId"]: row for row in (await graph.get("/directoryRoles")).value}
    role = ROLES["Global Administrator"]
    members = await graph.get(f"/directoryRoles/{rows[role]['id']}/members")
    assert {row["displayName"] for row in members.value} == {"Isaiah Langer", "Emergency Access 1"}
    assert (await graph.get("/directoryRoles/unknown/members")).status == 404


async def test_an_eligible_role_is_removed_and_given(graph: GraphCaller) -> None:
    tenant = graph.sim.world.tenant
    henrietta = tenant.user("henrietta").id
    where = "/roleManagement/directory/roleEligibilityScheduleRequests"
    body: dict[str, object] = {
        "action": "adminRemove",
        "principalId": henrietta,
        "roleDefinitionId": ROLES["User Administrator"],
        "directoryScopeId": "/",
    }
    assert (await graph.post(where, body)).status == 201
    assert not [held for held in tenant.role_assignments if held.principal_id == henrietta and held.eligible]
    assert (await graph.post(where, body)).code == "RoleAssignmentDoesNotExist"
    body |= {"action": "adminAssign"}
    assert (await graph.post(where, body)).status == 400
    whole = body | {"scheduleInfo": {"expiration": {"type": "noExpiration"}}}
    assert (await graph.post(where, whole)).status == 201
    assert (await graph.post(where, whole)).code == "RoleAssignmentExists"
    assert (await graph.post(where, body | {"action": "selfActivate"})).status == 400
