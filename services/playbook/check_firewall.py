"""Check the firewall: whether it and the virus protection are on, on each of the person's devices."""

from __future__ import annotations

from collections.abc import Mapping

from services.access import Permission
from services.errors import IRBotError
from services.incidents.model import Phase
from services.microsoft365.devices import ManagedDevice, WindowsProtection
from services.plain_words import explain
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

_MATTER = "Check firewall and protection"
_ON, _OFF = frozenset({"compliant", "remediated"}), frozenset({"noncompliant", "error", "conflict"})
_INSTRUCTIONS: Mapping[str, tuple[str, ...]] = {
    "windows": (
        "Windows Security, Firewall & network protection: the firewall must be on for all three kinds of network.",
        "There, Allow an app through firewall: remove what nobody can explain.",
        "Windows Security, Virus & threat protection: real-time and tamper protection must be on. Run a full scan.",
    ),
    "mac": (
        "System Settings, Network, Firewall: it must be on.",
        "Its options: remove incoming connections that nobody can explain.",
    ),
    "": (
        "Remove every app and every profile that nobody can explain.",
        "It must ask for a PIN and must not be unlocked in its system (jailbreak or root).",
    ),
}


async def plan(ctx: Context) -> Plan:
    """Reads what Intune knows; where no rule of the organisation asks for a firewall, nobody knows from here."""
    fleet = await fleet_of(ctx)
    read = await together(*(_read(ctx, device) for device in fleet.managed))
    unread = list(fleet.unread)
    findings: list[Finding] = []
    todos: list[Todo] = []
    for device, (firewall, protection) in zip(fleet.managed, read, strict=True):
        said, gaps = _firewall(device, firewall)
        more, further = _protection(device, protection)
        unread += (*gaps, *further)
        found = finding(device, "not well protected", [*said, *more, last_report(ctx, device)])
        findings.append(found)
        if gaps or further:
            todos.append(_todo(ctx, device.id, device.name, device.operating_system))
    findings += [unmanaged_finding(device) for device in fleet.unmanaged]
    todos += [_todo(ctx, device.id, device.name, device.operating_system) for device in fleet.unmanaged]
    return Plan(
        settled=outcome(fleet, findings, unread, "not well protected"), findings=tuple(findings), todo=tuple(todos)
    )


async def _read(
    ctx: Context, device: ManagedDevice
) -> tuple[str | IRBotError | None, WindowsProtection | IRBotError | None]:
    kind = kind_of(device.operating_system)
    if kind not in {"windows", "mac"}:
        return None, None
    firewall = or_error(ctx.m365.devices.firewall_required(device.id))
    if kind == "mac":
        return await firewall, None
    return await together(firewall, or_error(ctx.m365.devices.protection(device.id)))


def _firewall(device: ManagedDevice, state: str | IRBotError | None) -> tuple[list[Said], list[str]]:
    """What the rule about the firewall says of a computer, and what it does not; phones have none."""
    if kind_of(device.operating_system) not in {"windows", "mac"}:
        return [Said("A phone or tablet has no firewall of its own")], []
    if isinstance(state, IRBotError):
        return [], [f"The firewall of {device.name} was not read. {explain(state).what}"]
    if state is not None and state.casefold() in _ON:
        return [Said("Its firewall is on, as your organisation's rule asks")], []
    if state is not None and state.casefold() in _OFF:
        return [Said("Its firewall is not on, though your organisation's rule asks for it", Severity.WARNING)], []
    words = "No rule of your organisation in Intune asks it for a firewall, so nobody knows from here"
    return [Said(words, Severity.WARNING)], [f"Whether the firewall of {device.name} is on is not known."]


def _protection(
    device: ManagedDevice, protection: WindowsProtection | IRBotError | None
) -> tuple[list[Said], list[str]]:
    if protection is None:
        return [], []
    if isinstance(protection, IRBotError):
        return [], list(protection_gap(device, protection))
    parts = (
        ("virus protection", protection.malware_protection),
        ("real-time protection", protection.real_time_protection),
        ("tamper protection", protection.tamper_protection),
    )
    off = [Said(f"Its {name} is off", Severity.WARNING) for name, on in parts if on is False]
    silent = [f"Whether the {name} of {device.name} is on is not known." for name, on in parts if on is None]
    return off if off or silent else [Said("Its virus, real-time and tamper protection are on")], silent


def _todo(ctx: Context, key: str, name: str, operating_system: str) -> Todo:
    kind = kind_of(operating_system)
    return todo(ctx, key, name, _MATTER, _INSTRUCTIONS.get(kind, _INSTRUCTIONS[""]))


STEP = Step(
    id="check-firewall",
    seed=(8,),
    phase=Phase.RECOVER,
    title="Check firewall",
    why="A device without firewall or protection must not carry the account again.",
    reads=("devices of the account in Intune and Entra", "compliance states", "protection state"),
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
