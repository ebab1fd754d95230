from __future__ import annotations

import httpx
import pytest

from services.microsoft365.consents import Consents
from tests.services.microsoft365.graph_bench import EMPTY, GraphBench, error, page

GRANT = {
    "id": "g1",
    "clientId": "sp1",
    "consentType": "Principal",
    "principalId": "u1",
    "resourceId": "sp-graph",
    "scope": "Mail.ReadWrite offline_access",
}
APP = {
    "id": "sp1",
    "appId": "a1",
    "displayName": "Free PDF Tool",
    "accountEnabled": True,
    "appOwnerOrganizationId": "f8cdef31-0000-0000-0000-000000000000",
    "verifiedPublisher": {"displayName": None},
    "replyUrls": ["https://pdf.evil.example/cb"],
}


USER, SP, ROLE = (f"0000000{number}-0000-4000-8000-000000000000" for number in (1, 2, 3))


@pytest.fixture
def consents(wire: GraphBench) -> Consents:
    return Consents(wire.graph)


async def test_grants_come_with_the_apps_behind_them(wire: GraphBench, consents: Consents) -> None:
    answers = {
        "/v1.0/users/u1/oauth2PermissionGrants": page(
            GRANT, {**GRANT, "id": "g2"}, {**GRANT, "id": "g3", "clientId": "sp2"}
        ),
        "/v1.0/servicePrincipals/sp1": httpx.Response(200, json=APP),
        "/v1.0/servicePrincipals/sp2": error(404, "Request_ResourceNotFound"),
    }
    wire.replies = [lambda request: answers[request.url.path]]
    first, second, third = await consents.grants_of("u1")
    assert first.scopes == ("Mail.ReadWrite", "offline_access")
    assert first.app is not None
    assert first.app.name == "Free PDF Tool"
    assert not first.app.is_microsofts
    assert second.app == first.app
    assert third.app is None
    assert len(wire.requests) == 3


async def test_grants_for_everyone_are_told_from_grants_of_one(wire: GraphBench, consents: Consents) -> None:
    wire.replies = [page(GRANT, {**GRANT, "id": "g9", "consentType": "AllPrincipals", "principalId": None})]
    (grant,) = await consents.grants_to_everyone("sp1")
    assert grant.id == "g9"
    assert grant.principal_id is None
    assert wire.last.url.params["$filter"] == "clientId eq 'sp1'"


async def test_grants_and_assignments_are_taken_away(wire: GraphBench, consents: Consents) -> None:
    wire.replies = [EMPTY]
    await consents.revoke_grant("g1")
    await consents.remove_assignment("u1", "a1")
    assert wire.paths == ["DELETE /v1.0/oauth2PermissionGrants/g1", "DELETE /v1.0/users/u1/appRoleAssignments/a1"]


async def test_an_app_is_blocked_and_allowed(wire: GraphBench, consents: Consents) -> None:
    wire.replies = [EMPTY]
    await consents.block_app("sp1")
    await consents.allow_app("sp1")
    assert [wire.body(0), wire.body(1)] == [{"accountEnabled": False}, {"accountEnabled": True}]


async def test_assignments_and_permissions_of_apps_are_read(wire: GraphBench, consents: Consents) -> None:
    wire.replies = [page({"id": "a1", "resourceDisplayName": "Salesforce", "createdDateTime": "2026-11-24T22:03:00Z"})]
    (assignment,) = await consents.assignments_of("u1")
    (permission,) = await consents.permissions_of_app("sp1")
    assert assignment == permission
    assert assignment.app_name == "Salesforce"


async def test_microsofts_own_apps_are_known(wire: GraphBench, consents: Consents) -> None:
    wire.replies = [httpx.Response(200, json={**APP, "appOwnerOrganizationId": "f8cdef31-a31e-4b4a-93e4-5f571e91255a"})]
    assert (await consents.app("sp1")).is_microsofts


async def test_what_was_taken_away_is_given_back(wire: GraphBench, consents: Consents) -> None:
    wire.replies = [EMPTY]
    await consents.restore_grant(client_id="sp1", resource_id="sp-graph", principal_id="u1", scopes=("Mail.Read", "x"))
    await consents.restore_assignment(USER, resource_id=SP, app_role_id=ROLE)
    assert wire.paths == ["POST /v1.0/oauth2PermissionGrants", f"POST /v1.0/users/{USER}/appRoleAssignments"]
    assert wire.body(0) == {
        "clientId": "sp1",
        "consentType": "Principal",
        "principalId": "u1",
        "resourceId": "sp-graph",
        "scope": "Mail.Read x",
    }
    assert wire.body(1) == {"principalId": USER, "resourceId": SP, "appRoleId": ROLE}


async def test_a_grant_is_there_or_not(wire: GraphBench, consents: Consents) -> None:
    wire.replies = [httpx.Response(200, json=GRANT), error(404, "Request_ResourceNotFound")]
    assert await consents.has_grant("g1")
    assert not await consents.has_grant("g1")
