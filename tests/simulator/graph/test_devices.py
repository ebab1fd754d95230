"""Devices: listed by person, switched off by role, Windows only for an app."""

from __future__ import annotations

from tests.simulator.graph.caller import GraphCaller


async def test_devices_of_a_person(graph: GraphCaller) -> None:
    owned = await graph.get("/users/megan@contoso.com/ownedDevices")
    [device] = owned.value
    assert device["@odata.type"] == "#microsoft.graph.device"
    cast = await graph.get("/users/megan@contoso.com/registeredDevices/microsoft.graph.device?$select=id,trustType")
    assert cast.value[0]["trustType"] == "AzureAd"
    assert (await graph.get("/users/invoices@contoso.com/ownedDevices")).value == []
    assert (await graph.get(f"/devices/{device['id']}?$select=displayName")).status == 200
    found = await graph.get(f"/devices?$filter=deviceId eq '{device['deviceId']}'")
    assert [row["id"] for row in found.value] == [device["id"]]


async def test_switching_off_needs_a_role_and_windows(graph: GraphCaller) -> None:
    world = graph.sim.world
    device = world.tenant.devices[world.tenant.user("megan").device_ids[0]]
    path = f"/devices/{device.id}"
    world.set_directory_roles("User Administrator")
    assert (await graph.patch(path, {"accountEnabled": False})).status == 403
    world.set_directory_roles("Cloud Device Administrator")
    assert (await graph.patch(path, {"accountEnabled": "x"})).status == 400
    assert (await graph.patch(path, {"displayName": "x"})).status == 400
    assert (await graph.patch(path, {"colour": "x"})).status == 400
    assert (await graph.patch(path, {"accountEnabled": False})).status == 204
    assert device.properties["accountEnabled"] is False
    device.properties["operatingSystem"] = "IPhone"
    assert (await graph.patch(path, {"accountEnabled": True})).status == 403
    assert (await graph.delete(path)).status == 204
    assert (await graph.get(path)).status == 404
    assert (await graph.get("/users/megan@contoso.com/ownedDevices")).value == []
