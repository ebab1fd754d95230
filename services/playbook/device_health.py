"""What several steps ask of a person's devices: which Intune looks after, which nobody does, and when each reported."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from services.errors import Gone, IRBotError
from services.microsoft365.devices import Device, ManagedDevice, WindowsProtection
from services.plain_words import explain
from services.playbook.step import Context, Finding, Outcome, Severity, State, Todo
from services.together import together

_QUIET = timedelta(days=7)
_FORGOTTEN = timedelta(days=90)
_MOST_UNMANAGED = 10

T = TypeVar("T")


@dataclass(frozen=True)
class Said:
    """One thing that a device says of itself, and how much it weighs."""

    words: str
    severity: Severity = Severity.NOTE


@dataclass(frozen=True)
class Fleet:
    """A person's devices. `unread` are sentences about what could not be looked at."""

    managed: tuple[ManagedDevice, ...]
    unmanaged: tuple[Device, ...]
    unread: tuple[str, ...]


async def fleet_of(ctx: Context) -> Fleet:
    """Devices by Intune, and what else Entra knows that was in use lately."""
    managed, known = await together(
        or_error(ctx.m365.devices.managed_of(ctx.subject.object_id)),
        or_error(ctx.m365.devices.of_account(ctx.subject.object_id)),
    )
    unread: list[str] = []
    if isinstance(managed, IRBotError):
        unread.append(f"Managed devices were not read. {explain(managed).what}")
    if isinstance(known, IRBotError):
        unread.append(f"Devices in Entra were not read. {explain(known).what}")
    looked_after = () if isinstance(managed, IRBotError) else managed
    others = () if isinstance(known, IRBotError) else known
    ids = {device.device_id for device in looked_after}
    unmanaged = [device for device in others if device.device_id not in ids and _in_use(ctx, device)]
    return Fleet(looked_after, tuple(unmanaged[:_MOST_UNMANAGED]), tuple(unread))


async def or_error(read: Awaitable[T]) -> T | IRBotError:
    """What was read, or why it was not."""
    try:
        return await read
    except IRBotError as error:
        return error


def _in_use(ctx: Context, device: Device) -> bool:
    seen = device.last_seen_at or device.registered_at
    return device.enabled and (seen is None or ctx.now - seen <= _FORGOTTEN)


def last_report(ctx: Context, device: ManagedDevice) -> Said:
    """When a device last spoke to Intune: what it said before that may not be true any more."""
    if device.last_synced_at is None:
        return Said("It has never reported to Intune", Severity.WARNING)
    silent = ctx.now - device.last_synced_at
    if silent > _QUIET:
        words = f"Its last report is {silent.days} days old, so all this may be out of date"
        return Said(words, Severity.WARNING)
    return Said(f"Last report {device.last_synced_at:%d %b %Y %H:%M} UTC")


def finding(device: ManagedDevice, what: str, said: Sequence[Said]) -> Finding:
    """One device as a finding: what weighs most comes first."""
    worst = max((each.severity for each in said), key=lambda severity: severity.weight)
    ordered = sorted(said, key=lambda each: -each.severity.weight)
    loud = worst is not Severity.NOTE
    return Finding(
        key=f"intune:{device.id}",
        severity=worst,
        title=f"{device.name}: {what if loud else 'nothing to do'}",
        reasons=tuple(each.words for each in ordered),
        at=device.last_synced_at,
        data={"managed_device_id": device.id, "device_id": device.device_id, "name": device.name},
    )


def unmanaged_finding(device: Device) -> Finding:
    """A device that nobody can look into from here is no clean device."""
    reasons = ["Intune does not manage it, so a person has to look: see the tasks"]
    if device.last_seen_at is not None:
        reasons.append(f"Last used {device.last_seen_at:%d %b %Y}")
    return Finding(
        key=f"unmanaged:{device.id}",
        severity=Severity.WARNING,
        title=f"{device.name} was not looked at",
        reasons=tuple(reasons),
        data={"object_id": device.id, "device_id": device.device_id, "name": device.name},
    )


def outcome(fleet: Fleet, findings: Sequence[Finding], unread: Sequence[str], loud: str, more: str = "") -> Outcome:
    """How a check of the devices ends; `loud` says what is the matter with those that are not well."""
    found = sum(each.key.startswith("intune:") and each.severity is not Severity.NOTE for each in findings)
    words = [f"{len(fleet.managed)} managed devices read, {found} {loud}."]
    if fleet.unmanaged:
        words.append(f"{len(fleet.unmanaged)} more are not managed: a person has to look at them.")
    if not fleet.managed and not fleet.unmanaged and not unread:
        words = ["No device in use is known for this account."]
    reason = " ".join([*words, *([more] if more else []), *unread])
    return Outcome(State.NOT_EVALUATED if unread else State.DONE, reason)


def protection_gap(device: ManagedDevice, protection: WindowsProtection | IRBotError | None) -> tuple[str, ...]:
    """What is not known of a device's protection, in a sentence; nothing where it was read or there is none."""
    if isinstance(protection, Gone):
        return (f"The protection of {device.name} has never reported.",)
    if isinstance(protection, IRBotError):
        return (f"The protection of {device.name} was not read. {explain(protection).what}",)
    return ()


def todo(ctx: Context, key: str, device_name: str, subject_matter: str, instructions: Sequence[str]) -> Todo:
    """A checklist for whoever helps the device's user, who cannot sign in to read it."""
    first = (
        f"For the helper of the device's user. {ctx.subject.name} is locked out, so do this together at the device, or "
        "by phone on a known number."
    )
    return Todo(key, f"{subject_matter}: {device_name}", (first, *instructions))


def kind_of(operating_system: str) -> str:
    """`windows`, `apple-mobile`, `android`, `mac`, or empty for any other."""
    name = operating_system.casefold()
    starts = {
        "windows": "windows",
        "ios": "apple-mobile",
        "ipados": "apple-mobile",
        "iphone": "apple-mobile",
        "ipad": "apple-mobile",
        "android": "android",
        "mac": "mac",
    }
    return next((kind for start, kind in starts.items() if name.startswith(start)), "")
