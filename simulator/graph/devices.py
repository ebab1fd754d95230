"""Entra devices: who owns and registered them, and switching them off."""

from __future__ import annotations

from simulator.graph.errors import bad_request, denied, not_found, unknown_property
from simulator.graph.membership import mixed
from simulator.graph.operation import NO_CONTENT, Answer, Call, Operation
from simulator.graph.schema import DEVICE
from simulator.roles import ROLES
from simulator.tenant import Device

_OF_USER = ("Directory.Read.All", "Directory.ReadWrite.All", "User.Read.All", "User.ReadWrite.All")
_READ = ("Device.Read.All", "Device.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
_MAY_WRITE = ("Cloud Device Administrator", "Global Administrator", "Intune Administrator")
_OBJECTS = mixed("directoryObject", DEVICE)


def _devices(call: Call, ids: list[str], *, cast: bool) -> Answer:
    rows = [call.typed(call.tenant.devices[device_id]) for device_id in ids if device_id in call.tenant.devices]
    if cast:
        return call.collection(rows, DEVICE, "directoryObjects/microsoft.graph.device")
    return call.collection(rows, _OBJECTS, "directoryObjects", strict=False)


def owned_devices(call: Call) -> Answer:
    """GET /users/{id}/ownedDevices."""
    return _devices(call, call.user().device_ids, cast=False)


def owned_devices_cast(call: Call) -> Answer:
    """GET /users/{id}/ownedDevices/microsoft.graph.device."""
    return _devices(call, call.user().device_ids, cast=True)


def registered_devices(call: Call) -> Answer:
    """GET /users/{id}/registeredDevices."""
    return _devices(call, call.user().registered_device_ids, cast=False)


def registered_devices_cast(call: Call) -> Answer:
    """GET /users/{id}/registeredDevices/microsoft.graph.device."""
    return _devices(call, call.user().registered_device_ids, cast=True)


def _device(call: Call) -> Device:
    key = call.parameters["device-id"]
    found = call.tenant.devices.get(key.lower())
    if found is None:
        raise not_found(key)
    return found


def list_devices(call: Call) -> Answer:
    """GET /devices."""
    return call.collection((call.shown(device) for device in call.tenant.devices.values()), DEVICE, "devices")


def get_device(call: Call) -> Answer:
    """GET /devices/{object id}."""
    return call.entity(call.shown(_device(call)), DEVICE, "devices/$entity")


def _need_role(call: Call) -> None:
    held = call.tenant.active_roles(call.caller.object_id)
    if not held.intersection(ROLES[name] for name in _MAY_WRITE):
        raise denied()


def patch_device(call: Call) -> Answer:
    """PATCH /devices/{id}: an app may disable Windows devices only."""
    device = _device(call)
    _need_role(call)
    values = call.json_object()
    for name, value in values.items():
        if name not in DEVICE.properties:
            raise unknown_property(name, "device")
        if name == "accountEnabled" and not isinstance(value, bool):
            raise bad_request("Invalid value specified for property 'accountEnabled' of resource 'Device'.")
        if name != "accountEnabled":
            raise bad_request(f"Property '{name}' is read-only and cannot be set.")
    if "accountEnabled" in values and not str(device.properties["operatingSystem"]).startswith("Windows"):
        raise denied()
    call.tenant.change(device, values, call.by, "Update device")
    return NO_CONTENT


def delete_device(call: Call) -> Answer:
    """DELETE /devices/{id}."""
    device = _device(call)
    _need_role(call)
    del call.tenant.devices[device.id]
    call.tenant.note(device, "Delete device", "device", device.display_name, None, call.by)
    return NO_CONTENT


_USER = "/users/{user-id}"
OPERATIONS = (
    Operation("GET", f"{_USER}/ownedDevices", owned_devices, _OF_USER),
    Operation("GET", f"{_USER}/ownedDevices/microsoft.graph.device", owned_devices_cast, _OF_USER),
    Operation("GET", f"{_USER}/registeredDevices", registered_devices, _OF_USER),
    Operation("GET", f"{_USER}/registeredDevices/microsoft.graph.device", registered_devices_cast, _OF_USER),
    Operation("GET", "/devices", list_devices, _READ),
    Operation("GET", "/devices/{device-id}", get_device, _READ),
    Operation("PATCH", "/devices/{device-id}", patch_device, ("Device.ReadWrite.All", "Directory.ReadWrite.All")),
    Operation("DELETE", "/devices/{device-id}", delete_device, ("Device.ReadWrite.All",)),
)
