"""Disable mail flow: fresh dangerous rules and connectors are switched off and kept as evidence, never removed."""

from __future__ import annotations

from services.access import Permission
from services.errors import Gone
from services.incidents.model import Phase
from services.microsoft365.exchange import mail_flow
from services.microsoft365.exchange.backend import list_not_whole
from services.microsoft365.exchange.mail_flow import Connector
from services.playbook.mail_flow_score import READS, mail_flow_of
from services.playbook.step import Change, Context, Outcome, Plan, Risk, Rule, State, Step, Undo, general_words

_ON, _OFF = "On, for the whole organisation", "Off"


async def plan(ctx: Context) -> Plan:
    """One change for each part that is an alarm; with none, and a part unread, it is "not evaluated"."""
    found = await mail_flow_of(ctx)
    changes = tuple(
        Change(each.item, f"{each.what} ({'; '.join(each.reasons)})", _ON, _OFF, data=each.data)
        for each in found.parts
        if each.suspicious
    )
    if changes:
        unread = tuple(f"Not read: {each}" for each in found.unread)
        return Plan(changes=changes, unread=unread)
    if found.unread:
        return Plan(settled=Outcome(State.NOT_EVALUATED, f"Not read: {'; '.join(found.unread)}"))
    return Plan(settled=Outcome(State.ALREADY_SO, "No mail flow rule or connector is an alarm."))


async def apply(ctx: Context, change: Change) -> None:
    """Switches one off; one that is gone is done."""
    try:
        await _switch(ctx, change, on=False)
    except Gone:
        return


async def verify(ctx: Context, change: Change) -> bool:
    """Whether it is off or gone."""
    return await _is_on(ctx, change) is not True


async def put_back(ctx: Context, change: Change) -> None:
    """Switches one on again."""
    await _switch(ctx, change, on=True)


async def verify_put_back(ctx: Context, change: Change) -> bool:
    """Whether it is on."""
    return await _is_on(ctx, change) is True


async def _switch(ctx: Context, change: Change, *, on: bool) -> None:
    kind, _, key = change.item.partition(":")
    exchange = ctx.m365.exchange
    if kind == "connector":
        await mail_flow.switch_connector(exchange, await _connector(ctx, key), on=on)
    elif kind == "journal":
        await (mail_flow.enable_journal_rule if on else mail_flow.disable_journal_rule)(exchange, key)
    else:
        await (mail_flow.enable_transport_rule if on else mail_flow.disable_transport_rule)(exchange, key)


async def _connector(ctx: Context, guid: str) -> Connector:
    for connector in await mail_flow.list_connectors(ctx.m365.exchange):
        if connector.guid == guid:
            return connector
    raise Gone(service="exchange", what="object", sought=guid)


async def _is_on(ctx: Context, change: Change) -> bool | None:
    """None where it is gone."""
    kind, _, key = change.item.partition(":")
    exchange = ctx.m365.exchange
    if kind == "connector":
        states = {each.guid: each.enabled for each in await mail_flow.list_connectors(exchange)}
    elif kind == "journal":
        states = {each.name: each.enabled for each in await mail_flow.list_journal_rules(exchange)}
    else:
        listed = await mail_flow.list_transport_rules(exchange)
        states = {each.guid: each.enabled for each in listed.rules}
        if key not in states and not listed.complete:
            raise list_not_whole("Get-TransportRule")
    return states.get(key)


STEP = Step(
    id="disable-mail-flow",
    seed=(),
    phase=Phase.EVICT,
    title="Switch off dangerous mail flow",
    why="So that nobody's mail is copied, hidden or let in by the intruder's rules.",
    reads=("mail flow rules", "connectors", "journal rules", "outbound policies", "remote domains", "audit log"),
    changes=("mail flow rules", "connectors", "journal rules"),
    needs=(
        *READS,
        "Exchange: Disable-TransportRule",
        "Exchange: Enable-TransportRule",
        "Exchange: Set-InboundConnector",
        "Exchange: Set-OutboundConnector",
        "Exchange: Disable-JournalRule",
        "Exchange: Enable-JournalRule",
    ),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.DISRUPTIVE,
    approval=Rule.SECOND_PERSON,
    undo=Undo(
        note="Can be undone: rules and connectors are kept, and switched on again.",
        what="Mail flow",
        apply=put_back,
        verify=verify_put_back,
    ),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=general_words,
)
