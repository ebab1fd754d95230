"""Devices of an account: those that Entra knows, which carry its sessions, and those that Intune looks after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from kiota_abstractions.method import Method

from services.errors import MissingPermission
from services.microsoft365.graph import Graph
from services.microsoft365.graph_errors import INTUNE, SERVICE
from services.microsoft365.operations import Effect, Needs, Operation, Row, permissions_of
from services.microsoft365.reading import flag, kind, moment, objects, text
from services.together import together

_OWNED = Operation("owned-devices", ("User.Read.All",), beside=("Device.Read.All",))
_REGISTERED = Operation("registered-devices", ("User.Read.All",), beside=("Device.Read.All",))
_READ_DEVICE = Operation("device", ("Device.Read.All",))
_SET_ENABLED = Operation(
    "set-device-enabled",
    ("Device.ReadWrite.All",),
    effect=Effect.REPEATABLE,
    roles=("Cloud Device Administrator",),
    containment=True,
)
_MANAGED = Operation("managed-devices", ("DeviceManagementManagedDevices.Read.All",), Row.INTUNE, licence=INTUNE)
_MANAGED_ONE = Operation("managed-device", ("DeviceManagementManagedDevices.Read.All",), Row.INTUNE, licence=INTUNE)
_DETECTED_APPS = Operation("detected-apps", ("DeviceManagementManagedDevices.Read.All",), Row.INTUNE, licence=INTUNE)
_PROTECTION = Operation("windows-protection", ("DeviceManagementManagedDevices.Read.All",), Row.INTUNE, licence=INTUNE)
_POLICY_STATES = Operation(
    "compliance-states", ("DeviceManagementManagedDevices.Read.All",), Row.INTUNE, licence=INTUNE
)
_ACT = Operation(
    "act-on-managed-device",
    ("DeviceManagementManagedDevices.PrivilegedOperations.All",),
    Row.INTUNE,
    Effect.REPEATABLE,
    licence=INTUNE,
)

NEEDS: Needs = {
    "of_account": permissions_of(_OWNED, _REGISTERED),
    "device": permissions_of(_READ_DEVICE),
    "block": permissions_of(_SET_ENABLED),
    "allow": permissions_of(_SET_ENABLED),
    "managed_of": permissions_of(_MANAGED),
    "managed": permissions_of(_MANAGED_ONE),
    "detected_apps": permissions_of(_DETECTED_APPS),
    "protection": permissions_of(_PROTECTION),
    "firewall_required": permissions_of(_POLICY_STATES),
    "sync": permissions_of(_ACT),
    "scan": permissions_of(_ACT),
    "update_signatures": permissions_of(_ACT),
}

_FIELDS = (
    "id",
    "deviceId",
    "displayName",
    "operatingSystem",
    "operatingSystemVersion",
    "trustType",
    "isCompliant",
    "isManaged",
    "accountEnabled",
    "registrationDateTime",
    "approximateLastSignInDateTime",
)
_MANAGED_FIELDS = (
    "id",
    "azureADDeviceId",
    "deviceName",
    "operatingSystem",
    "osVersion",
    "complianceState",
    "isEncrypted",
    "jailBroken",
    "lastSyncDateTime",
    "partnerReportedThreatState",
    "androidSecurityPatchLevel",
    "deviceActionResults",
)
_FIREWALL_SETTINGS = ("activefirewallrequired", "firewallenabled")  # of Windows and of macOS
SYNC = "syncDevice"
UPDATE_SIGNATURES = "windowsDefenderUpdateSignatures"


@dataclass(frozen=True)
class Device:
    """A device object of Entra. `owned` and `registered` say how it belongs to the account that was asked for."""

    id: str
    device_id: str
    name: str
    operating_system: str
    os_version: str
    trust_type: str  # AzureAd, Workplace or ServerAd
    compliant: bool | None
    managed: bool | None
    enabled: bool
    registered_at: datetime | None
    last_seen_at: datetime | None
    owned: bool = False
    registered: bool = False


@dataclass(frozen=True)
class DeviceAction:
    """Something that Intune was asked to let a device do. `state` is Intune's own word: pending, active, done, …"""

    name: str
    state: str
    asked_at: datetime | None


@dataclass(frozen=True)
class ManagedDevice:
    """A device that Intune looks after."""

    id: str
    device_id: str
    name: str
    operating_system: str
    os_version: str
    compliance: str
    encrypted: bool | None
    jail_broken: str
    last_synced_at: datetime | None
    threat_state: str
    security_patch: str = ""  # Android only: the month of its security updates, such as 2026-09-01
    actions: tuple[DeviceAction, ...] = ()

    @property
    def is_windows(self) -> bool:
        return self.operating_system.casefold().startswith("windows")

    def newest_action(self, name: str) -> DeviceAction | None:
        """What became of the last time that the device was asked for this."""
        asked = [action for action in self.actions if action.name == name]
        return max(asked, key=lambda action: action.asked_at.timestamp() if action.asked_at else 0, default=None)


