"""Phones and tablets that sync a mailbox: list, block, take the mail off them, forget them.

A wipe without `AccountOnly` erases a whole native-mail device. Only the account is ever taken here.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from services.errors import Conflict
from services.microsoft365.exchange import values
from services.microsoft365.exchange.answers import changed_nothing
from services.microsoft365.exchange.backend import SERVICE, Edit, ExchangeBackend, Parameter, Record
from services.microsoft365.exchange.mailboxes import Mailbox
from services.microsoft365.exchange.operations import Effect, operation

_ACCOUNT_ONLY_SINCE = (16, 1)  # the ActiveSync version that knows the account-only wipe


@dataclass(frozen=True, slots=True)
class MobileDevice:
    """A device partnership. `guid` names it in calls; the long identity has characters that get lost on the way."""

    guid: str
    device_id: str
    name: str
    device_type: str
    model: str
    system: str
    client_type: str
    client_version: str
    access_state: str
    first_sync: datetime | None
    last_sync: datetime | None
    status: str

    @property
    def is_outlook(self) -> bool:
        """Whether it is Outlook for iOS or Android, which only ever holds the account."""
        return self.device_type == "Outlook" or self.client_type == "REST"

    @property
    def may_be_wiped(self) -> bool:
        """Whether the account alone can be taken off it. Otherwise block it: a plain wipe would erase the phone."""
        return self.is_outlook or _version(self.client_version) >= _ACCOUNT_ONLY_SINCE


@operation("Get-MobileDevice", "Get-MobileDeviceStatistics", effect=Effect.READ)
async def list_devices(exchange: ExchangeBackend, mailbox: Mailbox) -> tuple[MobileDevice, ...]:
    """Every device of a mailbox with its last contact and the state of a wipe."""
    listing: dict[str, Parameter] = {"Mailbox": mailbox.identity, "ResultSize": "Unlimited"}
    devices, statistics = await asyncio.gather(
        exchange.invoke("Get-MobileDevice", listing, anchor=mailbox.anchor),
        exchange.invoke("Get-MobileDeviceStatistics", {"Mailbox": mailbox.identity}, anchor=mailbox.anchor),
    )
    known = statistics.whole("Get-MobileDeviceStatistics")
    by_guid = {values.text(row, "Guid"): row for row in known}
    by_id = {values.optional_text(row, "DeviceId"): row for row in known}
    return tuple(
        _device(row, by_guid.get(values.text(row, "Guid")) or by_id.get(values.text(row, "DeviceId")) or {})
        for row in devices.whole("Get-MobileDevice")
    )


@operation("Set-CASMailbox", effect=Effect.REPEATABLE)
async def block(exchange: ExchangeBackend, mailbox: Mailbox, device_ids: tuple[str, ...]) -> bool:
    """Refuses these devices from now on; False where all were refused already."""
    return await _blocked(exchange, mailbox, Edit(add=device_ids))


@operation("Set-CASMailbox", effect=Effect.REPEATABLE)
async def unblock(exchange: ExchangeBackend, mailbox: Mailbox, device_ids: tuple[str, ...]) -> bool:
    """Lets these devices in again."""
    return await _blocked(exchange, mailbox, Edit(remove=device_ids))


async def _blocked(exchange: ExchangeBackend, mailbox: Mailbox, edit: Edit) -> bool:
    parameters: dict[str, Parameter] = {"Identity": mailbox.identity, "ActiveSyncBlockedDeviceIDs": edit}
    result = await exchange.invoke("Set-CASMailbox", parameters, anchor=mailbox.anchor)
    return not changed_nothing(result.warnings)


@operation("Clear-MobileDevice", effect=Effect.REPEATABLE)
async def wipe_account(exchange: ExchangeBackend, mailbox: Mailbox, device: MobileDevice) -> None:
    """Asks the device to drop the account. Raises Conflict where that would erase the whole device."""
    if not device.may_be_wiped:
        raise Conflict(service=SERVICE, operation="Clear-MobileDevice", reason="would-erase-device")
    parameters: dict[str, Parameter] = {"Identity": device.guid}
    if not device.is_outlook:
        parameters["AccountOnly"] = True
    await exchange.invoke("Clear-MobileDevice", parameters, anchor=mailbox.anchor)


@operation("Clear-MobileDevice", effect=Effect.REPEATABLE)
async def cancel_wipe(exchange: ExchangeBackend, mailbox: Mailbox, device: MobileDevice) -> None:
    """Takes a wipe back that the device has not carried out yet."""
    parameters: dict[str, Parameter] = {"Identity": device.guid, "Cancel": True}
    await exchange.invoke("Clear-MobileDevice", parameters, anchor=mailbox.anchor)


@operation("Remove-MobileDevice", effect=Effect.REPEATABLE)
async def forget(exchange: ExchangeBackend, mailbox: Mailbox, device: MobileDevice) -> None:
    """Removes the partnership, a pending wipe with it; a device with a valid token pairs again."""
    await exchange.invoke("Remove-MobileDevice", {"Identity": device.guid}, anchor=mailbox.anchor)


def _version(text: str) -> tuple[int, ...]:
    parts = text.split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else (0,)


def _device(row: Record, statistics: Record) -> MobileDevice:
    return MobileDevice(
        guid=values.text(row, "Guid"),
        device_id=values.text(row, "DeviceId"),
        name=values.optional_text(row, "FriendlyName"),
        device_type=values.text(row, "DeviceType"),
        model=values.optional_text(row, "DeviceModel"),
        system=values.optional_text(row, "DeviceOS"),
        client_type=values.optional_text(row, "ClientType"),
        client_version=values.optional_text(row, "ClientVersion"),
        access_state=values.optional_text(row, "DeviceAccessState"),
        first_sync=values.moment(row, "FirstSyncTime"),
        last_sync=values.moment(statistics, "LastSuccessSync"),
        status=values.optional_text(statistics, "Status"),
    )
