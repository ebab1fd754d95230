"""Users: found in every spelling, filtered and paged, changed only as the directory allows."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from simulator.config import SimulatorConfig, SyncedWrite
from simulator.licences import SKUS
from simulator.server import Simulator
from simulator.sizes import Size
from tests.simulator.graph.caller import GraphCaller

MEGAN = "/users/megan@contoso.com"
STRONG = "Vx4!qqLmTr92#zzK"
DEFAULT = {
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
}


async def test_a_user_is_found_by_id_and_upn_in_every_spelling(graph: GraphCaller) -> None:
    tenant = graph.sim.world.tenant
    spellings = {
        f"/users/{tenant.user('megan').id}": "megan",
        f"/users/{tenant.user('megan').id.upper()}": "megan",
        "/users/MEGAN@contoso.com": "megan",
        "/users/megan%40contoso.com": "megan",
        "/users('megan@contoso.com')": "megan",
        "/Users/megan@contoso.com": "megan",
        "/users/miriam.o'connor@contoso.com": "miriam.o'connor",
        "/users/miriam.o%27connor%40contoso.com": "miriam.o'connor",
        "/users('miriam.o''connor@contoso.com')": "miriam.o'connor",
    }
    for path, who in spellings.items():
        reply = await graph.get(path)
        assert reply.status == 200, path
        assert reply.body["id"] == tenant.user(who).id, path
    guest = await graph.get("/users/ravi_fabrikam.com%23EXT%23%40contoso.onmicrosoft.com?$select=userType")
    assert guest.body["userType"] == "Guest"


async def test_without_select_only_the_default_properties_come(graph: GraphCaller) -> None:
    reply = await graph.get(MEGAN)
    assert {name for name in reply.body if not name.startswith("@")} == DEFAULT
    assert reply.body["@odata.context"].endswith("/v1.0/$metadata#users/$entity")


async def test_select_gives_what_it_names_and_refuses_what_does_not_exist(graph: GraphCaller) -> None:
    wanted = "id,accountEnabled,signInSessionsValidFromDateTime,assignedLicenses,onPremisesSyncEnabled"
    reply = await graph.get(f"{MEGAN}?$select={wanted}")
    assert {name for name in reply.body if not name.startswith("@")} == set(wanted.split(","))
    assert reply.body["accountEnabled"] is True
    assert reply.body["assignedLicenses"] == [{"disabledPlans": [], "skuId": SKUS["SPE_E5"].sku_id}]
    refused = await graph.get(f"{MEGAN}?$select=id,acountEnabled")
    assert (refused.status, refused.code) == (400, "BadRequest")
    assert "acountEnabled" in refused.message


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        ("userPrincipalName eq 'megan@contoso.com'", ["megan"]),
        ("userPrincipalName eq 'x' or mail eq 'MEGAN@contoso.com'", ["megan"]),
        ("displayName eq 'Joni Sherman'", ["joni", "joni.sherman2"]),
        ("displayName eq 'Miriam O''Connor'", ["miriam.o'connor"]),
        ("displayName eq 'José Müller'", ["jose"]),
        ("startswith(displayName,'Joni') and department eq 'Legal'", ["joni"]),
        ("mailNickname eq 'lynne'", ["lynne"]),
        ("proxyAddresses/any(p:p eq 'smtp:patti@contoso.onmicrosoft.com')", ["patti"]),
        ("proxyAddresses/any(x: startswith(x,'SMTP:isaiah@'))", ["isaiah"]),
        ("onPremisesSyncEnabled eq true", ["patti"]),
        ("accountEnabled eq false", ["invoices"]),
        ("(startswith(mail,'alex@') or startswith(mail,'adele@')) and accountEnabled eq true", ["alex", "adele"]),
        ("mail in ('alex@contoso.com','grady@contoso.com')", ["alex", "grady"]),
        ("userPrincipalName eq 'nobody@contoso.com'", []),
    ],
)
async def test_filters_find_exactly_the_right_people(graph: GraphCaller, clause: str, found: list[str]) -> None:
    reply = await graph.get(f"/users?$select=id&$filter={clause}")
    assert reply.status == 200, reply.body
    tenant = graph.sim.world.tenant
    assert [row["id"] for row in reply.value] == [tenant.user(alias).id for alias in found]


@pytest.mark.parametrize(
    ("query", "code", "named"),
    [
        ("$filter=acountEnabled eq true", "BadRequest", "acountEnabled"),
        ("$filter=userType ne 'Guest'", "Request_UnsupportedQuery", "ConsistencyLevel"),
        ("$filter=endswith(mail,'@contoso.com')", "Request_UnsupportedQuery", "ConsistencyLevel"),
        ("$filter=lastPasswordChangeDateTime ge 2026-01-01T00:00:00Z", "Request_UnsupportedQuery", "lastPassword"),
        ("$filter=startswith(accountEnabled,'t')", "Request_UnsupportedQuery", "accountEnabled"),
        ("$filter=displayName eq", "Request_BadRequest", "filter"),
        ("$filter=displayName eq 'x", "Request_BadRequest", "filter"),
        ("$filter=", "Request_BadRequest", "filter"),
        ("$filter=displayName like 'x'", "Request_BadRequest", "like"),
        ('$search="displayName:megan"', "Request_UnsupportedQuery", "ConsistencyLevel"),
        ("$count=true", "BadRequest", "$count"),
        ("$top=1000", "Request_BadRequest", "1000"),
        ("$top=0", "Request_BadRequest", "0"),
        ("$top=-1", "BadRequest", "$top"),
        ("$top=many", "BadRequest", "$top"),
        ("$orderby=shoeSize", "BadRequest", "shoeSize"),
        ("$skiptoken=bm9uc2Vuc2U", "Directory_ExpiredPageToken", "page token"),
        ("$fields=id", "BadRequest", "$fields"),
        ("$expand=shoes", "BadRequest", "shoes"),
    ],
)
async def test_queries_that_make_no_sense_are_refused_by_name(
    graph: GraphCaller, query: str, code: str, named: str
) -> None:
    reply = await graph.get(f"/users?{query}")
    assert (reply.status, reply.code) == (400, code)
    assert named in reply.message


async def test_advanced_queries_work_with_their_header_and_count(graph: GraphCaller) -> None:
    reply = await graph.get("/users?$filter=userType ne 'Member'&$count=true&$select=id", ConsistencyLevel="eventual")
    assert reply.body["@odata.count"] == 1
    found = await graph.get('/users?$search="displayName:sherm" OR "mail:alex"', ConsistencyLevel="eventual")
    assert sorted(row["mail"] for row in found.value) == [
        "alex@contoso.com",
        "joni.sherman2@contoso.com",
        "joni@contoso.com",
    ]
    wrong = await graph.get('/users?$search="shoeSize:44"', ConsistencyLevel="eventual")
    assert (wrong.status, wrong.code) == (400, "Request_UnsupportedQuery")


async def test_paging_visits_everybody_once(graph: GraphCaller) -> None:
    seen: list[str] = []
    path = "/users?$top=7&$select=id&$filter=accountEnabled eq true"
    pages = 0
    while path:
        reply = await graph.get(path)
        seen.extend(row["id"] for row in reply.value)
        pages += 1
        following = reply.body.get("@odata.nextLink", "")
        assert not following or following.startswith(f"{graph.sim.url}/graph/v1.0/users?")
        path = following.removeprefix(f"{graph.sim.url}/graph")
    assert len(seen) == len(set(seen)) == 59
    assert pages == 9


async def test_a_page_token_of_another_query_is_refused(graph: GraphCaller) -> None:
    first = await graph.get("/users?$top=7&$select=id")
    token = re.search(r"\$skiptoken=([^&]+)", first.body["@odata.nextLink"])
    assert token is not None
    reply = await graph.get(f"/users?$top=7&$select=mail&$skiptoken={token.group(1)}")
    assert (reply.status, reply.code) == (400, "Directory_ExpiredPageToken")


async def test_blocking_sign_in_changes_the_account_and_is_on_record(graph: GraphCaller) -> None:
    assert (await graph.patch(MEGAN, {"accountEnabled": False})).status == 204
    reply = await graph.get(f"{MEGAN}?$select=accountEnabled")
    assert reply.body["accountEnabled"] is False
    [change] = graph.sim.world.tenant.changes
    assert (change.what, change.before, change.after, change.by) == ("Disable account", True, False, "IRBot")
    assert graph.sim.world.tenant.sign_in(graph.sim.world.tenant.user("megan"), "Outlook", "203.0.113.7", "X") is None


async def test_the_sdks_type_annotation_in_a_body_is_fine(graph: GraphCaller) -> None:
    body = {"@odata.type": "#microsoft.graph.user", "accountEnabled": False}
    assert (await graph.patch(MEGAN, body)).status == 204


@pytest.mark.parametrize(
    ("body", "code", "named"),
    [
        ({"accountEnable": False}, "BadRequest", "accountEnable"),
        ({"accountEnabled": "false"}, "Request_BadRequest", "accountEnabled"),
        ({"accountEnabled": None}, "Request_BadRequest", "accountEnabled"),
        ({"passwordProfile": {"pasword": STRONG}}, "BadRequest", "pasword"),
        ({"passwordProfile": {"password": 12345678}}, "Request_BadRequest", "password"),
        ({"passwordProfile": "x"}, "Request_BadRequest", "passwordProfile"),
        ({"signInSessionsValidFromDateTime": "2026-01-01T00:00:00Z"}, "Request_BadRequest", "read-only"),
        ({"id": "x"}, "Request_BadRequest", "read-only"),
        ({}, "Request_BadRequest", "property"),
        ([], "BadRequest", "JSON"),
    ],
)
async def test_bodies_that_make_no_sense_are_refused_and_change_nothing(
    graph: GraphCaller, body: Any, code: str, named: str
) -> None:
    graph.only("User.Read.All", "User.ReadWrite.All", "User-PasswordProfile.ReadWrite.All")
    reply = await graph.patch(MEGAN, body)
    assert (reply.status, reply.code) == (400, code)
    assert named in reply.message
    assert graph.sim.world.tenant.changes == []


@pytest.mark.parametrize(
    "password", ["short1!", "alllowercaseletters", "Password1", "Megan!2026xyz", "A1!" + "x" * 260]
)
async def test_weak_passwords_are_refused(graph: GraphCaller, password: str) -> None:
    before = graph.sim.world.tenant.user("megan").password.version
    reply = await graph.patch(MEGAN, {"passwordProfile": {"password": password}})
    assert (reply.status, reply.code) == (400, "Request_BadRequest")
    assert "complexity" in reply.message
    assert graph.sim.world.tenant.user("megan").password.version == before


async def test_a_new_password_is_proven_by_a_hash_and_kept_nowhere(graph: GraphCaller) -> None:
    profile = {"password": STRONG, "forceChangePasswordNextSignIn": True}
    assert (await graph.patch(MEGAN, {"passwordProfile": profile})).status == 204
    world = graph.sim.world
    megan = world.tenant.user("megan")
    assert megan.password.version == 2
    assert megan.password.is_same(STRONG)
    assert not megan.password.is_same(STRONG + "x")
    shown = await graph.get(f"{MEGAN}?$select=lastPasswordChangeDateTime,passwordProfile")
    assert shown.body["passwordProfile"] == {"password": None, "forceChangePasswordNextSignIn": True}
    kept = [
        json.dumps([entry.to_json() for entry in world.journal], default=str),
        json.dumps([change.to_json() for change in world.tenant.changes]),
        json.dumps(megan.properties),
        repr(megan),
        json.dumps((await graph.get(MEGAN)).body),
    ]
    assert not any(STRONG in text for text in kept)
    assert '"password": "(removed)"' in kept[0]


async def test_one_patch_with_two_rights_fails_as_a_whole_when_one_is_missing(graph: GraphCaller) -> None:
    graph.only("User.Read.All", "User.EnableDisableAccount.All")
    reply = await graph.patch(MEGAN, {"accountEnabled": False, "passwordProfile": {"password": STRONG}})
    assert (reply.status, reply.code) == (403, "Authorization_RequestDenied")
    megan = graph.sim.world.tenant.user("megan")
    assert megan.enabled
    assert megan.password.version == 1


@pytest.mark.parametrize(
    ("permissions", "body", "status"),
    [
        (("User.EnableDisableAccount.All", "User.Read.All"), {"accountEnabled": False}, 204),
        (("User.EnableDisableAccount.All",), {"accountEnabled": False}, 403),
        (("User.ReadWrite.All",), {"accountEnabled": False}, 204),
        (("User.Read.All",), {"accountEnabled": False}, 403),
        (("User.ReadWrite.All",), {"passwordProfile": {"password": STRONG}}, 403),
        (("User-PasswordProfile.ReadWrite.All",), {"passwordProfile": {"password": STRONG}}, 204),
        (("User-Phone.ReadWrite.All",), {"mobilePhone": "+1 425 555 0100"}, 204),
        (("User-Mail.ReadWrite.All",), {"mobilePhone": "+1 425 555 0100"}, 403),
        (("User-Mail.ReadWrite.All",), {"otherMails": []}, 204),
        (("User.EnableDisableAccount.All", "User.Read.All"), {"jobTitle": "x"}, 403),
    ],
)
async def test_each_property_needs_its_own_permission(
    graph: GraphCaller, permissions: tuple[str, ...], body: dict[str, Any], status: int
) -> None:
    graph.only(*permissions)
    assert (await graph.patch(MEGAN, body)).status == status


async def test_revoking_ends_every_session_and_can_be_read_back(graph: GraphCaller) -> None:
    megan = graph.sim.world.tenant.user("megan")
    assert any(session.intruder for session in megan.active_sessions())
    before = megan.properties["signInSessionsValidFromDateTime"]
    reply = await graph.post(f"{MEGAN}/revokeSignInSessions")
    assert (reply.status, reply.body["value"]) == (200, True)
    assert reply.body["@odata.context"].endswith("Edm.Boolean")
    assert megan.active_sessions() == []
    shown = await graph.get(f"{MEGAN}?$select=signInSessionsValidFromDateTime")
    assert shown.body["signInSessionsValidFromDateTime"] > before
    graph.only("User.Read.All")
    assert (await graph.post(f"{MEGAN}/revokeSignInSessions")).status == 403


async def test_synced_accounts_refuse_writes_or_take_them_until_the_next_sync(graph: GraphCaller) -> None:
    world = graph.sim.world
    patti = world.tenant.user("patti")
    path = f"/users/{patti.id}"
    refused = await graph.patch(path, {"accountEnabled": False})
    assert (refused.status, refused.code) == (400, "Request_BadRequest")
    assert "on-premises mastered Directory Sync objects" in refused.message
    world.synced_write = SyncedWrite.ACCEPTED
    assert (await graph.patch(path, {"accountEnabled": False})).status == 204
    assert not patti.enabled
    assert world.tenant.sync_tick() == [patti]
    assert patti.enabled
    assert world.tenant.sync_tick() == []
    password = await graph.patch(path, {"passwordProfile": {"password": STRONG}})
    assert (password.status, password.code) == (400, "Request_BadRequest")
    assert (await graph.post(f"{path}/revokeSignInSessions")).status == 200


async def test_guests_can_be_blocked_here_and_their_password_is_elsewhere(graph: GraphCaller) -> None:
    guest = next(user for user in graph.sim.world.tenant.users.values() if user.guest)
    assert (await graph.patch(f"/users/{guest.id}", {"accountEnabled": False})).status == 204
    reply = await graph.patch(f"/users/{guest.id}", {"passwordProfile": {"password": STRONG}})
    assert (reply.status, reply.code) == (400, "Request_BadRequest")
    assert "external service" in reply.message
    assert (await graph.post(f"/users/{guest.id}/revokeSignInSessions")).status == 200


async def test_the_manager_is_found_or_there_is_none(graph: GraphCaller) -> None:
    reply = await graph.get(f"{MEGAN}/manager?$select=id,displayName,mail")
    assert reply.body["displayName"] == "Lynne Robbins"
    assert reply.body["@odata.type"] == "#microsoft.graph.user"
    none = await graph.get("/users/lynne@contoso.com/manager")
    assert (none.status, none.code) == (404, "Request_ResourceNotFound")
    expanded = await graph.get(f"{MEGAN}?$select=id&$expand=manager")
    assert expanded.body["manager"]["displayName"] == "Lynne Robbins"


async def test_licence_details_follow_the_tenants_licences(graph: GraphCaller) -> None:
    reply = await graph.get(f"{MEGAN}/licenseDetails")
    [row] = reply.value
    assert row["skuPartNumber"] == "SPE_E5"
    assert "AAD_PREMIUM_P2" in {plan["servicePlanName"] for plan in row["servicePlans"]}
    assert (await graph.get("/users/invoices@contoso.com/licenseDetails")).value == []


async def test_sign_in_activity_needs_its_licence_and_permission(graph: GraphCaller) -> None:
    path = f"{MEGAN}?$select=id,signInActivity"
    assert (await graph.get(path)).status == 200
    graph.only("User.Read.All")
    assert (await graph.get(path)).code == "Authorization_RequestDenied"
    graph.sim.world.tenant.licences = {"O365_BUSINESS_ESSENTIALS"}
    refused = await graph.get(path)
    assert (refused.status, refused.code) == (403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant")


async def test_a_upn_can_be_changed_within_the_tenants_domains_only(graph: GraphCaller) -> None:
    graph.only("User.Read.All", "User.ReadWrite.All")
    assert (await graph.patch(MEGAN, {"userPrincipalName": "meg@evil.example"})).code == "Request_BadRequest"
    assert (await graph.patch(MEGAN, {"userPrincipalName": "alex@contoso.com"})).code == "Request_BadRequest"
    assert (await graph.patch(MEGAN, {"userPrincipalName": "meg@contoso.com"})).status == 204
    assert (await graph.get("/users/meg@contoso.com")).body["displayName"] == "Megan Bowen"
    assert (await graph.get(MEGAN)).status == 404


async def test_reads_after_writes_meet_a_lagging_replica_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Simulator(SimulatorConfig(replication_seconds=60)) as sim, GraphCaller(sim) as graph:
        assert (await graph.patch(MEGAN, {"accountEnabled": False})).status == 204
        seen = {(await graph.get(f"{MEGAN}?$select=accountEnabled")).body["accountEnabled"] for _ in range(20)}
        assert seen == {True, False}
        tenant = sim.world.tenant
        later = tenant._monotonic() + 61
        monkeypatch.setattr(tenant, "_monotonic", lambda: later)
        seen = {(await graph.get(f"{MEGAN}?$select=accountEnabled")).body["accountEnabled"] for _ in range(20)}
        assert seen == {False}


async def test_licences_are_assigned_from_what_the_tenant_owns(graph: GraphCaller) -> None:
    megan = graph.sim.world.tenant.user("megan")
    path = f"/users/{megan.id}/assignLicense"
    e5, spb = SKUS["SPE_E5"].sku_id, SKUS["SPB"].sku_id
    assert (await graph.post(path, {"addLicenses": [{"skuId": spb}], "removeLicenses": []})).status == 400
    assert (await graph.post(path, {"addLicenses": []})).status == 400
    taken = await graph.post(path, {"addLicenses": [], "removeLicenses": [e5]})
    assert taken.status == 200
    assert megan.properties["assignedLicenses"] == []
    assert (await graph.get(f"/users/{megan.id}/mailboxSettings")).code == "MailboxNotEnabledForRESTAPI"
    assert (await graph.post(path, {"addLicenses": [], "removeLicenses": [e5]})).status == 400
    assert (await graph.post(path, {"addLicenses": [{"skuId": e5}], "removeLicenses": []})).status == 200
    megan.properties["usageLocation"] = None
    assert (await graph.post(path, {"addLicenses": [{"skuId": e5}], "removeLicenses": []})).status == 400


async def test_a_licence_may_come_with_some_plans_off_and_runs_out(graph: GraphCaller) -> None:
    tenant = graph.sim.world.tenant
    tenant.licences = {"SPE_E3", "SPB", "ADALLOM_STANDALONE"}
    megan = tenant.user("megan")
    megan.licences = ("SPE_E3",)
    path, details = f"/users/{megan.id}/assignLicense", f"/users/{megan.id}/licenseDetails"
    spb, exchange = SKUS["SPB"], SKUS["SPB"].plans["EXCHANGE_S_STANDARD"]
    whole = {"addLicenses": [{"skuId": spb.sku_id, "disabledPlans": []}], "removeLicenses": []}
    assert "mutually exclusive" in (await graph.post(path, whole)).message
    wrong = {"addLicenses": [{"skuId": spb.sku_id, "disabledPlans": ["x"]}], "removeLicenses": []}
    assert (await graph.post(path, wrong)).status == 400
    odd = {"addLicenses": [{"skuId": spb.sku_id, "plans": []}], "removeLicenses": []}
    assert (await graph.post(path, odd)).status == 400
    part = {"addLicenses": [{"skuId": spb.sku_id, "disabledPlans": [exchange]}], "removeLicenses": []}
    assert (await graph.post(path, part)).status == 200
    [row] = [each for each in (await graph.get(details)).value if each["skuPartNumber"] == "SPB"]
    states = {plan["servicePlanName"]: plan["provisioningStatus"] for plan in row["servicePlans"]}
    assert (states["EXCHANGE_S_STANDARD"], states["ATP_ENTERPRISE"]) == ("Disabled", "Success")

    tenant.bought = {"ADALLOM_STANDALONE": 0}
    last = {"addLicenses": [{"skuId": SKUS["ADALLOM_STANDALONE"].sku_id}], "removeLicenses": []}
    assert "available" in (await graph.post(path, last)).message


async def test_a_large_tenant_is_made_as_it_is_looked_at() -> None:
    async with Simulator(SimulatorConfig(size=Size.LARGE)) as sim, GraphCaller(sim) as graph:
        people = sim.world.tenant.users
        assert len(people) == 50_000
        made = len(list(people.known()))
        assert made < 100
        somebody = list(people)[33_333]
        reply = await graph.get(f"/users/{somebody}?$select=userPrincipalName,mailNickname")
        upn = reply.body["userPrincipalName"]
        by_name = await graph.get(f"/users?$filter=userPrincipalName eq '{upn}' or mail eq '{upn}'&$select=id")
        assert [row["id"] for row in by_name.value] == [somebody]
        assert len(list(people.known())) == made + 1
        alias = await graph.get(f"/users?$filter=mailNickname eq '{reply.body['mailNickname']}'&$select=id")
        assert [row["id"] for row in alias.value] == [somebody]
        proxy = f"proxyAddresses/any(p:p eq 'smtp:{reply.body['mailNickname']}@contoso.onmicrosoft.com')"
        assert [row["id"] for row in (await graph.get(f"/users?$filter={proxy}&$select=id")).value] == [somebody]
        search = f'/users?$search="displayName:{reply.body["mailNickname"].partition(".")[0]}"&$select=id&$top=999'
        many = await graph.get(search, ConsistencyLevel="eventual")
        assert somebody in {row["id"] for row in many.value}
        first = await graph.get("/users?$top=5&$select=id,displayName,mail&$filter=startswith(displayName,'Zoe')")
        assert [row["mail"].startswith("zoe.") for row in first.value] == [True] * 5
        assert len(list(people.known())) < 5_000
        assert (await graph.get("/users/megan@contoso.com")).body["displayName"] == "Megan Bowen"
        other = Simulator(SimulatorConfig(size=Size.LARGE)).world.tenant
        assert other.users[somebody].upn == upn
