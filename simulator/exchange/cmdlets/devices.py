"""Mobile devices: partnerships, their state, and the wipe that must not be the wrong one."""

from __future__ import annotations

from simulator.exchange import errors
from simulator.exchange.cmdlets.call import Call, Rows, handles
from simulator.exchange.state import Mailbox, MobileDevice, Record

_ACCOUNT_ONLY_SINCE = (16, 1)


def identity_of(mailbox: Mailbox, device: MobileDevice) -> str:
    """The long identity, section signs and all."""
    kind = "REST" if device.client_type == "REST" else "EAS"
    return f"{mailbox.alias}\\ExchangeActiveSyncDevices\\{kind}§{device.device_type}§{device.guid.hex}"


def _row(call: Call, mailbox: Mailbox, device: MobileDevice) -> Record:
    properties = device.properties
    blocked = device.device_id in mailbox.cas["ActiveSyncBlockedDeviceIDs"]
    return {
        "Identity": identity_of(mailbox, device),
        "Guid": device.guid,
        "DistinguishedName": f"CN={device.guid.hex},CN=ExchangeActiveSyncDevices,CN={mailbox.alias}",
        "FriendlyName": properties.get("FriendlyName", device.device_type),
        "DeviceId": device.device_id,
        "DeviceType": device.device_type,
        "DeviceModel": properties.get("DeviceModel", ""),
        "DeviceOS": properties.get("DeviceOS", ""),
        "DeviceUserAgent": properties.get("DeviceUserAgent", ""),
        "DeviceMobileOperator": "",
        "ClientType": device.client_type,
        "ClientVersion": properties.get("ClientVersion", "1.0"),
        "UserDisplayName": f"{call.exchange.tenant.initial_domain}\\{mailbox.alias}",
        "DeviceAccessState": "Blocked" if blocked else "Allowed",
        "DeviceAccessStateReason": "Individual" if blocked else "Global",
        "DeviceAccessControlRule": None,
        "IsManaged": False,
        "IsCompliant": False,
        "IsDisabled": False,
        "FirstSyncTime": properties.get("FirstSyncTime"),
        "WhenCreatedUTC": properties.get("FirstSyncTime"),
        "WhenChangedUTC": properties.get("LastSuccessSync") or properties.get("FirstSyncTime"),
    }


def _asked_for(call: Call) -> list[tuple[Mailbox, MobileDevice]]:
    if call.get("Mailbox"):
        mailbox = call.mailbox(parameter="Mailbox")
        return [(mailbox, device) for device in mailbox.devices]
    if call.get("Identity"):
        return [_find(call)]
    return [(mailbox, device) for mailbox in call.exchange.used_mailboxes() for device in mailbox.devices]


def _kind(call: Call, device: MobileDevice) -> bool:
    switches = {"ActiveSync": "EAS", "RestApi": "REST", "OWAforDevices": "MOWA", "UniversalOutlook": "Outlook"}
    wanted = {client for switch, client in switches.items() if call.get(switch)}
    return not wanted or device.client_type in wanted


@handles("Get-MobileDevice")
def get_mobile_device(call: Call) -> Rows:
    """Of a mailbox, one by its id, or all of the organisation."""
    return [_row(call, mailbox, device) for mailbox, device in _asked_for(call) if _kind(call, device)]


@handles("Get-MobileDeviceStatistics")
def get_mobile_device_statistics(call: Call) -> Rows:
    """Last contact, and how far a wipe has come."""
    return [
        _row(call, mailbox, device)
        | {
            "LastSyncAttemptTime": device.properties.get("LastSuccessSync"),
            "LastSuccessSync": device.properties.get("LastSuccessSync"),
            "Status": device.wipe_status,
            "DeviceWipeSentTime": None,
            "DeviceWipeRequestTime": device.wipe_requested,
            "DeviceWipeAckTime": None,
            "LastDeviceWipeRequestor": device.wipe_requestor,
            "DevicePolicyApplied": "Default",
            "NumberOfFoldersSynced": 12,
        }
        for mailbox, device in _asked_for(call)
        if _kind(call, device)
    ]


def _find(call: Call) -> tuple[Mailbox, MobileDevice]:
    wanted = str(call.get("Identity")).lower()
    for mailbox in call.exchange.used_mailboxes():
        for device in mailbox.devices:
            names = (str(device.guid), identity_of(mailbox, device), f"cn={device.guid.hex}")
            if any(wanted == name.lower() or wanted.startswith(f"{name.lower()},") for name in names):
                return mailbox, device
    raise errors.object_not_found(str(call.get("Identity")))


@handles("Clear-MobileDevice")
def clear_mobile_device(call: Call) -> Rows:
    """Orders a wipe. Without AccountOnly a native-mail device is erased whole; Outlook only ever drops the account."""
    mailbox, device = _find(call)
    if call.get("Cancel"):
        device.wipe_status, device.wipe_requested = "DeviceOk", None
        call.exchange.note(mailbox, call.cmdlet, f"device {device.device_id}", "wipe", "cancelled", call.by)
        return []
    outlook = device.client_type == "REST"
    if call.get("AccountOnly"):
        version = tuple(int(part) for part in str(device.properties.get("ClientVersion", "1.0")).split("."))
        if not outlook and version < _ACCOUNT_ONLY_SINCE:
            raise errors.CmdletError(
                "The device doesn't support an account only remote wipe.", "System.InvalidOperationException"
            )
        device.wipe_status = "AccountOnlyDeviceWipePending"
    else:
        device.wipe_status = "AccountOnlyDeviceWipePending" if outlook else "DeviceWipePending"
    device.wipe_requested, device.wipe_requestor = call.now, call.by
    call.exchange.note(mailbox, call.cmdlet, f"device {device.device_id}", None, device.wipe_status, call.by)
    return []


@handles("Remove-MobileDevice")
def remove_mobile_device(call: Call) -> Rows:
    """Forgets the partnership, and a pending wipe with it."""
    mailbox, device = _find(call)
    mailbox.devices.remove(device)
    call.exchange.note(mailbox, call.cmdlet, f"device {device.device_id}", "present", "removed", call.by)
    return []
