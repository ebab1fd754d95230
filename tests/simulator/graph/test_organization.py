"""The tenant itself."""

from __future__ import annotations

from tests.simulator.graph.caller import GraphCaller


async def test_the_organisation_says_whether_it_synchronises(graph: GraphCaller) -> None:
    reply = await graph.get("/organization?$select=id,displayName,onPremisesSyncEnabled,verifiedDomains")
    [row] = reply.value
    assert row["id"] == graph.sim.world.tenant.id
    assert row["onPremisesSyncEnabled"] is True
    assert {domain["name"] for domain in row["verifiedDomains"]} == {"contoso.com", "contoso.onmicrosoft.com"}


async def test_domains_are_managed(graph: GraphCaller) -> None:
    reply = await graph.get("/domains?$select=id,authenticationType")
    assert {row["authenticationType"] for row in reply.value} == {"Managed"}
    graph.only("User.Read.All")
    assert (await graph.get("/domains")).status == 403


async def test_skus_follow_the_knob(graph: GraphCaller) -> None:
    reply = await graph.get("/subscribedSkus")
    assert [row["skuPartNumber"] for row in reply.value] == ["SPE_E5"]
    assert reply.value[0]["consumedUnits"] > 50
    graph.sim.world.tenant.licences = {"SPB"}
    after = await graph.get("/subscribedSkus")
    assert [row["skuPartNumber"] for row in after.value] == ["SPB"]
    plans = {plan["servicePlanName"] for plan in after.value[0]["servicePlans"]}
    assert "AAD_PREMIUM" in plans
    assert "AAD_PREMIUM_P2" not in plans
