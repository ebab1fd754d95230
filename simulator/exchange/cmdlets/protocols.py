"""Client protocols of mailboxes, of the plans for new mailboxes, and SMTP AUTH of the organisation."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.exchange import errors, opath
from simulator.exchange.cmdlets.call import Call, Rows, apply, find, handles
from simulator.exchange.service import CasView
from simulator.exchange.state import Record


def cas_row(view: CasView) -> Record:
    """Everything that Get-CASMailbox shows."""
    return {
        "Identity": view.alias,
        "Name": view.alias,
        "DisplayName": view.owner.display_name,
        "PrimarySmtpAddress": view.address,
        "ExternalDirectoryObjectId": view.owner.id,
        "Guid": view.guid,
        **view.cas,
        "HasActiveSyncDevicePartnership": view.mailbox is not None and bool(view.mailbox.devices),
        "ServerName": "db8pr04mb0123",
    }


@handles("Get-CASMailbox")
def get_cas_mailbox(call: Call) -> Rows:
    """One mailbox, or all of them."""
    if call.get("Identity"):
        return [cas_row(call.exchange.need_cas_view(call.get("Identity")))]
    return _all(call)


def _all(call: Call) -> Iterator[Record]:
    kinds = call.get("RecipientTypeDetails")
    fits = opath.compile_filter(call.get("Filter"))
    for view in call.exchange.cas_views():
        if kinds and view.kind not in kinds:
            continue
        row = cas_row(view)
        if fits(row):
            yield row


@handles("Set-CASMailbox")
def set_cas_mailbox(call: Call) -> Rows:
    """One mailbox at a time; nothing to change is a warning."""
    view = call.exchange.need_cas_view(call.get("Identity"))
    changed = apply(call, view.cas)
    if not changed:
        call.unchanged(view.alias)
    call.exchange.keep_cas(view, {name: after for name, (_, after) in changed.items()})
    for name, (before, after) in changed.items():
        call.exchange.tenant.note(view.owner, call.cmdlet, name, before, after, call.by)
    return []


@handles("Get-CASMailboxPlan")
def get_cas_mailbox_plan(call: Call) -> Rows:
    """The plans that later licences are given from."""
    plans = call.exchange.organisation.cas_plans
    if not call.get("Identity"):
        return [dict(plan) for plan in plans]
    return [dict(_plan(call))]


def _plan(call: Call) -> Record:
    identity = str(call.get("Identity"))
    plans = call.exchange.organisation.cas_plans
    plan = find(plans, identity) or next((each for each in plans if each["DisplayName"] == identity), None)
    if plan is None:
        raise errors.object_not_found(identity)
    return plan


@handles("Set-CASMailboxPlan")
def set_cas_mailbox_plan(call: Call) -> Rows:
    """Reaches only mailboxes that are licensed later."""
    plan = _plan(call)
    if not apply(call, plan):
        call.unchanged(str(plan["Identity"]))
    call.exchange.tenant.touch()
    return []


@handles("Get-TransportConfig")
def get_transport_config(call: Call) -> Rows:
    """The organisation's transport settings."""
    return [dict(call.exchange.organisation.transport_config)]


@handles("Set-TransportConfig")
def set_transport_config(call: Call) -> Rows:
    """The organisation's transport settings, SMTP AUTH among them."""
    if not apply(call, call.exchange.organisation.transport_config):
        call.unchanged("Transport Settings")
    call.exchange.tenant.touch()
    return []
