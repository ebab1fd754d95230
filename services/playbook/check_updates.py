"""Check updates: whether Windows, Office and the protection on the person's devices are current."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from services.access import Permission
from services.errors import IRBotError
from services.incidents.model import Phase
from services.microsoft365.devices import DetectedApp, ManagedDevice, WindowsProtection
from services.plain_words import explain
from services.playbook.current_builds import Builds, Verdict, builds_on
from services.playbook.device_health import (
    Said,
    finding,
    fleet_of,
    kind_of,
    last_report,
    or_error,
    outcome,
    protection_gap,
    todo,
    unmanaged_finding,
)
from services.playbook.step import (
    Context,
    Finding,
    NoUndo,
    Plan,
    Risk,
    Rule,
    Severity,
    Step,
    Todo,
    general_words,
)
from services.together import together

_MATTER = "Install updates"
_COMPLIANCE: Mapping[str, Said] = {
    "compliant": Said("It keeps your organisation's rules"),
    "conflict": Said("Your organisation's rules for it contradict each other", Severity.WARNING),
    "error": Said("Its state could not be compared with your organisation's rules", Severity.WARNING),
    "ingraceperiod": Said("It does not keep your organisation's rules, and still has some days to do so"),
    "noncompliant": Said("It does not keep your organisation's rules", Severity.WARNING),
}
_INSTRUCTIONS: Mapping[str, tuple[str, ...]] = {
    "windows": (
        "Settings, Windows Update: check for updates, install all, restart, and repeat until nothing is left.",
        "Any Office app, File, Account, Update Options: Update now.",
        "Windows Security, Virus & threat protection: check for protection updates.",
    ),
    "apple-mobile": ("Settings, General, Software Update: install what is there.", "Update all apps in the App Store."),
    "android": (
        "Settings, System, Software update: install what is there.",
        "Settings, Security: the security update must not be older than three months.",
    ),
    "mac": (
        "System Settings, General, Software Update: install what is there.",
        "Any Office app, Help, Check for Updates: update all.",
    ),
    "": ("Install every update of its system and its programs, then restart it.",),
}


async def plan(ctx: Context) -> Plan:
    """Compares each managed device with what is current; what nobody can look into becomes somebody's task."""
    fleet = await fleet_of(ctx)
    builds = builds_on(ctx.now.date())
    read = await together(*(_read(ctx, device) for device in fleet.managed))
    unread = list(fleet.unread)
    findings: list[Finding] = []
    todos: list[Todo] = []
    used: dict[str, None] = {}
    for device, (apps, protection) in zip(fleet.managed, read, strict=True):
        verdicts, kinds = _verdicts(builds, device, apps)
        used |= dict.fromkeys(kinds)
        unread += _gaps(device, apps, protection)
        said = [Said(each.words, each.severity) for each in verdicts]
        said += _said(ctx, device, protection)
        found = finding(device, "needs updates or a look", said)
        findings.append(found)
        if not all(each.known for each in verdicts):
            todos.append(_todo(ctx, device.id, device.name, device.operating_system))
    findings += [unmanaged_finding(device) for device in fleet.unmanaged]
    todos += [_todo(ctx, device.id, device.name, device.operating_system) for device in fleet.unmanaged]
    return Plan(
        settled=outcome(fleet, findings, unread, "need updates or a look", builds.dates(list(used))),
        evidence={"devices in Intune": [_plain(asdict(each)) for each in fleet.managed]},
        findings=tuple(findings),
        todo=tuple(todos),
    )


async def _read(
    ctx: Context, device: ManagedDevice
) -> tuple[tuple[DetectedApp, ...] | IRBotError, WindowsProtection | IRBotError | None]:
    """What is installed on a computer, and what its protection says; phones have neither."""
    kind = kind_of(device.operating_system)
    if kind not in {"windows", "mac"}:
        return (), None
    if kind == "mac":
        return await or_error(ctx.m365.devices.detected_apps(device.id)), None
    return await together(
        or_error(ctx.m365.devices.detected_apps(device.id)), or_error(ctx.m365.devices.protection(device.id))
    )


def _verdicts(
    builds: Builds, device: ManagedDevice, apps: Sequence[DetectedApp] | IRBotError
) -> tuple[list[Verdict], list[str]]:
    """How current the system and Office are, and by which lists."""
    kind = kind_of(device.operating_system)
    if kind == "windows":
        found = [] if isinstance(apps, IRBotError) else [builds.office(app.name, app.version) for app in apps]
        office = [each for each in found if each is not None]
        return [builds.windows(device.os_version), *office], ["windows", *(["office"] if office else [])]
    if kind == "apple-mobile":
        return [builds.apple_mobile(device.os_version)], ["apple_mobile"]
    if kind == "android":
        return [builds.android(device.security_patch)], []
    words = f"IRBot does not know what is current for {device.operating_system or 'its system'}"
    return [Verdict(words, Severity.WARNING, known=False)], []


def _said(ctx: Context, device: ManagedDevice, protection: WindowsProtection | IRBotError | None) -> list[Said]:
    said = [last_report(ctx, device)]
    compliance = _COMPLIANCE.get(device.compliance.casefold())
    if compliance is not None:
        said.append(compliance)
    if isinstance(protection, WindowsProtection):
        if protection.signatures_overdue is True:
            said.append(Said("What its virus protection knows is out of date", Severity.WARNING))
        if protection.reboot_required is True:
            said.append(Said("It waits for a restart", Severity.WARNING))
    return said


def _gaps(
    device: ManagedDevice,
    apps: Sequence[DetectedApp] | IRBotError,
    protection: WindowsProtection | IRBotError | None,
) -> list[str]:
    gaps = []
    if isinstance(apps, IRBotError):
        gaps.append(f"Office on {device.name} was not read. {explain(apps).what}")
    return [*gaps, *protection_gap(device, protection)]


def _todo(ctx: Context, key: str, name: str, operating_system: str) -> Todo:
    return todo(ctx, key, name, _MATTER, _INSTRUCTIONS[kind_of(operating_system)])


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Plain JSON: times as text."""
    values["actions"] = [{**each, "asked_at": str(each["asked_at"])} for each in values["actions"]]
    at = values["last_synced_at"]
    return {**values, "last_synced_at": at.isoformat() if at else None}


STEP = Step(
    id="check-updates",
    seed=(7,),
    phase=Phase.RECOVER,
    title="Check updates",
    why="A device that lacks updates is the way in for the next intruder.",
    reads=("devices of the account in Intune and Entra", "detected apps", "protection state"),
    changes=(),
    needs=("User.Read.All", "Device.Read.All", "DeviceManagementManagedDevices.Read.All"),
    may_run=Permission.INCIDENT_OPEN,
    risk=Risk.READ,
    approval=Rule.NONE,
    undo=NoUndo("It changes nothing."),
    plan=plan,
    apply=None,
    verify=None,
    explain=general_words,
)
