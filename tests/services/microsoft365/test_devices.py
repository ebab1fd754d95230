from __future__ import annotations

import httpx
import pytest

from services.errors import MissingLicence, MissingPermission, MissingRole
from services.microsoft365.devices import Devices
from tests.services.microsoft365.graph_bench import EMPTY, GraphBench, error, page, token_with

LAPTOP = {
    "@odata.type": "#microsoft.graph.device",
    "id": "d1",
    "deviceId": "x1",
    "displayName": "LAPTOP-1",
    "operatingSystem": "Windows",
    "trustType": "AzureAd",
    "accountEnabled": True,
    "registrationDateTime": "2026-01-01T00:00:00Z",
}
PHONE = {**LAPTOP, "id": "d2", "deviceId": "x2", "displayName": "Pixel", "registrationDateTime": "2026-11-24T22:00:00Z"}


@pytest.fixture
def devices(wire: GraphBench) -> Devices:
    return Devices(wire.graph)


async def test_owned_and_registered_devices_are_one_list_with_the_newest_first(
    wire: GraphBench, devices: Devices
) -> None:
    wire.replies = [lambda request: page(LAPTOP) if request.url.path.endswith("ownedDevices") else page(LAPTOP, PHONE)]
    found = await devices.of_account("u1")
    assert [(device.name, device.owned, device.registered) for device in found] == [
        ("Pixel", False, True),
        ("LAPTOP-1", True, True),
    ]


async def test_devices_whose_details_are_hidden_are_not_taken_for_known(wire: GraphBench, devices: Devices) -> None:
    wire.replies = [page({"@odata.type": "#microsoft.graph.device", "id": "d1", "displayName": None})]
    with pytest.raises(MissingPermission) as caught:
        await devices.of_account("u1")
    assert caught.value.data["permissions"] == ["Device.Read.All"]


async def test_a_device_is_blocked_and_allowed(wire: GraphBench, devices: Devices) -> None:
    wire.replies = [EMPTY]
    await devices.block("d1")
    await devices.allow("d1")
    assert wire.paths == ["PATCH /v1.0/devices/d1"] * 2
    assert [wire.body(0), wire.body(1)] == [{"accountEnabled": False}, {"accountEnabled": True}]


async def test_a_device_that_graph_keeps_from_apps_names_the_role(wire: GraphBench, devices: Devices) -> None:
    wire.next_tokens = [token_with("Device.ReadWrite.All")]
    wire.replies = [error(403, "Authorization_RequestDenied")]
    with pytest.raises(MissingRole) as caught:
        await devices.block("d1")
    assert caught.value.data["roles"] == ["Cloud Device Administrator"]


async def test_a_device_is_read_by_its_object_id(wire: GraphBench, devices: Devices) -> None:
    wire.replies = [httpx.Response(200, json={**LAPTOP, "accountEnabled": False})]
    assert not (await devices.device("d1")).enabled


async def test_intune_tells_of_managed_devices(wire: GraphBench, devices: Devices) -> None:
    managed = {"id": "i1", "deviceName": "LAPTOP-1", "complianceState": "noncompliant", "isEncrypted": False}
    wire.replies = [
        page(managed),
        page({"displayName": "AnyDesk", "version": "9", "publisher": "x"}),
        httpx.Response(200, json={"realTimeProtectionEnabled": False}),
        page(
            {
                "settingStates": [
                    {"setting": "Windows10CompliancePolicy.ActiveFirewallRequired", "state": "nonCompliant"}
                ]
            }
        ),
        EMPTY,
        EMPTY,
    ]
    (device,) = await devices.managed_of("u1")
    assert device.compliance == "noncompliant"
    assert (await devices.detected_apps("i1"))[0].name == "AnyDesk"
    assert (await devices.protection("i1")).real_time_protection is False
    assert await devices.firewall_required("i1") == "nonCompliant"
    await devices.sync("i1")
    await devices.scan("i1")
    assert wire.body() == {"quickScan": False}


async def test_a_tenant_without_intune_says_so(wire: GraphBench, devices: Devices) -> None:
    wire.replies = [error(400, "BadRequest", "Request not applicable to target tenant.")]
    with pytest.raises(MissingLicence):
        await devices.managed_of("u1")


async def test_no_firewall_policy_is_not_a_firewall_that_is_off(wire: GraphBench, devices: Devices) -> None:
    wire.replies = [page({"settingStates": []}, {})]
    assert await devices.firewall_required("i1") is None


async def test_a_managed_device_tells_what_became_of_the_last_request(wire: GraphBench, devices: Devices) -> None:
    actions = [
        {"actionName": "syncDevice", "actionState": "done", "startDateTime": "2026-11-24T22:00:00Z"},
        {"actionName": "syncDevice", "actionState": "pending", "startDateTime": "2026-11-25T22:00:00Z"},
        {"actionName": "rebootNow", "actionState": "failed", "startDateTime": "2026-11-26T22:00:00Z"},
    ]
    wire.replies = [
        httpx.Response(200, json={"id": "i1", "operatingSystem": "Windows", "deviceActionResults": actions})
    ]
    device = await devices.managed("i1")
    newest = device.newest_action("syncDevice")
    assert newest is not None
    assert (device.is_windows, newest.state) == (True, "pending")
    assert device.newest_action("retire") is None


async def test_new_signatures_are_asked_for(wire: GraphBench, devices: Devices) -> None:
    wire.replies = [EMPTY]
    await devices.update_signatures("i1")
    assert wire.paths == ["POST /v1.0/deviceManagement/managedDevices/i1/windowsDefenderUpdateSignatures"]
