from __future__ import annotations

import httpx
import pytest

from services.errors import Conflict
from services.microsoft365.licences import Licences
from tests.services.microsoft365.graph_bench import GraphBench, error, page


def sku(name: str, *plans: str, status: str = "Enabled", bought: int = 10, used: int = 4) -> dict[str, object]:
    return {
        "skuId": name.lower(),
        "skuPartNumber": name,
        "capabilityStatus": status,
        "consumedUnits": used,
        "prepaidUnits": {"enabled": bought, "suspended": 0, "warning": 0},
        "servicePlans": [{"servicePlanName": plan, "provisioningStatus": "Success"} for plan in plans],
    }


@pytest.fixture
def licences(wire: GraphBench) -> Licences:
    return Licences(wire.graph, clock=wire.clock)


async def test_what_the_tenant_owns_is_counted(wire: GraphBench, licences: Licences) -> None:
    wire.replies = [page(sku("SPE_E3", "AAD_PREMIUM"), sku("OLD", used=12))]
    first, second = await licences.of_tenant()
    assert first.free == 6
    assert second.free == 0


async def test_a_plan_counts_only_in_a_licence_that_works(wire: GraphBench, licences: Licences) -> None:
    wire.replies = [page(sku("SPE_E3", "AAD_PREMIUM"), sku("E5", "AAD_PREMIUM_P2", status="Suspended"))]
    assert await licences.has_plan("AAD_PREMIUM")
    assert not await licences.has_plan("AAD_PREMIUM_P2")


async def test_plans_are_kept_for_a_while_and_then_read_again(wire: GraphBench, licences: Licences) -> None:
    wire.replies = [page(sku("SPE_E3", "AAD_PREMIUM"))]
    await licences.has_plan("AAD_PREMIUM")
    await licences.has_plan("INTUNE_A")
    assert len(wire.requests) == 1
    wire.clock.now += 601
    await licences.has_plan("AAD_PREMIUM")
    assert len(wire.requests) == 2


async def test_an_accounts_plans_leave_out_what_is_switched_off(wire: GraphBench, licences: Licences) -> None:
    entry = sku("SPE_E3", "AAD_PREMIUM")
    entry["servicePlans"] = [
        {"servicePlanName": "AAD_PREMIUM", "provisioningStatus": "Success"},
        {"servicePlanName": "EXCHANGE_S_ENTERPRISE", "provisioningStatus": "Disabled"},
    ]
    wire.replies = [page(entry)]
    (licence,) = await licences.of_account("u1")
    assert licence.plans == {"AAD_PREMIUM"}


async def test_a_licence_is_given_with_both_lists(wire: GraphBench, licences: Licences) -> None:
    wire.replies = [httpx.Response(200, json={"id": "u1"})]
    await licences.assign("u1", "06ebc4ee-1bb5-47dd-8120-11324bc54e06")
    assert wire.body() == {
        "addLicenses": [{"skuId": "06ebc4ee-1bb5-47dd-8120-11324bc54e06", "disabledPlans": []}],
        "removeLicenses": [],
    }


async def test_a_licence_that_cannot_be_given_says_so(wire: GraphBench, licences: Licences) -> None:
    wire.replies = [error(400, "Request_BadRequest", "Subscription does not have any available licenses.")]
    with pytest.raises(Conflict) as caught:
        await licences.assign("u1", "06ebc4ee-1bb5-47dd-8120-11324bc54e06")
    assert caught.value.data["reason"] == "licence-not-given"


async def test_a_licence_is_given_with_plans_that_stay_off_and_taken_back(wire: GraphBench, licences: Licences) -> None:
    wire.replies = [httpx.Response(200, json={"id": "u1"})]
    sku_id = "06ebc4ee-1bb5-47dd-8120-11324bc54e06"
    await licences.assign("u1", sku_id, ["efb87545-963c-4e0d-99df-69c6916d9eb0"])
    assert wire.body()["addLicenses"][0]["disabledPlans"] == ["efb87545-963c-4e0d-99df-69c6916d9eb0"]
    await licences.remove("u1", sku_id)
    assert wire.body() == {"addLicenses": [], "removeLicenses": [sku_id]}


async def test_a_licence_that_a_group_gave_is_not_taken(wire: GraphBench, licences: Licences) -> None:
    wire.replies = [error(400, "Request_BadRequest", "User license is inherited from a group membership.")]
    with pytest.raises(Conflict) as caught:
        await licences.remove("u1", "06ebc4ee-1bb5-47dd-8120-11324bc54e06")
    assert caught.value.data["reason"] == "licence-not-removed"
