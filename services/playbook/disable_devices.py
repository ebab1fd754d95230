"""Disable devices: a device that the intruder registered, or a phone that they paired, outlives a new password."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from typing import TypeVar

from services.access import Permission
from services.errors import Conflict, Gone, IRBotError, MissingRole
from services.incidents.model import Phase
from services.microsoft365.devices import Device
from services.microsoft365.exchange import mobile_devices, protocols
from services.microsoft365.exchange.mobile_devices import MobileDevice
from services.playbook.gaps import gap
from services.playbook.mailbox_reading import mailbox_of
from services.playbook.step import Change, Context, Outcome, Plan, Risk, Rule, State, Step, Undo
from services.together import together

ON, OFF = "Switched on", "Switched off"
MAY_SYNC, BLOCKED = "May sync the mailbox", "Blocked"

_TRUSTS = {"AzureAd": "joined to Entra", "Workplace": "registered by its user", "ServerAd": "from Active Directory"}

T = TypeVar("T")


async def plan(ctx: Context) -> Plan:
    """Devices that were registered, and phones that were paired, within the time we look at, newest first.

    With nothing to do, what cannot be read is the answer.
    """
    devices, phones = await together(
        _or_error(ctx.m365.devices.of_account(ctx.subject.object_id)), _or_error(_allowed_phones(ctx))
    )
    changes: list[Change] = []
    unread: list[tuple[str, IRBotError]] = []
    if isinstance(devices, IRBotError):
        unread.append(("Devices in Entra were not read.", devices))
    else:
        changes += [_device_change(each) for each in devices if each.enabled and _is_fresh(ctx, each.registered_at)]
    if isinstance(phones, IRBotError):
        unread.append(("Paired phones were not read.", phones))
    else:
        changes += [_phone_change(each) for each in phones if _is_fresh(ctx, each.first_sync)]
    if changes:
        return Plan(changes=tuple(changes), unread=tuple(gap(what, error).words for what, error in unread))
    if unread:
        raise unread[0][1]
    return Plan(settled=Outcome(State.ALREADY_SO, "Nothing to disable. No device is new within the time we look at."))


async def _or_error(read: Awaitable[T]) -> T | IRBotError:
    try:
        return await read
    except IRBotError as error:
        return error


async def _allowed_phones(ctx: Context) -> tuple[MobileDevice, ...]:
    """The phones that sync the mailbox and are not blocked; none where there is no mailbox."""
    try:
        mailbox = await mailbox_of(ctx)
    except Gone:
        return ()
    phones, switches = await together(
        mobile_devices.list_devices(ctx.m365.exchange, mailbox), protocols.read(ctx.m365.exchange, mailbox)
    )
    return tuple(phone for phone in phones if phone.device_id not in switches.blocked_device_ids)


def _is_fresh(ctx: Context, at: datetime | None) -> bool:
    return at is not None and at >= ctx.since


def _device_change(device: Device) -> Change:
    facts = [_TRUSTS.get(device.trust_type, ""), _when("registered", device.registered_at)]
    if device.managed and device.compliant:
        facts.append("managed and compliant, so perhaps the user's new one: ask them")
    if not _is_windows(device):
        facts.append("Microsoft lets an app disable Windows devices only: disable it by hand in Entra")
    return Change(
        item=f"device:{device.id}",
        what=f"{device.operating_system or 'Device'} {device.name}: {'; '.join(fact for fact in facts if fact)}",
        before=ON,
        after=OFF,
        data={"windows": _is_windows(device)},
    )


def _is_windows(device: Device) -> bool:
    return device.operating_system.casefold().startswith("windows")


def _phone_change(phone: MobileDevice) -> Change:
    named = phone.name or phone.model or phone.device_type
    facts = [phone.system, _when("first seen", phone.first_sync), "its mail program is blocked, the phone stays whole"]
    return Change(
        item=f"phone:{phone.device_id}",
        what=f"Phone or tablet {named}: {'; '.join(fact for fact in facts if fact)}",
        before=MAY_SYNC,
        after=BLOCKED,
        data={"device_id": phone.device_id},
    )


def _when(what: str, at: datetime | None) -> str:
    return f"{what} {at:%d %b %Y %H:%M} UTC" if at else ""


async def apply(ctx: Context, change: Change) -> None:
    """Switches a device off, or blocks a phone's mail; a device that is gone is done."""
    kind, _, key = change.item.partition(":")
    if kind == "phone":
        await mobile_devices.block(ctx.m365.exchange, await mailbox_of(ctx), (key,))
        return
    if not change.data["windows"]:
        raise Conflict(reason="only-windows-devices")
    try:
        await ctx.m365.devices.block(key)
    except Gone:
        return


async def verify(ctx: Context, change: Change) -> bool:
    """Whether Entra shows the device switched off, or Exchange the phone among the blocked ones."""
    kind, _, key = change.item.partition(":")
    if kind == "phone":
        return key in await _blocked_ids(ctx)
    try:
        return not (await ctx.m365.devices.device(key)).enabled
    except Gone:
        return True


async def put_back(ctx: Context, change: Change) -> None:
    """Switches the device on, or lets the phone sync again."""
    kind, _, key = change.item.partition(":")
    if kind == "phone":
        await mobile_devices.unblock(ctx.m365.exchange, await mailbox_of(ctx), (key,))
    else:
        await ctx.m365.devices.allow(key)


async def verify_put_back(ctx: Context, change: Change) -> bool:
    """Whether it shows as it was."""
    kind, _, key = change.item.partition(":")
    if kind == "phone":
        return key not in await _blocked_ids(ctx)
    return (await ctx.m365.devices.device(key)).enabled


async def _blocked_ids(ctx: Context) -> tuple[str, ...]:
    return (await protocols.read(ctx.m365.exchange, await mailbox_of(ctx))).blocked_device_ids


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """A role that is missing here is about devices, not about this account."""
    if isinstance(error, MissingRole) and "cmdlet" not in error.data:
        return Outcome(
            State.REFUSED,
            "IRBot's app needs the Entra role Cloud Device Administrator to disable devices. Ask an Entra "
            "administrator to give it the role, or disable the device by hand in Entra.",
        )
    return None


STEP = Step(
    id="disable-devices",
    seed=(),
    phase=Phase.EVICT,
    title="Disable devices",
    why="A device that the intruder registered stays logged in.",
    reads=("ownedDevices", "registeredDevices", "mobile device partnerships"),
    changes=("device.accountEnabled", "mailbox.ActiveSyncBlockedDeviceIDs"),
    needs=(
        "User.Read.All",
        "Device.Read.All",
        "Device.ReadWrite.All",
        "Exchange: Get-Mailbox",
        "Exchange: Get-MobileDevice",
        "Exchange: Get-MobileDeviceStatistics",
        "Exchange: Get-CASMailbox",
        "Exchange: Set-CASMailbox",
    ),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.DISRUPTIVE,
    approval=Rule.CONFIRM,
    undo=Undo(
        note="Can be undone: the devices are switched on, and the phones may sync again.",
        what="Devices",
        apply=put_back,
        verify=verify_put_back,
    ),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=explain,
)
