"""Mail flow of the organisation: transport rules, connectors, journaling, where auto-forwarding may go.

Rules and connectors are switched off and kept as evidence, never removed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from services.microsoft365.exchange import values
from services.microsoft365.exchange.answers import changed_nothing
from services.microsoft365.exchange.backend import ORGANISATION, ExchangeBackend, Parameter, Record
from services.microsoft365.exchange.operations import Effect, operation


@dataclass(frozen=True, slots=True)
class TransportRule:
    """A mail-flow rule. `bypasses_filter`: mail that it meets is not looked at for spam (spam level -1)."""

    guid: str
    name: str
    enabled: bool
    mode: str
    priority: int
    changed: datetime | None
    changed_by: str
    created_by: str
    comments: str
    description: str
    copies_to: tuple[str, ...]
    redirects_to: tuple[str, ...]
    deletes: bool
    quarantines: bool
    bypasses_filter: bool
    connector: str
    removes_header: str
    conditions: int


@dataclass(frozen=True, slots=True)
class Connector:
    """An inbound or outbound connector."""

    guid: str
    name: str
    inbound: bool
    enabled: bool
    kind: str
    source: str
    comment: str
    addresses: tuple[str, ...]
    domains: tuple[str, ...]
    smart_hosts: tuple[str, ...]
    requires_tls: bool
    created: datetime | None
    changed: datetime | None


@dataclass(frozen=True, slots=True)
class JournalRule:
    """A rule that sends a copy of mail to a journal."""

    name: str
    enabled: bool
    journal_address: str
    recipient: str
    scope: str


@dataclass(frozen=True, slots=True)
class ForwardingPolicy:
    """Whether automatic forwarding may leave the organisation, by policy or by remote domain."""

    name: str
    allows: bool
    mode: str


@dataclass(frozen=True, slots=True)
class TransportRules:
    """All rules; not `complete` where some may be missing."""

    rules: tuple[TransportRule, ...]
    complete: bool


@operation("Get-TransportRule", effect=Effect.READ)
async def list_transport_rules(exchange: ExchangeBackend) -> TransportRules:
    """Every mail-flow rule, switched off ones included."""
    result = await exchange.invoke("Get-TransportRule", {"ResultSize": "Unlimited"}, anchor=ORGANISATION)
    return TransportRules(tuple(_transport_rule(row) for row in result.records), result.complete)


@operation("Disable-TransportRule", effect=Effect.REPEATABLE)
async def disable_transport_rule(exchange: ExchangeBackend, guid: str) -> None:
    """Switches a rule off."""
    await exchange.invoke("Disable-TransportRule", {"Identity": guid}, anchor=ORGANISATION)


@operation("Enable-TransportRule", effect=Effect.REPEATABLE)
async def enable_transport_rule(exchange: ExchangeBackend, guid: str) -> None:
    """Switches a rule on again."""
    await exchange.invoke("Enable-TransportRule", {"Identity": guid}, anchor=ORGANISATION)


@operation("Get-InboundConnector", "Get-OutboundConnector", effect=Effect.READ)
async def list_connectors(exchange: ExchangeBackend) -> tuple[Connector, ...]:
    """Every connector. Outbound ones come in three classes that must be asked for one by one."""
    asked: tuple[tuple[str, dict[str, Parameter]], ...] = (
        ("Get-InboundConnector", {"ResultSize": "Unlimited"}),
        ("Get-OutboundConnector", {"ResultSize": "Unlimited"}),
        ("Get-OutboundConnector", {"ResultSize": "Unlimited", "IsTransportRuleScoped": True}),
        ("Get-OutboundConnector", {"ResultSize": "Unlimited", "IncludeTestModeConnectors": True}),
    )
    results = await asyncio.gather(
        *(exchange.invoke(cmdlet, parameters, anchor=ORGANISATION) for cmdlet, parameters in asked)
    )
    found: dict[str, Connector] = {}
    for (cmdlet, _), result in zip(asked, results, strict=True):
        for row in result.whole(cmdlet):
            connector = _connector(row, inbound=cmdlet == "Get-InboundConnector")
            found.setdefault(connector.guid, connector)
    return tuple(found.values())


@operation("Set-InboundConnector", "Set-OutboundConnector", effect=Effect.REPEATABLE)
async def switch_connector(exchange: ExchangeBackend, connector: Connector, *, on: bool) -> bool:
    """Switches a connector on or off; False where it was so already."""
    cmdlet = "Set-InboundConnector" if connector.inbound else "Set-OutboundConnector"
    parameters: dict[str, Parameter] = {"Identity": connector.guid, "Enabled": on}
    result = await exchange.invoke(cmdlet, parameters, anchor=ORGANISATION)
    return not changed_nothing(result.warnings)


@operation("Get-JournalRule", effect=Effect.READ)
async def list_journal_rules(exchange: ExchangeBackend) -> tuple[JournalRule, ...]:
    """Every journal rule."""
    result = await exchange.invoke("Get-JournalRule", {}, anchor=ORGANISATION)
    return tuple(
        JournalRule(
            values.text(row, "Name"),
            values.flag(row, "Enabled"),
            values.text(row, "JournalEmailAddress"),
            values.optional_text(row, "Recipient"),
            values.optional_text(row, "Scope"),
        )
        for row in result.whole("Get-JournalRule")
    )


@operation("Disable-JournalRule", effect=Effect.REPEATABLE)
async def disable_journal_rule(exchange: ExchangeBackend, name: str) -> None:
    """Switches a journal rule off."""
    await exchange.invoke("Disable-JournalRule", {"Identity": name}, anchor=ORGANISATION)


@operation("Enable-JournalRule", effect=Effect.REPEATABLE)
async def enable_journal_rule(exchange: ExchangeBackend, name: str) -> None:
    """Switches a journal rule on again."""
    await exchange.invoke("Enable-JournalRule", {"Identity": name}, anchor=ORGANISATION)


@operation("Get-HostedOutboundSpamFilterPolicy", "Get-RemoteDomain", effect=Effect.READ)
async def list_forwarding_policies(exchange: ExchangeBackend) -> tuple[ForwardingPolicy, ...]:
    """What the organisation says about automatic forwarding: outbound policies and remote domains."""
    policies, domains = await asyncio.gather(
        exchange.invoke("Get-HostedOutboundSpamFilterPolicy", {}, anchor=ORGANISATION),
        exchange.invoke("Get-RemoteDomain", {"ResultSize": "Unlimited"}, anchor=ORGANISATION),
    )
    found = [
        ForwardingPolicy(values.text(row, "Name"), mode == "On", mode)
        for row in policies.whole("Get-HostedOutboundSpamFilterPolicy")
        if (mode := values.text(row, "AutoForwardingMode"))
    ]
    found += [
        ForwardingPolicy(values.text(row, "DomainName"), values.flag(row, "AutoForwardEnabled"), "remote-domain")
        for row in domains.whole("Get-RemoteDomain")
    ]
    return tuple(found)


def _transport_rule(row: Record) -> TransportRule:
    return TransportRule(
        guid=values.text(row, "Guid"),
        name=values.text(row, "Name"),
        enabled=values.text(row, "State") == "Enabled",
        mode=values.optional_text(row, "Mode"),
        priority=values.number(row, "Priority"),
        changed=values.moment(row, "WhenChanged"),
        changed_by=values.optional_text(row, "LastModifiedBy"),
        created_by=values.optional_text(row, "CreatedBy"),
        comments=values.optional_text(row, "Comments"),
        description=values.optional_text(row, "Description"),
        copies_to=tuple(
            address
            for name in ("BlindCopyTo", "CopyTo", "AddToRecipients")
            for address in values.optional_texts(row, name)
        ),
        redirects_to=values.optional_texts(row, "RedirectMessageTo"),
        deletes=bool(values.optional_flag(row, "DeleteMessage")),
        quarantines=bool(values.optional_flag(row, "Quarantine")),
        bypasses_filter=values.optional_text(row, "SetSCL") == "-1",
        connector=values.optional_text(row, "RouteMessageOutboundConnector"),
        removes_header=values.optional_text(row, "RemoveHeader"),
        conditions=len(values.optional_texts(row, "Conditions")),
    )


def _connector(row: Record, *, inbound: bool) -> Connector:
    tls = values.optional_flag(row, "RequireTls") if inbound else bool(values.optional_text(row, "TlsSettings"))
    return Connector(
        guid=values.text(row, "Guid"),
        name=values.text(row, "Name"),
        inbound=inbound,
        enabled=values.flag(row, "Enabled"),
        kind=values.optional_text(row, "ConnectorType"),
        source=values.optional_text(row, "ConnectorSource"),
        comment=values.optional_text(row, "Comment"),
        addresses=values.optional_texts(row, "SenderIPAddresses"),
        domains=values.optional_texts(row, "SenderDomains" if inbound else "RecipientDomains"),
        smart_hosts=values.optional_texts(row, "SmartHosts"),
        requires_tls=bool(tls),
        created=values.moment(row, "WhenCreatedUTC"),
        changed=values.moment(row, "WhenChangedUTC"),
    )
