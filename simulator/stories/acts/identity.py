"""What lets an account in again: sign-in methods, devices, phones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from simulator.clock import stamp
from simulator.graph.sign_in_methods import EMAIL, MOBILE
from simulator.stories.acts.labels import names
from simulator.stories.scene import Scene, target
from simulator.stories.story import Action, Origin
from simulator.tenant import Device, Json

_TYPE = "#microsoft.graph."


@dataclass(frozen=True, kw_only=True)
class AddsMethod(Action):
    """Registers a way to sign in: authenticator (a device's name), phone (a number) or email (for resets)."""

    lasting: ClassVar[bool] = True
    made_anew: ClassVar[bool] = True
    kind: str  # authenticator | phone | email
    value: str
    becomes_default: bool = False

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        at, method = scene.when(self), self._method(scene)
        scene.account.methods.append(method)
        if self.becomes_default:
            scene.account.default_method_id = str(method["id"])
        scene.directory_audit(
            at,
            "User registered security info",
            by,
            category="UserManagement",
            service="Authentication Methods",
            targets=[target(scene.account.id, scene.account.display_name, "User", StrongAuthentication=self.value)],
        )
        scene.sign_in(scene.account, at - timedelta(minutes=1), by, app="My Signins")
        return names(method["id"], self.value)

    def remains(self, scene: Scene) -> bool:
        wanted = self._method(scene)
        same = ("id", "displayName", "phoneNumber", "emailAddress")
        return any(all(held.get(name) == wanted.get(name) for name in same) for held in scene.account.methods)

    def _method(self, scene: Scene) -> Json:
        common: Json = {"createdDateTime": stamp(scene.when(self))}
        if self.kind == "phone":
            return common | {
                "@odata.type": f"{_TYPE}phoneAuthenticationMethod",
                "id": MOBILE,
                "phoneNumber": self.value,
                "phoneType": "mobile",
                "smsSignInState": "notAllowedByPolicy",
            }
        if self.kind == "email":
            return common | {
                "@odata.type": f"{_TYPE}emailAuthenticationMethod",
                "id": EMAIL,
                "emailAddress": self.value,
            }
        assert self.kind == "authenticator", self.kind
        return common | {
            "@odata.type": f"{_TYPE}microsoftAuthenticatorAuthenticationMethod",
            "id": scene.id(self.key),
            "displayName": self.value,
            "deviceTag": "SoftwareTokenActivated",
            "phoneAppVersion": "6.2409.6094",
        }


@dataclass(frozen=True, kw_only=True)
class RegistersDevice(Action):
    """Registers a Windows device in the user's name: its token outlives a change of password."""

    lasting: ClassVar[bool] = True
    name: str
    trust: str = "AzureAd"
    version: str = "10.0.19045.3803"
    managed: bool = False

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        at, account = scene.when(self), scene.account
        device = Device(
            {
                "id": scene.id(self.key),
                "deviceId": scene.id(self.key, "device-id"),
                "displayName": self.name,
                "operatingSystem": "Windows",
                "operatingSystemVersion": self.version,
                "trustType": self.trust,
                "isCompliant": self.managed,
                "isManaged": self.managed,
                "accountEnabled": True,
                "registrationDateTime": stamp(at),
                "approximateLastSignInDateTime": stamp(at),
            }
        )
        scene.tenant.devices[device.id] = device
        account.device_ids.append(device.id)
        account.registered_device_ids.append(device.id)
        what = target(device.id, self.name, "Device")
        for activity in ("Register device", "Add registered owner to device"):
            scene.directory_audit(at, activity, by, category="Device", targets=[what], service="Device Registration")
        scene.sign_in(account, at - timedelta(seconds=30), by, app="Microsoft Authentication Broker")
        return names(device.id, device.properties["deviceId"], self.name)

    def remains(self, scene: Scene) -> bool:
        device = scene.tenant.devices.get(scene.id(self.key))
        return device is not None and bool(device.properties["accountEnabled"])


@dataclass(frozen=True, kw_only=True)
class PairsPhone(Action):
    """Connects a phone's own mail program: a partnership of the mailbox, not a device of the directory."""

    lasting: ClassVar[bool] = True
    device_id: str
    model: str
    system: str
    client: str = "EAS"

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        at = scene.when(self)
        device = scene.mailbox().add_device(
            scene.id(self.key),
            self.device_id,
            self.model,
            self.client,
            at,
            DeviceModel=self.model,
            DeviceOS=self.system,
            FriendlyName=self.model,
            ClientVersion="16.1" if self.client == "EAS" else "1.0",
            LastSuccessSync=scene.now - timedelta(minutes=10),
        )
        client = "Exchange ActiveSync" if self.client == "EAS" else "Mobile Apps and Desktop clients"
        scene.sign_in(scene.account, at, by, app="Office 365 Exchange Online", client=client, interactive=False)
        return names(device.guid, self.device_id, self.model)

    def remains(self, scene: Scene) -> bool:
        mailbox = scene.mailbox()
        held = any(each.device_id == self.device_id for each in mailbox.devices)
        return held and self.device_id not in mailbox.cas["ActiveSyncBlockedDeviceIDs"]
