"""Tenant-wide policies."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.graph.caller import GraphCaller

DEFAULTS = "/policies/identitySecurityDefaultsEnforcementPolicy"
ACCESS = "/identity/conditionalAccess/policies"
PLACES = "/identity/conditionalAccess/namedLocations"
POLICY: dict[str, Any] = {
    "displayName": "IR block legacy",
    "state": "enabledForReportingButNotEnforced",
    "conditions": {
        "users": {"includeUsers": ["All"]},
        "applications": {"includeApplications": ["All"]},
        "clientAppTypes": ["other"],
    },
    "grantControls": {"operator": "OR", "builtInControls": ["block"]},
}


async def test_security_defaults_and_enforced_access_policies_exclude_each_other(graph: GraphCaller) -> None:
    assert (await graph.get(DEFAULTS)).body["isEnabled"] is False
    made = await graph.post(ACCESS, POLICY | {"state": "enabled"})
    assert made.status == 201
    assert (await graph.patch(DEFAULTS, {"isEnabled": True})).status == 400
    assert (await graph.patch(f"{ACCESS}/{made.body['id']}", {"state": "disabled"})).status == 204
    assert (await graph.patch(DEFAULTS, {"isEnabled": True})).status == 204
    assert (await graph.get(DEFAULTS)).body["isEnabled"] is True
    assert (await graph.post(ACCESS, POLICY | {"state": "enabled"})).status == 400
    reporting = await graph.post(ACCESS, POLICY)
    assert reporting.status == 201
    assert (await graph.patch(f"{ACCESS}/{reporting.body['id']}", {"state": "enabled"})).status == 400
    assert [change.what for change in graph.sim.world.tenant.changes][-2:] == [
        "Update security defaults",
        "Add conditional access policy",
    ]


@pytest.mark.parametrize("body", [{"isEnabled": "yes"}, {"isEnable": True}, {"displayName": "x"}, {}])
async def test_security_defaults_take_one_switch(graph: GraphCaller, body: dict[str, Any]) -> None:
    assert (await graph.patch(DEFAULTS, body)).status == 400


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "on"},
        {"conditions": {}},
        {"displayName": None, "colour": "red"},
        {"conditions": None},
        {"conditions": POLICY["conditions"] | {"colour": "red"}},
        {"conditions": POLICY["conditions"] | {"users": {"includeUser": ["All"]}}},
        {"conditions": POLICY["conditions"] | {"users": {"includeUsers": ["All"], "excludeUsers": ["nobody"]}}},
        {"conditions": POLICY["conditions"] | {"users": {"includeUsers": ["All"], "excludeGroups": ["none"]}}},
        {"grantControls": {"operator": "OR", "controls": ["mfa"]}},
    ],
)
async def test_senseless_access_policies_are_refused(graph: GraphCaller, changed: dict[str, Any]) -> None:
    assert (await graph.post(ACCESS, POLICY | changed)).status == 400


async def test_an_access_policy_lives_and_goes(graph: GraphCaller) -> None:
    made = (await graph.post(ACCESS, POLICY)).body
    assert [row["displayName"] for row in (await graph.get(ACCESS)).value] == ["IR block legacy"]
    path = f"{ACCESS}/{made['id']}"
    assert (await graph.get(path)).body["grantControls"]["builtInControls"] == ["block"]
    assert (await graph.delete(path)).status == 204
    assert (await graph.get(path)).status == 404


async def test_access_policies_need_both_rights_and_the_licence(graph: GraphCaller) -> None:
    graph.only("Policy.ReadWrite.ConditionalAccess")
    assert (await graph.post(ACCESS, POLICY)).status == 403
    graph.only("Policy.ReadWrite.ConditionalAccess", "Policy.Read.All")
    assert (await graph.post(ACCESS, POLICY)).status == 403
    graph.only("Policy.ReadWrite.ConditionalAccess", "Policy.Read.All", "Application.Read.All")
    assert (await graph.post(ACCESS, POLICY)).status == 201
    graph.only("Policy.Read.All")
    assert (await graph.post(ACCESS, POLICY)).status == 403
    assert (await graph.get(ACCESS)).status == 200
    graph.sim.world.tenant.licences = {"O365_BUSINESS_ESSENTIALS"}
    refused = await graph.get(ACCESS)
    assert (refused.status, refused.code) == (403, "AccessDenied")
    assert (await graph.get(DEFAULTS)).status == 200


async def test_a_named_location_in_use_stays(graph: GraphCaller) -> None:
    body = {
        "@odata.type": "#microsoft.graph.ipNamedLocation",
        "displayName": "IR-17",
        "isTrusted": False,
        "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.7/32"}],
    }
    made = (await graph.post(PLACES, body)).body
    users, apps = POLICY["conditions"]["users"], POLICY["conditions"]["applications"]
    conditions = {"users": users, "applications": apps, "locations": {"includeLocations": [made["id"]]}}
    policy = (await graph.post(ACCESS, POLICY | {"conditions": conditions})).body
    assert (await graph.delete(f"{PLACES}/{made['id']}")).status == 400
    await graph.delete(f"{ACCESS}/{policy['id']}")
    assert (await graph.get(f"{PLACES}/{made['id']}")).body["displayName"] == "IR-17"
    assert (await graph.delete(f"{PLACES}/{made['id']}")).status == 204
    assert (await graph.get(PLACES)).value == []
    assert (await graph.post(PLACES, {"displayName": "x"})).status == 400


async def test_consent_and_methods_are_readable(graph: GraphCaller) -> None:
    policy = (await graph.get("/policies/authorizationPolicy")).body
    assert policy["defaultUserRolePermissions"]["permissionGrantPoliciesAssigned"]
    graph.only("Policy.ReadWrite.Authorization", "Policy.Read.All")
    none: dict[str, Any] = {"defaultUserRolePermissions": {"permissionGrantPoliciesAssigned": []}}
    assert (await graph.patch("/policies/authorizationPolicy", none)).status == 204
    after = (await graph.get("/policies/authorizationPolicy")).body["defaultUserRolePermissions"]
    assert after["permissionGrantPoliciesAssigned"] == []
    assert after["allowedToCreateApps"] is True
    assert (await graph.patch("/policies/authorizationPolicy", {"colour": 1})).status == 400
    methods = (await graph.get("/policies/authenticationMethodsPolicy")).body["authenticationMethodConfigurations"]
    assert {"TemporaryAccessPass", "Fido2"} <= {row["id"] for row in methods}
    one = "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations"
    assert (await graph.get(f"{one}/TemporaryAccessPass")).body["state"] == "enabled"
    assert (await graph.get(f"{one}/Carrier")).status == 404
