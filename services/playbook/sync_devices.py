"""Sync devices: a managed device reports to Intune, takes its rules again, and shows how it really is."""

from __future__ import annotations

from services.access import Permission
from services.incidents.model import Phase
from services.microsoft365.devices import SYNC
from services.playbook.device_requests import Request, explain
from services.playbook.step import Context, NoUndo, Outcome, Plan, Risk, Rule, State, Step


async def _send(ctx: Context, managed_device_id: str) -> None:
    await ctx.m365.devices.sync(managed_device_id)


_REQUEST = Request(SYNC, before="As it last reported", after="Asked to report now", send=_send)


async def plan(ctx: Context) -> Plan:
    """One change for each managed device that was not asked lately."""
    devices = await ctx.m365.devices.managed_of(ctx.subject.object_id)
    if not devices:
        return Plan(settled=Outcome(State.ALREADY_SO, "Intune manages no device of this account."))
    changes = tuple(_REQUEST.change(device) for device in devices if not _REQUEST.waits(ctx, device))
    return Plan(changes) if changes else Plan(settled=_REQUEST.waiting_words(devices))


STEP = Step(
    id="sync-devices",
    seed=(7, 8),
    phase=Phase.RECOVER,
    title="Ask devices to report",
    why="So that rules and updates reach the devices now, and what Intune shows is fresh.",
    reads=("devices of the account in Intune",),
    changes=("syncDevice",),
    needs=("DeviceManagementManagedDevices.Read.All", "DeviceManagementManagedDevices.PrivilegedOperations.All"),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.REVERSIBLE,
    approval=Rule.CONFIRM,
    undo=NoUndo("A device that was asked to report has nothing to take back."),
    plan=plan,
    apply=_REQUEST.apply,
    verify=_REQUEST.verify,
    explain=explain,
)
