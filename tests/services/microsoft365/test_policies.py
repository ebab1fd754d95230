from __future__ import annotations

import httpx
import pytest

from services.errors import Conflict
from services.microsoft365.policies import ALL_USERS, REPORT_ONLY, AccessPassPolicy, Policies
from tests.services.microsoft365.graph_bench import EMPTY, GraphBench, error, page

POLICY = {
    "id": "p1",
    "displayName": "MFA for all",
    "state": "enabled",
    "conditions": {"users": {"includeUsers": ["All"]}},
    "grantControls": {"operator": "OR", "builtInControls": ["mfa"]},
}


@pytest.fixture
def policies(wire: GraphBench) -> Policies:
    return Policies(wire.graph)


async def test_security_defaults_are_read_and_set(wire: GraphBench, policies: Policies) -> None:
    wire.replies = [httpx.Response(200, json={"isEnabled": True}), EMPTY]
    assert await policies.security_defaults()
    await policies.set_security_defaults(enabled=False)
    assert wire.body() == {"isEnabled": False}


async def test_a_policy_tells_whom_it_asks_for_mfa(wire: GraphBench, policies: Policies) -> None:
    strength = {**POLICY, "grantControls": {"builtInControls": [], "authenticationStrength": {"id": "x"}}}
    block = {"grantControls": {"builtInControls": ["block"]}, "conditions": {"users": {"includeUsers": ["u1"]}}}
    wire.replies = [page(POLICY, strength, block)]
    found = await policies.access_policies()
    assert [(each.asks_for_mfa, each.is_for_everybody) for each in found] == [
        (True, True),
        (True, True),
        (False, False),
    ]


async def test_a_new_policy_only_reports_until_it_is_put_in_force(wire: GraphBench, policies: Policies) -> None:
    wire.replies = [httpx.Response(201, json={**POLICY, "state": REPORT_ONLY}), EMPTY]
    conditions = {
        "users": {"includeUsers": ["u1"]},
        "applications": {"includeApplications": ["All"]},
        "clientAppTypes": ["exchangeActiveSync", "other"],
    }
    made = await policies.create_access_policy("IR-17", conditions, {"operator": "OR", "builtInControls": ["block"]})
    assert wire.body()["state"] == REPORT_ONLY
    await policies.set_access_policy_state(made.id, "enabled")
    assert wire.body() == {"state": "enabled"}


@pytest.mark.parametrize(
    ("assigned", "may"), [(["ManagePermissionGrantsForSelf.microsoft-user-default-low"], True), ([], False)]
)
async def test_whether_users_may_let_apps_in(
    wire: GraphBench, policies: Policies, assigned: list[str], may: bool
) -> None:
    wire.replies = [
        httpx.Response(200, json={"defaultUserRolePermissions": {"permissionGrantPoliciesAssigned": assigned}})
    ]
    assert await policies.users_may_consent() is may


async def test_per_user_mfa_is_set_in_beta(wire: GraphBench, policies: Policies) -> None:
    await policies.set_per_user_mfa("u1", "enforced")
    assert wire.paths == ["PATCH /beta/users/u1/authentication/requirements"]
    assert wire.body() == {"perUserMfaState": "enforced"}


async def test_security_defaults_and_access_policies_do_not_go_together(wire: GraphBench, policies: Policies) -> None:
    wire.replies = [error(400, "BadRequest", "There are active Conditional Access policies in this tenant.")]
    with pytest.raises(Conflict) as caught:
        await policies.set_security_defaults(enabled=True)
    assert caught.value.data["reason"] == "access-policies-in-force"


async def test_the_organisations_own_networks_are_the_trusted_ones(wire: GraphBench, policies: Policies) -> None:
    wire.replies = [
        page(
            {"displayName": "VPN", "isTrusted": True, "ipRanges": [{"cidrAddress": "192.0.2.128/28"}, {"other": 1}]},
            {"displayName": "Blocked", "isTrusted": False, "ipRanges": [{"cidrAddress": "203.0.113.0/24"}]},
            {"displayName": "Germany", "countriesAndRegions": ["DE"]},
        )
    ]
    assert await policies.trusted_networks() == ("192.0.2.128/28",)


async def test_a_policy_is_deleted(wire: GraphBench, policies: Policies) -> None:
    await policies.delete_access_policy("p1")
    assert wire.paths == ["DELETE /v1.0/identity/conditionalAccess/policies/p1"]


async def test_a_policy_tells_whom_and_what_it_leaves_out(wire: GraphBench, policies: Policies) -> None:
    users = {"includeUsers": ["All"], "excludeUsers": ["u1"], "excludeGroups": ["g1"], "excludeRoles": ["r1"]}
    apps = {"includeApplications": ["All"]}
    whole = {**POLICY, "conditions": {"users": users, "applications": apps, "clientAppTypes": ["all"]}}
    some_apps = {**POLICY, "conditions": {"applications": {**apps, "excludeApplications": ["a1"]}}}
    by_place = {**POLICY, "conditions": {"applications": apps, "locations": {"includeLocations": ["All"]}}}
    by_client = {**POLICY, "conditions": {"applications": apps, "clientAppTypes": ["browser"]}}
    wire.replies = [page(whole, some_apps, by_place, by_client)]
    found = await policies.access_policies()
    assert [(each.is_for_every_app, each.is_narrowed, each.exclusions) for each in found] == [
        (True, False, 3),
        (False, False, 0),
        (True, True, 0),
        (True, True, 0),
    ]
    assert (found[0].excluded_users, found[0].excluded_groups) == ({"u1"}, {"g1"})


async def test_who_may_get_a_pass_and_what_one_is_like(wire: GraphBench, policies: Policies) -> None:
    configuration = {
        "id": "TemporaryAccessPass",
        "state": "enabled",
        "defaultLifetimeInMinutes": 90,
        "isUsableOnce": True,
        "includeTargets": [{"id": ALL_USERS, "targetType": "group"}],
        "excludeTargets": [{"id": "g1", "targetType": "group"}],
    }
    wire.replies = [httpx.Response(200, json={"authenticationMethodConfigurations": [{"id": "Sms"}, configuration]})]
    assert await policies.access_passes() == AccessPassPolicy(True, 90, True, (ALL_USERS,), ("g1",))


async def test_a_tenant_that_says_nothing_about_passes_gives_none(wire: GraphBench, policies: Policies) -> None:
    wire.replies = [httpx.Response(200, json={"authenticationMethodConfigurations": []})]
    assert not (await policies.access_passes()).on
