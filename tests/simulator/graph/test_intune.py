"""Managed devices."""

from __future__ import annotations

from simulator.config import SimulatorConfig
from simulator.server import Simulator
from tests.simulator.graph.caller import GraphCaller

ROOT = "/deviceManagement/managedDevices"


async def test_a_persons_laptop_and_what_is_known_of_it(graph: GraphCaller) -> None:
    [row] = (await graph.get("/users/megan@contoso.com/managedDevices?$select=id,complianceState,isEncrypted")).value
    assert (row["complianceState"], row["isEncrypted"]) == ("compliant", True)
    path = f"{ROOT}/{row['id']}"
    assert (await graph.get(path)).body["userPrincipalName"] == "megan@contoso.com"
    state = (await graph.get(f"{path}/windowsProtectionState")).body
    assert state["realTimeProtectionEnabled"] is True
    assert not any("firewall" in name.lower() for name in state)
    [policy] = (await graph.get(f"{path}/deviceCompliancePolicyStates")).value
    assert policy["settingStates"][0]["setting"].endswith("ActiveFirewallRequired")
    apps = await graph.get(f"/beta{path}/detectedApps")
    assert "7-Zip" in {app["displayName"] for app in apps.value}
    assert (await graph.get(f"{path}/detectedApps")).status == 400
    assert (await graph.get(f"{ROOT}/unknown")).code == "ResourceNotFound"


async def test_all_devices_and_all_apps(graph: GraphCaller) -> None:
    devices = (await graph.get(f"{ROOT}?$filter=complianceState eq 'compliant'")).value
    assert len(devices) == 57
    apps = {app["displayName"]: app for app in (await graph.get("/deviceManagement/detectedApps")).value}
    assert apps["7-Zip"]["deviceCount"] == 57
    having = await graph.get(f"/deviceManagement/detectedApps/{apps['7-Zip']['id']}/managedDevices?$top=3")
    assert len(having.value) == 3


async def test_a_device_is_asked_to_do_things(graph: GraphCaller) -> None:
    [row] = (await graph.get("/users/megan@contoso.com/managedDevices")).value
    path = f"{ROOT}/{row['id']}"
    assert (await graph.post(f"{path}/syncDevice")).status == 204
    assert (await graph.post(f"{path}/windowsDefenderScan", {"quickScan": True})).status == 204
    assert (await graph.post(f"{path}/windowsDefenderScan", {})).status == 400
    assert (await graph.post(f"{path}/syncDevice", {"force": True})).status == 400
    results = (await graph.get(path)).body["deviceActionResults"]
    assert [(each["actionName"], each["actionState"]) for each in results] == [
        ("syncDevice", "done"),
        ("windowsDefenderScan", "done"),
    ]
    graph.sim.world.tenant.records.managed_devices[row["id"]]["operatingSystem"] = "iOS"
    assert (await graph.post(f"{path}/rebootNow")).status == 204
    assert (await graph.get(path)).body["deviceActionResults"][-1]["actionState"] == "notSupported"


async def test_a_device_answers_after_a_while_and_not_while_it_is_off() -> None:
    async with Simulator(SimulatorConfig(device_seconds=60)) as sim, GraphCaller(sim) as graph:
        [row] = (await graph.get("/users/megan@contoso.com/managedDevices")).value
        path, records = f"{ROOT}/{row['id']}", sim.world.tenant.records
        records.protection_states[row["id"]]["signatureUpdateOverdue"] = True
        assert (await graph.post(f"{path}/windowsDefenderUpdateSignatures")).status == 204

        async def state() -> str:
            return str((await graph.get(path)).body["deviceActionResults"][-1]["actionState"])

        assert await state() == "pending"
        records.devices_off.add(row["id"])
        sim.world.clock.advance(120)
        assert await state() == "pending"
        records.devices_off.clear()
        assert await state() == "done"
        assert (await graph.get(path)).body["lastSyncDateTime"] > row["lastSyncDateTime"]
        assert (await graph.get(f"{path}/windowsProtectionState")).body["signatureUpdateOverdue"] is False


async def test_a_tenant_without_intune_says_so(graph: GraphCaller) -> None:
    graph.sim.world.tenant.licences = {"O365_BUSINESS_ESSENTIALS"}
    reply = await graph.get(ROOT)
    assert (reply.status, reply.message) == (400, "Request not applicable to target tenant")
