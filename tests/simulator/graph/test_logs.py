"""Sign-in log, directory audit, registration report."""

from __future__ import annotations

from datetime import timedelta

import pytest

from simulator.clock import stamp
from tests.simulator.graph.caller import GraphCaller


async def test_version_one_shows_interactive_sign_ins_newest_first(graph: GraphCaller) -> None:
    megan = graph.sim.world.tenant.user("megan").id
    reply = await graph.get(f"/auditLogs/signIns?$filter=userId eq '{megan}'")
    assert len(reply.value) == 3
    assert all(row["isInteractive"] for row in reply.value)
    times = [row["createdDateTime"] for row in reply.value]
    assert times == sorted(times, reverse=True)
    assert (reply.value[0]["ipAddress"], reply.value[0]["location"]["countryOrRegion"]) == ("203.0.113.7", "NG")
    assert "signInEventTypes" not in reply.value[0]


async def test_beta_shows_token_use_when_asked(graph: GraphCaller) -> None:
    megan = graph.sim.world.tenant.user("megan").id
    plain = await graph.get(f"/beta/auditLogs/signIns?$filter=userId eq '{megan}'")
    assert {row["isInteractive"] for row in plain.value} == {True}
    condition = f"userId eq '{megan}' and signInEventTypes/any(t: t eq 'nonInteractiveUser')"
    silent = await graph.get(f"/beta/auditLogs/signIns?$filter={condition}")
    assert len(silent.value) == 3
    assert {row["incomingTokenType"] for row in silent.value} == {"refreshToken"}
    assert (await graph.get(f"/auditLogs/signIns?$filter={condition}")).status == 400


async def test_filters_of_the_log(graph: GraphCaller) -> None:
    found = await graph.get("/auditLogs/signIns?$filter=ipAddress eq '203.0.113.7'")
    assert {row["userPrincipalName"] for row in found.value} == {"megan@contoso.com"}
    abroad = await graph.get("/auditLogs/signIns?$filter=location/countryOrRegion eq 'NG' and status/errorCode eq 0")
    assert len(abroad.value) == 1
    since = stamp(graph.sim.world.clock.now() - timedelta(hours=1))
    recent = await graph.get(f"/auditLogs/signIns?$filter=createdDateTime ge {since}")
    assert "203.0.113.7" in {row["ipAddress"] for row in recent.value}
    assert (await graph.get("/auditLogs/signIns?$filter=userAgent eq 'x'")).code == "Request_UnsupportedQuery"
    assert (await graph.get("/auditLogs/signIns?$top=1001")).status == 400


async def test_a_blocked_attempt_is_in_the_log(graph: GraphCaller) -> None:
    tenant = graph.sim.world.tenant
    tenant.change(tenant.user("megan"), {"accountEnabled": False}, "t")
    tenant.sign_in(tenant.user("megan"), "Outlook", "203.0.113.7", "Lagos, NG", intruder=True)
    [row] = (await graph.get("/auditLogs/signIns?$filter=status/errorCode eq 50057")).value
    assert row["userPrincipalName"] == "megan@contoso.com"


async def test_the_log_needs_its_licence_and_hides_risk_without_the_better_one(graph: GraphCaller) -> None:
    tenant = graph.sim.world.tenant
    tenant.licences = {"SPE_E3"}
    hidden = await graph.get("/auditLogs/signIns?$top=1")
    assert hidden.value[0]["riskLevelDuringSignIn"] == "hidden"
    tenant.licences = {"O365_BUSINESS_ESSENTIALS"}
    refused = await graph.get("/auditLogs/signIns")
    assert (refused.status, refused.code) == (403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant")


async def test_one_sign_in_is_read_and_confirmed(graph: GraphCaller) -> None:
    [row] = (await graph.get("/auditLogs/signIns?$filter=ipAddress eq '203.0.113.7'")).value
    assert (await graph.get(f"/auditLogs/signIns/{row['id']}")).body["id"] == row["id"]
    assert (await graph.get("/auditLogs/signIns/unknown")).status == 404
    assert (await graph.post("/auditLogs/signIns/confirmCompromised", {"requestIds": [row["id"]]})).status == 204
    assert graph.sim.world.tenant.records.confirmed_sign_ins == {row["id"]: "compromised"}
    assert (await graph.post("/auditLogs/signIns/confirmSafe", {"requestIds": ["unknown"]})).status == 404
    assert (await graph.post("/auditLogs/signIns/confirmSafe", {"requestIds": []})).status == 400


async def test_what_the_bot_did_is_in_the_audit(graph: GraphCaller) -> None:
    world = graph.sim.world
    megan = world.tenant.user("megan").id
    await graph.patch(f"/users/{megan}", {"accountEnabled": False})
    of_target = await graph.get(f"/auditLogs/directoryAudits?$filter=targetResources/any(t: t/id eq '{megan}')")
    [row] = of_target.value
    assert row["activityDisplayName"] == "Disable account"
    assert row["initiatedBy"]["app"]["appId"] == world.app_id
    by_app = f"/auditLogs/directoryAudits?$filter=initiatedBy/app/appId eq '{world.app_id}'"
    assert len((await graph.get(by_app)).value) == 1
    assert (await graph.get(f"/auditLogs/directoryAudits/{row['id']}")).body["id"] == row["id"]
    assert (await graph.get("/auditLogs/directoryAudits/unknown")).status == 404
    since = stamp(world.clock.now() + timedelta(hours=1))
    later = await graph.get(f"/auditLogs/directoryAudits?$filter=activityDateTime ge {since}")
    assert later.value == []


async def test_the_audit_is_kept_for_a_week_or_a_month(graph: GraphCaller) -> None:
    world = graph.sim.world
    old = stamp(world.clock.now() - timedelta(days=10))
    world.tenant.records.directory_audits.append({"id": "old", "activityDateTime": old, "category": "UserManagement"})
    assert len((await graph.get("/auditLogs/directoryAudits")).value) == 1
    world.tenant.licences = {"O365_BUSINESS_ESSENTIALS"}
    assert (await graph.get("/auditLogs/directoryAudits")).value == []


@pytest.mark.parametrize(("who", "admin"), [("megan", False), ("isaiah", True)])
async def test_the_registration_report(graph: GraphCaller, who: str, admin: bool) -> None:
    user = graph.sim.world.tenant.user(who)
    path = f"/reports/authenticationMethods/userRegistrationDetails/{user.id}"
    body = (await graph.get(path)).body
    assert (body["isAdmin"], body["isMfaRegistered"]) == (admin, True)
    assert body["methodsRegistered"] == ["microsoftAuthenticatorPush"]
    user.methods.clear()
    assert (await graph.get(path)).body["isMfaRegistered"] is False
    assert (await graph.get("/reports/authenticationMethods/userRegistrationDetails/unknown")).status == 404
    listed = await graph.get("/reports/authenticationMethods/userRegistrationDetails?$filter=isAdmin eq true")
    assert len(listed.value) == 3
