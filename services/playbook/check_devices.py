"""Check devices: what was registered or paired since the intruder may be in, and what Intune says of the others."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, TypeVar

from services.access import Permission
from services.errors import Gone, IRBotError
from services.incidents.model import Phase
from services.microsoft365.devices import DetectedApp, Device, ManagedDevice
from services.microsoft365.exchange import mobile_devices
from services.microsoft365.exchange.mobile_devices import MobileDevice
from services.playbook.gaps import Gap, gap, state_with, words_of
from services.playbook.mailbox_reading import mailbox_of
from services.playbook.sign_in_score import Judgement, judgement_or_gaps
from services.playbook.step import Context, Finding, NoUndo, Outcome, Plan, Risk, Rule, Severity, Step
from services.together import together

_ALARM, _WARNING = 5, 3
_BEFORE_ENTRY = timedelta(minutes=30)  # the log's first sight of the intruder is not their first minute
_DEVICES_ASKED = 5
_WITHOUT_LOG = "Without the sign-in log it is not known what came after an intruder."
# Programs that let somebody else use a computer, as Intune's inventory names them.
_REMOTE_CONTROL = (
    "anydesk",
    "atera",
    "aeroadmin",
    "connectwise control",
    "dwservice",
    "fleetdeck",
    "gotoassist",
    "level agent",
    "meshagent",
    "mesh agent",
    "netsupport",
    "ngrok",
    "parsec",
    "pdq connect",
    "radmin",
    "remote utilities",
    "rustdesk",
    "screenconnect",
    "simplehelp",
    "splashtop",
    "supremo",
    "tacticalagent",
    "tactical rmm",
    "teamviewer",
    "tightvnc",
    "ultraviewer",
    "ultravnc",
    "zohoassist",
    "zoho assist",
)
_THREATS = frozenset({"compromised", "highseverity", "mediumseverity", "activated"})

T = TypeVar("T")


async def plan(ctx: Context) -> Plan:
    """Reads Entra, Exchange and Intune beside each other; what one of them does not tell is said."""
    (known, unjudged), devices, phones, managed = await together(
        judgement_or_gaps(ctx, _WITHOUT_LOG),
        _or_error(ctx.m365.devices.of_account(ctx.subject.object_id)),
        _or_error(_phones(ctx)),
        _or_error(ctx.m365.devices.managed_of(ctx.subject.object_id)),
    )
    unread = list(unjudged)
    findings: list[Finding] = []
    evidence: dict[str, Any] = {}
    if isinstance(devices, IRBotError):
        unread.append(gap("Devices in Entra were not read.", devices))
    else:
        findings += [_device(ctx, each, known) for each in devices if _is_new(ctx, each.registered_at)]
        evidence["devices in Entra"] = [_plain(asdict(each)) for each in devices]
    if isinstance(phones, IRBotError):
        unread.append(gap("Phones were not read.", phones))
    else:
        findings += [_phone(each, known) for each in phones if _is_new(ctx, each.first_sync)]
        evidence["phones in Exchange"] = [_plain(asdict(each)) for each in phones]
    if isinstance(managed, IRBotError):
        # Without Intune nothing else tells what is installed, so this check has a hole, licensed or not.
        unread.append(Gap(gap("What is installed was not read.", managed).words))
    else:
        findings += await _in_intune(ctx, managed, evidence, unread)
    loud = sum(finding.severity is not Severity.NOTE for finding in findings)
    count = sum(len(each) for each in (devices, phones) if not isinstance(each, IRBotError))
    reason = f"{count} devices and phones, {loud} suspicious. {words_of(unread)}".strip()
    return Plan(settled=Outcome(state_with(unread), reason), evidence=evidence, findings=tuple(findings))


async def _or_error(read: Awaitable[T]) -> T | IRBotError:
    try:
        return await read
    except IRBotError as error:
        return error


async def _phones(ctx: Context) -> tuple[MobileDevice, ...]:
    try:
        mailbox = await mailbox_of(ctx)
    except Gone:
        return ()
    return await mobile_devices.list_devices(ctx.m365.exchange, mailbox)


def _is_new(ctx: Context, at: datetime | None) -> bool:
    return at is not None and at >= ctx.since


def _device(ctx: Context, device: Device, judgement: Judgement | None) -> Finding:
    own = device.managed is True and device.compliant is True
    points, reasons = (0, ["Managed by your organisation"]) if own else (3, ["Your organisation does not manage it"])
    after, words = _after_entry(device.registered_at, judgement)
    if not device.enabled:
        words.append("Switched off")
    return _finding(
        f"device:{device.id}",
        points + after,
        f"{device.operating_system or 'A'} device {device.name} was registered",
        (*reasons, *words),
        device.registered_at,
        {"object_id": device.id, "device_id": device.device_id, "name": device.name, "trust": device.trust_type},
    )


def _phone(phone: MobileDevice, judgement: Judgement | None) -> Finding:
    points, reasons = (1, ["Outlook for phones"]) if phone.is_outlook else (2, ["A phone's own mail program"])
    after, words = _after_entry(phone.first_sync, judgement)
    named = phone.name or phone.model or phone.device_type
    return _finding(
        f"phone:{phone.device_id}",
        points + after,
        f"The phone or tablet {named} was connected to the mailbox",
        (*reasons, *([phone.system] if phone.system else []), *words),
        phone.first_sync,
        {"device_id": phone.device_id, "guid": phone.guid, "model": phone.model, "system": phone.system},
    )


def _after_entry(at: datetime | None, judgement: Judgement | None) -> tuple[int, list[str]]:
    """What it weighs that something came after the intruder; one point where nobody knows whether one came."""
    if judgement is None:
        return 1, ["Without the sign-in log it is not known whether it came after an intruder"]
    entered = judgement.entered_at
    if at is None or entered is None or at < entered - _BEFORE_ENTRY:
        return 0, []
    return 3, ["It came after the first suspicious sign-in"]


def _finding(
    key: str, points: int, title: str, reasons: tuple[str, ...], at: datetime | None, data: dict[str, Any]
) -> Finding:
    severity = Severity.ALARM if points >= _ALARM else Severity.WARNING if points >= _WARNING else Severity.NOTE
    return Finding(key, severity, title, reasons, at, data)


# -- Intune --------------------------------------------------------------------------------------------------------


async def _in_intune(
    ctx: Context, managed: Sequence[ManagedDevice], evidence: dict[str, Any], unread: list[Gap]
) -> list[Finding]:
    """What Intune says of each device, and what is installed on those that were seen last."""
    seen = sorted(managed, key=lambda each: each.last_synced_at.timestamp() if each.last_synced_at else 0, reverse=True)
    asked = seen[:_DEVICES_ASKED]
    if len(seen) > len(asked):
        unread.append(Gap(f"What is installed was read of {len(asked)} of {len(seen)} devices."))
    listed = await together(*(_or_error(ctx.m365.devices.detected_apps(each.id)) for each in asked))
    apps = dict(zip((each.id for each in asked), listed, strict=True))
    evidence["devices in Intune"] = [_plain(asdict(each)) for each in managed]
    evidence["installed apps"] = {
        key: [asdict(app) for app in found] for key, found in apps.items() if not isinstance(found, IRBotError)
    }
    failed = next((found for found in apps.values() if isinstance(found, IRBotError)), None)
    if failed is not None:
        unread.append(gap("Not all installed apps were read.", failed))
    found = (_state(each, apps.get(each.id, ())) for each in seen)
    return [finding for finding in found if finding is not None]


def _state(device: ManagedDevice, apps: Sequence[DetectedApp] | IRBotError) -> Finding | None:
    """A finding where something is wrong with a device; None where nothing is."""
    points, reasons = 0, []
    tools = sorted({app.name for app in apps if _is_remote_control(app)}) if not isinstance(apps, IRBotError) else []
    if tools:
        points += 3
        reasons.append(f"Lets somebody else use it: {', '.join(tools)}")
    if device.threat_state.casefold() in _THREATS:
        points += 3
        reasons.append(f"Its protection reports a threat: {device.threat_state}")
    if device.jail_broken.casefold() == "true":
        points += 3
        reasons.append("Its own protection was removed (jailbreak or root)")
    if device.compliance.casefold() in {"noncompliant", "conflict", "error"}:
        points += 1
        reasons.append("It does not keep your organisation's rules")
    if not reasons:
        return None
    data = {"managed_device_id": device.id, "device_id": device.device_id, "name": device.name, "tools": tools}
    return _finding(f"intune:{device.id}", points, f"Something is wrong with {device.name}", tuple(reasons), None, data)


def _is_remote_control(app: DetectedApp) -> bool:
    return any(name in app.name.casefold() for name in _REMOTE_CONTROL)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in values.items()}


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """The general words do."""
    return None


STEP = Step(
    id="check-devices",
    seed=(3,),
    phase=Phase.SCOPE,
    title="Check devices",
    why="A device that the intruder registered outlives a new password.",
    reads=(
        "devices of the account in Entra",
        "phones that sync the mailbox",
        "Intune's state and detected apps",
        "sign-in log",
    ),
    changes=(),
    needs=(
        "User.Read.All",
        "Device.Read.All",
        "DeviceManagementManagedDevices.Read.All",
        "AuditLog.Read.All",
        "IdentityRiskEvent.Read.All",
        "Policy.Read.All",
        "Exchange: Get-Mailbox",
        "Exchange: Get-MobileDevice",
        "Exchange: Get-MobileDeviceStatistics",
    ),
    may_run=Permission.INCIDENT_OPEN,
    risk=Risk.READ,
    approval=Rule.NONE,
    undo=NoUndo("It changes nothing."),
    plan=plan,
    apply=None,
    verify=None,
    explain=explain,
)
