"""Update signatures: Defender on a Windows device fetches what it must know of new malware."""

from __future__ import annotations

from services.access import Permission
from services.errors import IRBotError
from services.incidents.model import Phase
from services.microsoft365.devices import UPDATE_SIGNATURES, WindowsProtection
from services.playbook.device_health import or_error, protection_gap
from services.playbook.device_requests import Request, explain
from services.playbook.step import Context, NoUndo, Outcome, Plan, Risk, Rule, State, Step
from services.together import together


async def _send(ctx: Context, managed_device_id: str) -> None:
    await ctx.m365.devices.update_signatures(managed_device_id)


_REQUEST = Request(UPDATE_SIGNATURES, before="Signatures out of date", after="Asked to fetch new ones", send=_send)


async def plan(ctx: Context) -> Plan:
    """One change for each Windows device whose signatures are overdue and that was not asked lately."""
    devices = [each for each in await ctx.m365.devices.managed_of(ctx.subject.object_id) if each.is_windows]
    states = await together(*(or_error(ctx.m365.devices.protection(device.id)) for device in devices))
    both = list(zip(devices, states, strict=True))
    overdue = [device for device, state in both if _overdue(state)]
    unread = [words for device, state in both for words in protection_gap(device, state)]
    changes = tuple(_REQUEST.change(device) for device in overdue if not _REQUEST.waits(ctx, device))
    if changes:
        return Plan(changes, unread=tuple(unread))
    if unread:
        return Plan(settled=Outcome(State.NOT_EVALUATED, " ".join(unread)))
    if overdue:
        return Plan(settled=_REQUEST.waiting_words(overdue))
    words = "The signatures of all managed Windows devices are current." if devices else "No managed Windows device."
    return Plan(settled=Outcome(State.ALREADY_SO, words))


def _overdue(state: WindowsProtection | IRBotError) -> bool:
    """Overdue, or never said: then fetching new ones does no harm."""
    return isinstance(state, WindowsProtection) and state.signatures_overdue is not False


STEP = Step(
    id="update-signatures",
    seed=(7,),
    phase=Phase.RECOVER,
    title="Update virus signatures",
    why="Protection that does not know the newest malware lets it in.",
    reads=("devices of the account in Intune", "protection state"),
    changes=("windowsDefenderUpdateSignatures",),
    needs=("DeviceManagementManagedDevices.Read.All", "DeviceManagementManagedDevices.PrivilegedOperations.All"),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.REVERSIBLE,
    approval=Rule.CONFIRM,
    undo=NoUndo("Newer signatures are never worse, and cannot be given back."),
    plan=plan,
    apply=_REQUEST.apply,
    verify=_REQUEST.verify,
    explain=explain,
)
