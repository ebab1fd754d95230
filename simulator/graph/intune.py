"""Managed devices: what Intune knows of them, and what it asks them to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from simulator.clock import parse_stamp, stamp
from simulator.graph.errors import GraphError, bad_request, not_found
from simulator.graph.operation import NO_CONTENT, Answer, Call, Licence, Operation, Row
from simulator.graph.schema_workloads import (
    COMPLIANCE_STATE,
    DETECTED_APP,
    MALWARE_STATE,
    MANAGED_DEVICE,
    PROTECTION_STATE,
)
from simulator.tenant import Json

_ACTIONS: dict[str, tuple[str, ...]] = {
    "syncDevice": (),
    "rebootNow": (),
    "remoteLock": (),
    "retire": (),
    "windowsDefenderScan": ("quickScan",),
    "windowsDefenderUpdateSignatures": (),
}
_WINDOWS_ONLY = {"rebootNow", "windowsDefenderScan", "windowsDefenderUpdateSignatures"}


def _everybody(call: Call) -> list[Json]:
    list(call.tenant.users.values())  # laptops come into being with their people
    return [_answered(call, row) for row in call.tenant.records.managed_devices.values()]


def _answered(call: Call, device: Json) -> Json:
    """The device, which has done by now what it was asked for long enough ago, unless it is off."""
    records, now = call.tenant.records, call.world.clock.now()
    wait = timedelta(seconds=call.world.config.device_seconds)
    for action in device["deviceActionResults"]:
        due = parse_stamp(action["startDateTime"]) + wait
        if action["actionState"] != "pending" or due > now or device["id"] in records.devices_off:
            continue
        action |= {"actionState": "done", "lastUpdatedDateTime": stamp(due)}
        device["lastSyncDateTime"] = stamp(due)
        if action["actionName"] == "windowsDefenderUpdateSignatures":
            records.protection_states[str(device["id"])] |= {
                "signatureUpdateOverdue": False,
                "lastReportedDateTime": stamp(due),
            }
    return device


def list_devices(call: Call) -> Answer:
    """GET /deviceManagement/managedDevices."""
    return call.collection(_everybody(call), MANAGED_DEVICE, "deviceManagement/managedDevices")


def devices_of(call: Call) -> Answer:
    """GET /users/{id}/managedDevices."""
    user = call.user()
    mine = [row for row in call.tenant.records.managed_devices.values() if row["userId"] == user.id]
    rows = [_answered(call, row) for row in mine]
    return call.collection(rows, MANAGED_DEVICE, f"users('{user.id}')/managedDevices")


def _device(call: Call) -> Json:
    key = call.parameters["managedDevice-id"]
    found = call.tenant.records.managed_devices.get(key.lower())
    if found is None:
        raise GraphError(404, "ResourceNotFound", f"Managed device {key} not found")
    return _answered(call, found)


def get_device(call: Call) -> Answer:
    """GET one managed device."""
    return call.entity(_device(call), MANAGED_DEVICE, "deviceManagement/managedDevices/$entity")


def protection(call: Call) -> Answer:
    """GET …/windowsProtectionState: Windows only, and nothing about the firewall."""
    device = _device(call)
    state = call.tenant.records.protection_states.get(str(device["id"]))
    if state is None:
        raise not_found("windowsProtectionState")
    return call.entity(state, PROTECTION_STATE, "windowsProtectionState/$entity")


def malware(call: Call) -> Answer:
    """GET …/windowsProtectionState/detectedMalwareState."""
    rows = call.tenant.records.malware[str(_device(call)["id"])]
    return call.collection(rows, MALWARE_STATE, "detectedMalwareState")


def compliance(call: Call) -> Answer:
    """GET …/deviceCompliancePolicyStates: the settings are a property of each state."""
    rows = call.tenant.records.compliance_states[str(_device(call)["id"])]
    return call.collection(rows, COMPLIANCE_STATE, "deviceCompliancePolicyStates")


def apps_on(call: Call) -> Answer:
    """GET (beta) …/detectedApps."""
    rows = call.tenant.records.detected_apps[str(_device(call)["id"])]
    return call.collection(rows, DETECTED_APP, "detectedApps")


def list_apps(call: Call) -> Answer:
    """GET /deviceManagement/detectedApps: over all devices."""
    counted: dict[str, Json] = {}
    _everybody(call)
    for rows in call.tenant.records.detected_apps.values():
        for row in rows:
            before = counted.get(str(row["id"]), row | {"deviceCount": 0})
            counted[str(row["id"])] = before | {"deviceCount": before["deviceCount"] + 1}
    return call.collection(counted.values(), DETECTED_APP, "deviceManagement/detectedApps")


def devices_with(call: Call) -> Answer:
    """GET /deviceManagement/detectedApps/{id}/managedDevices."""
    key = call.parameters["detectedApp-id"]
    devices = _everybody(call)
    having = {
        device_id
        for device_id, rows in call.tenant.records.detected_apps.items()
        if any(row["id"] == key for row in rows)
    }
    return call.collection((d for d in devices if d["id"] in having), MANAGED_DEVICE, "managedDevices")


def _act(name: str) -> Callable[[Call], Answer]:
    def handler(call: Call) -> Answer:
        device = _device(call)
        if _ACTIONS[name]:
            call.parameters_of_action(*_ACTIONS[name])
        elif call.body not in (None, {}):
            raise bad_request("The action takes no parameters.", "BadRequest")
        windows = str(device["operatingSystem"]).startswith("Windows")
        state = "notSupported" if name in _WINDOWS_ONLY and not windows else "pending"
        now = stamp(call.world.clock.now())
        device["deviceActionResults"].append(
            {"actionName": name, "actionState": state, "startDateTime": now, "lastUpdatedDateTime": now}
        )
        owner = call.tenant.users.get(str(device["userId"]))
        if owner is not None:
            call.tenant.note(owner, "Device action", name, None, f"{device['deviceName']}: {state}", call.by)
        return NO_CONTENT

    return handler


_ROOT = "/deviceManagement/managedDevices"
_ONE = f"{_ROOT}/{{managedDevice-id}}"
_READ = (
    "DeviceManagementConfiguration.Read.All",
    "DeviceManagementConfiguration.ReadWrite.All",
    "DeviceManagementManagedDevices.Read.All",
    "DeviceManagementManagedDevices.ReadWrite.All",
)
_DEVICES_READ = _READ[2:]
_ACT_RIGHT = ("DeviceManagementManagedDevices.PrivilegedOperations.All",)
OPERATIONS = (
    *(
        Operation("GET", path, handler, rights, row=Row.INTUNE, licence=Licence.INTUNE, versions=versions)
        for path, handler, rights, versions in (
            (_ROOT, list_devices, _READ, ("v1.0", "beta")),
            (_ONE, get_device, _READ, ("v1.0", "beta")),
            ("/users/{user-id}/managedDevices", devices_of, _DEVICES_READ, ("v1.0", "beta")),
            (f"{_ONE}/windowsProtectionState", protection, _DEVICES_READ, ("v1.0", "beta")),
            (f"{_ONE}/windowsProtectionState/detectedMalwareState", malware, _DEVICES_READ, ("v1.0", "beta")),
            (f"{_ONE}/deviceCompliancePolicyStates", compliance, _DEVICES_READ, ("v1.0", "beta")),
            (f"{_ONE}/detectedApps", apps_on, _DEVICES_READ, ("beta",)),
            ("/deviceManagement/detectedApps", list_apps, _READ, ("v1.0", "beta")),
            ("/deviceManagement/detectedApps/{detectedApp-id}/managedDevices", devices_with, _DEVICES_READ, ("v1.0",)),
        )
    ),
    *(
        Operation("POST", f"{_ONE}/{name}", _act(name), _ACT_RIGHT, row=Row.INTUNE, licence=Licence.INTUNE)
        for name in _ACTIONS
    ),
)
