"""Enterprise applications, assignments and consents."""

from __future__ import annotations

import pytest

from simulator.people import GRAPH_APP_ID
from simulator.tenant import Json
from tests.simulator.graph.caller import GraphCaller


@pytest.fixture
def consent(graph: GraphCaller) -> Json:
    """A consent that Megan gave to an app."""
    tenant = graph.sim.world.tenant
    row = {
        "id": "consent-1",
        "clientId": graph.sim.world.bot.id,
        "consentType": "Principal",
        "principalId": tenant.user("megan").id,
        "resourceId": "graph",
        "scope": "Mail.ReadWrite offline_access",
    }
    everybody = row | {"id": "consent-2", "consentType": "AllPrincipals", "principalId": None}
    tenant.permission_grants.extend([row, everybody])
    return row


async def test_consents_of_a_user_are_their_own_alone(graph: GraphCaller, consent: Json) -> None:
    megan = graph.sim.world.tenant.user("megan").id
    assert [row["id"] for row in (await graph.get(f"/users/{megan}/oauth2PermissionGrants")).value] == ["consent-1"]
    filtered = await graph.get(f"/oauth2PermissionGrants?$filter=principalId eq '{megan}'")
    assert [row["id"] for row in filtered.value] == ["consent-1"]
    both = await graph.get(f"/oauth2PermissionGrants?$filter=clientId eq '{consent['clientId']}'")
    assert [row["id"] for row in both.value] == ["consent-1", "consent-2"]
    assert (await graph.get("/oauth2PermissionGrants?$filter=scope eq 'x'")).code == "Request_UnsupportedQuery"


async def test_a_consent_is_withdrawn_once(graph: GraphCaller, consent: Json) -> None:
    path = f"/oauth2PermissionGrants/{consent['id']}"
    assert (await graph.get(path)).body["scope"] == consent["scope"]
    assert (await graph.delete(path)).status == 204
    assert (await graph.delete(path)).status == 404
    [change] = graph.sim.world.tenant.changes
    assert change.target_name == "Megan Bowen"


async def test_what_the_bot_may_do_is_readable(graph: GraphCaller) -> None:
    app_id = graph.sim.world.app_id
    found = await graph.get(f"/servicePrincipals?$filter=appId eq '{app_id}'&$select=id,displayName")
    [row] = found.value
    by_name = await graph.get(f"/servicePrincipals(appId='{app_id}')?$select=id")
    assert by_name.body["id"] == row["id"]
    held = await graph.get(f"/servicePrincipals/{row['id']}/appRoleAssignments")
    graph_app = await graph.get(f"/servicePrincipals(appId='{GRAPH_APP_ID}')")
    names = {role["id"]: role["value"] for role in graph_app.body["appRoles"]}
    assert {names[each["appRoleId"]] for each in held.value} == graph.sim.world.bot.permissions
    assert {each["resourceId"] for each in held.value} == {graph_app.body["id"]}


async def test_an_app_is_switched_off(graph: GraphCaller) -> None:
    app = graph.sim.world.tenant.app(GRAPH_APP_ID)
    assert app is not None
    path = f"/servicePrincipals/{app.id}"
    assert (await graph.patch(path, {"accountEnabled": "no"})).status == 400
    assert (await graph.patch(path, {"accountenabledd": False})).status == 400
    assert (await graph.patch(path, {"appId": "x"})).status == 400
    assert (await graph.patch(path, {"accountEnabled": False})).status == 204
    assert (await graph.get(path)).body["accountEnabled"] is False


async def test_app_roles_of_a_user_come_directly_and_through_groups(graph: GraphCaller) -> None:
    tenant = graph.sim.world.tenant
    bot = graph.sim.world.bot
    role = bot.properties["appRoles"][0]
    for principal in (tenant.user("adele"), tenant.group("Security Leads")):
        tenant.app_role_assignments.append(
            {
                "id": f"assignment-{principal.display_name}",
                "appRoleId": role["id"],
                "principalId": principal.id,
                "principalDisplayName": principal.display_name,
                "principalType": "User",
                "resourceDisplayName": bot.display_name,
                "resourceId": bot.id,
            }
        )
    reply = await graph.get(f"/users/adele@contoso.com/appRoleAssignments?$filter=resourceId eq '{bot.id}'")
    assert len(reply.value) == 2
    assert len((await graph.get(f"/servicePrincipals/{bot.id}/appRoleAssignedTo")).value) == 2
    own = "/users/adele@contoso.com/appRoleAssignments/assignment-Adele Vance"
    assert (await graph.delete(own)).status == 204
    assert (await graph.delete(own)).status == 404
    left = f"/servicePrincipals/{bot.id}/appRoleAssignedTo/assignment-Security Leads"
    assert (await graph.delete(left)).status == 204
    assert (await graph.get(f"/servicePrincipals/{bot.id}/appRoleAssignedTo")).value == []


async def test_an_application_permission_is_taken_away(graph: GraphCaller) -> None:
    bot = graph.sim.world.bot
    held = (await graph.get(f"/servicePrincipals/{bot.id}/appRoleAssignments")).value
    one = next(row for row in held if row["id"].endswith("Mail.Send"))
    path = f"/servicePrincipals/{bot.id}/appRoleAssignments"
    assert (await graph.delete(f"{path}/{one['id']}")).status == 204
    assert "Mail.Send" not in bot.permissions
    assert (await graph.delete(f"{path}/{one['id']}")).status == 404


async def test_a_consent_is_made_once(graph: GraphCaller) -> None:
    tenant = graph.sim.world.tenant
    megan, bot = tenant.user("megan"), graph.sim.world.bot
    body = {
        "clientId": bot.id,
        "consentType": "Principal",
        "principalId": megan.id,
        "resourceId": bot.id,
        "scope": "Mail.Read",
    }
    made = await graph.post("/oauth2PermissionGrants", body)
    assert made.status == 201
    assert tenant.permission_grants[-1]["scope"] == "Mail.Read"
    assert (await graph.post("/oauth2PermissionGrants", body)).status == 409
    assert (await graph.post("/oauth2PermissionGrants", body | {"clientId": megan.id})).status == 400


async def test_a_user_is_assigned_to_an_app_once(graph: GraphCaller) -> None:
    tenant = graph.sim.world.tenant
    megan, bot = tenant.user("megan"), graph.sim.world.bot
    where = f"/users/{megan.id}/appRoleAssignments"
    body = {"principalId": megan.id, "resourceId": bot.id, "appRoleId": bot.properties["appRoles"][0]["id"]}
    assert (await graph.post(where, body)).status == 201
    assert tenant.app_role_assignments[-1]["principalId"] == megan.id
    assert (await graph.post(where, body)).status == 400
    assert (await graph.post(where, body | {"appRoleId": bot.id})).status == 400
    assert (await graph.post(where, body | {"appRoleId": "00000000-0000-0000-0000-000000000000"})).status == 201