@dataclass(frozen=True)
class DetectedApp:
    """An app that Intune found on a device; the inventory is up to a week old."""

    name: str
    version: str
    publisher: str


@dataclass(frozen=True)
class WindowsProtection:
    """What Microsoft Defender on a Windows device last reported; None where it did not say."""

    malware_protection: bool | None
    real_time_protection: bool | None
    tamper_protection: bool | None
    signatures_overdue: bool | None
    reboot_required: bool | None
    reported_at: datetime | None


class Devices:
    """Devices of accounts."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def of_account(self, object_id: str) -> tuple[Device, ...]:
        """Every device that the account owns or has registered, newest first.

        GET /users/{id}/ownedDevices and registeredDevices; User.Read.All and Device.Read.All; read only. Raises
        MissingPermission where Graph lists devices and hides what they are.
        """
        user = self._graph.client.users.by_user_id(object_id)
        owned, registered = await together(
            self._graph.items(_OWNED, self._graph.request(Method.GET, user.owned_devices, select=_FIELDS)),
            self._graph.items(_REGISTERED, self._graph.request(Method.GET, user.registered_devices, select=_FIELDS)),
        )
        found: dict[str, Device] = {}
        for entry in (*owned.values, *registered.values):
            if kind(entry) in ("", "device"):
                found[text(entry, "id")] = _device_from(entry)
        if any(not device.device_id and not device.name for device in found.values()):
            raise MissingPermission(service=SERVICE, operation=_OWNED.name, permissions=["Device.Read.All"])
        owned_ids = {text(entry, "id") for entry in owned.values}
        registered_ids = {text(entry, "id") for entry in registered.values}
        marked = (
            replace(device, owned=device.id in owned_ids, registered=device.id in registered_ids)
            for device in found.values()
        )
        return tuple(sorted(marked, key=lambda d: d.registered_at.timestamp() if d.registered_at else 0, reverse=True))

    async def device(self, object_id: str) -> Device:
        """A device by its object id (not its device id). Raises Gone.

        GET /devices/{id}; Device.Read.All; read only.
        """
        where = self._graph.client.devices.by_device_id(object_id)
        answer = await self._graph.call(_READ_DEVICE, self._graph.request(Method.GET, where, select=_FIELDS))
        return _device_from(answer.body)

    async def block(self, object_id: str) -> None:
        """No more sign-ins from this device. Graph lets an app do this to Windows devices only: else MissingRole.

        PATCH /devices/{id} accountEnabled; Device.ReadWrite.All and the role Cloud Device Administrator; safe to
        repeat.
        """
        await self._set_enabled(object_id, enabled=False)

    async def allow(self, object_id: str) -> None:
        """Undoes block.

        PATCH /devices/{id} accountEnabled; rights as block; safe to repeat.
        """
        await self._set_enabled(object_id, enabled=True)

    async def managed_of(self, object_id: str) -> tuple[ManagedDevice, ...]:
        """The account's devices in Intune. Raises MissingLicence where the tenant has no Intune.

        GET /users/{id}/managedDevices; DeviceManagementManagedDevices.Read.All; read only.
        """
        where = self._graph.client.users.by_user_id(object_id).managed_devices
        items = await self._graph.items(_MANAGED, self._graph.request(Method.GET, where, select=_MANAGED_FIELDS))
        return tuple(_managed_from(entry) for entry in items.values)

    async def managed(self, managed_device_id: str) -> ManagedDevice:
        """One device of Intune. Raises Gone.

        GET /deviceManagement/managedDevices/{id}; DeviceManagementManagedDevices.Read.All; read only.
        """
        request = self._graph.request(Method.GET, self._managed(managed_device_id), select=_MANAGED_FIELDS)
        return _managed_from((await self._graph.call(_MANAGED_ONE, request)).body)

    async def detected_apps(self, managed_device_id: str) -> tuple[DetectedApp, ...]:
        """The apps that Intune found on a device.

        GET beta /deviceManagement/managedDevices/{id}/detectedApps; DeviceManagementManagedDevices.Read.All; read only.
        """
        request = self._graph.beta(
            Method.GET, "/deviceManagement/managedDevices/{device}/detectedApps", device=managed_device_id
        )
        items = await self._graph.items(_DETECTED_APPS, request)
        return tuple(
            DetectedApp(text(entry, "displayName"), text(entry, "version"), text(entry, "publisher"))
            for entry in items.values
        )

    async def protection(self, managed_device_id: str) -> WindowsProtection:
        """What Defender on a Windows device last said of itself.

        GET /deviceManagement/managedDevices/{id}/windowsProtectionState; DeviceManagementManagedDevices.Read.All; read
        only.
        """
        where = self._managed(managed_device_id).windows_protection_state
        body = (await self._graph.call(_PROTECTION, self._graph.request(Method.GET, where))).body
        return WindowsProtection(
            malware_protection=flag(body, "malwareProtectionEnabled"),
            real_time_protection=flag(body, "realTimeProtectionEnabled"),
            tamper_protection=flag(body, "tamperProtectionEnabled"),
            signatures_overdue=flag(body, "signatureUpdateOverdue"),
            reboot_required=flag(body, "rebootRequired"),
            reported_at=moment(body, "lastReportedDateTime"),
        )

    async def firewall_required(self, managed_device_id: str) -> str | None:
        """The state of the compliance setting that asks for a firewall; None where no policy asks for one.

        GET /deviceManagement/managedDevices/{id}/deviceCompliancePolicyStates;
        DeviceManagementManagedDevices.Read.All; read only.
        """
        where = self._managed(managed_device_id).device_compliance_policy_states
        items = await self._graph.items(_POLICY_STATES, self._graph.request(Method.GET, where))
        states = (
            text(setting, "state")
            for policy in items.values
            for setting in objects(policy, "settingStates")
            if text(setting, "setting").casefold().endswith(_FIREWALL_SETTINGS)
        )
        return next(states, None)

    async def sync(self, managed_device_id: str) -> None:
        """Asks a device to report to Intune; it does when it is next on the network.

        POST /deviceManagement/managedDevices/{id}/syncDevice; DeviceManagementManagedDevices.PrivilegedOperations.All;
        safe to repeat.
        """
        await self._graph.call(_ACT, self._graph.request(Method.POST, self._managed(managed_device_id).sync_device))

    async def scan(self, managed_device_id: str) -> None:
        """Asks Defender on a Windows device for a full scan.

        POST /deviceManagement/managedDevices/{id}/windowsDefenderScan;
        DeviceManagementManagedDevices.PrivilegedOperations.All; safe to repeat.
        """
        where = self._managed(managed_device_id).windows_defender_scan
        await self._graph.call(_ACT, self._graph.request(Method.POST, where, body={"quickScan": False}))

    async def update_signatures(self, managed_device_id: str) -> None:
        """Asks Defender on a Windows device to fetch the newest signatures; it does when it is next on the network.

        POST /deviceManagement/managedDevices/{id}/windowsDefenderUpdateSignatures;
        DeviceManagementManagedDevices.PrivilegedOperations.All; safe to repeat.
        """
        where = self._managed(managed_device_id).windows_defender_update_signatures
        await self._graph.call(_ACT, self._graph.request(Method.POST, where))

    def _managed(self, managed_device_id: str) -> Any:
        return self._graph.client.device_management.managed_devices.by_managed_device_id(managed_device_id)

    async def _set_enabled(self, object_id: str, *, enabled: bool) -> None:
        where = self._graph.client.devices.by_device_id(object_id)
        request = self._graph.request(Method.PATCH, where, body={"accountEnabled": enabled})
        await self._graph.call(_SET_ENABLED, request)


def _managed_from(entry: Mapping[str, Any]) -> ManagedDevice:
    return ManagedDevice(
        id=text(entry, "id"),
        device_id=text(entry, "azureADDeviceId"),
        name=text(entry, "deviceName"),
        operating_system=text(entry, "operatingSystem"),
        os_version=text(entry, "osVersion"),
        compliance=text(entry, "complianceState"),
        encrypted=flag(entry, "isEncrypted"),
        jail_broken=text(entry, "jailBroken"),
        last_synced_at=moment(entry, "lastSyncDateTime"),
        threat_state=text(entry, "partnerReportedThreatState"),
        security_patch=text(entry, "androidSecurityPatchLevel"),
        actions=tuple(
            DeviceAction(text(each, "actionName"), text(each, "actionState"), moment(each, "startDateTime"))
            for each in objects(entry, "deviceActionResults")
        ),
    )


def _device_from(entry: Mapping[str, Any]) -> Device:
    return Device(
        id=text(entry, "id"),
        device_id=text(entry, "deviceId"),
        name=text(entry, "displayName"),
        operating_system=text(entry, "operatingSystem"),
        os_version=text(entry, "operatingSystemVersion"),
        trust_type=text(entry, "trustType"),
        compliant=flag(entry, "isCompliant"),
        managed=flag(entry, "isManaged"),
        enabled=flag(entry, "accountEnabled") is not False,
        registered_at=moment(entry, "registrationDateTime"),
        last_seen_at=moment(entry, "approximateLastSignInDateTime"),
    )
