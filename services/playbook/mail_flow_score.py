"""How suspicious the organisation's mail flow is: rules, connectors, journaling and forwarding policies, with reasons.

Suspicious is what was made or changed within the time we look at, and what sends mail outside or past the filters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from services.errors import IRBotError, UpstreamDown
from services.microsoft365.exchange import mail_flow, unified_audit
from services.microsoft365.exchange.mail_flow import Connector, ForwardingPolicy, JournalRule, TransportRule
from services.plain_words import explain
from services.playbook.mailbox_reading import own_domains
from services.playbook.step import Context, Severity
from services.together import together

READS = (
    "User.Read.All",
    "Exchange: Get-TransportRule",
    "Exchange: Get-InboundConnector",
    "Exchange: Get-OutboundConnector",
    "Exchange: Get-JournalRule",
    "Exchange: Get-HostedOutboundSpamFilterPolicy",
    "Exchange: Get-RemoteDomain",
    "Exchange: Search-UnifiedAuditLog",
)
# Journal rules and policies have no date of their own.
_DATED_BY_LOG = (
    "New-JournalRule",
    "Set-JournalRule",
    "Enable-JournalRule",
    "New-HostedOutboundSpamFilterPolicy",
    "Set-HostedOutboundSpamFilterPolicy",
    "New-RemoteDomain",
    "Set-RemoteDomain",
)
_AUDIT_SECONDS = 15.0

T = TypeVar("T")


@dataclass(frozen=True)
class Judged:
    """One part of the mail flow. `data` is plain JSON: what switching it needs."""

    item: str
    what: str
    on: bool
    severity: Severity
    reasons: tuple[str, ...]
    at: datetime | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def suspicious(self) -> bool:
        """Whether to propose switching it off: alarms alone, as it is the mail of everybody."""
        return self.on and self.severity is Severity.ALARM and not self.item.startswith("policy:")


@dataclass(frozen=True)
class Changed:
    """A change of something that has no date of its own."""

    at: datetime | None
    by: str
    operation: str
    target: str


@dataclass(frozen=True)
class MailFlow:
    """All of it, judged, the worst first. `unread` says in words what could not be read."""

    parts: tuple[Judged, ...]
    unread: tuple[str, ...]


async def mail_flow_of(ctx: Context) -> MailFlow:
    """All parts, judged, as they are read once in a round; one that cannot be read is named. Raises where none can."""
    return await ctx.shared.once("mail flow", lambda: _read(ctx))


async def _read(ctx: Context) -> MailFlow:
    exchange = ctx.m365.exchange
    errors: dict[str, IRBotError] = {}

    async def part(what: str, read: Awaitable[T]) -> T | None:
        try:
            return await read
        except IRBotError as error:
            errors[what] = error
            return None

    (rules, connectors, journal), (policies, log, domains) = await together(
        together(
            part("mail flow rules", mail_flow.list_transport_rules(exchange)),
            part("connectors", mail_flow.list_connectors(exchange)),
            part("journal rules", mail_flow.list_journal_rules(exchange)),
        ),
        together(
            part("forwarding policies", mail_flow.list_forwarding_policies(exchange)),
            part("audit log", _changed(ctx)),
            own_domains(ctx),
        ),
    )
    if rules is None and connectors is None and journal is None and policies is None:
        raise next(iter(errors.values()))
    parts = [_rule(ctx, rule, domains) for rule in (rules.rules if rules else ())]
    parts += [_connector(ctx, connector) for connector in connectors or ()]
    parts += [_journal(rule, log or (), domains) for rule in journal or ()]
    parts += [judged for policy in policies or () if (judged := _policy(policy, log or ()))]
    unread = [f"{what}: {explain(error).what}" for what, error in errors.items()]
    if rules is not None and not rules.complete:
        unread.append("mail flow rules: not all of them came")
    return MailFlow(tuple(sorted(parts, key=lambda each: -each.severity.weight)), tuple(unread))


async def _changed(ctx: Context) -> tuple[Changed, ...]:
    try:
        async with asyncio.timeout(_AUDIT_SECONDS):
            trail = await unified_audit.search(ctx.m365.exchange, ctx.since, ctx.now, operations=_DATED_BY_LOG)
    except TimeoutError:
        raise UpstreamDown(service="The audit log") from None
    if not trail.complete:
        raise UpstreamDown(service="The audit log")
    return tuple(
        Changed(each.at, each.user, each.operation, str(each.data.get("ObjectId") or "").rpartition("\\")[2].lower())
        for each in trail.records
    )


def _rule(ctx: Context, rule: TransportRule, domains: frozenset[str]) -> Judged:
    fresh = _is_fresh(ctx, rule.changed)
    outside = _outside((*rule.copies_to, *rule.redirects_to), domains)
    dangerous = [
        (bool(outside), f"Sends mail outside: {', '.join(outside[:3])}"),
        (rule.bypasses_filter, "Lets mail past the spam filter"),
        (fresh and bool(rule.connector), "Sends mail through another connector"),
        (fresh and (rule.deletes or rule.quarantines), "Makes mail disappear"),
        (fresh and bool(rule.removes_header), "Removes traces from mail"),
    ]
    reasons = [reason for holds, reason in dangerous if holds]
    severity = Severity.NOTE
    if reasons:
        severity = Severity.ALARM if fresh else Severity.WARNING
    if fresh:
        itself = rule.changed_by.lower() in {ctx.subject.upn.lower(), ctx.account.display_name.lower()}
        severity = Severity.ALARM if itself or reasons else Severity.WARNING
        reasons.append(_when("Changed", rule.changed, rule.changed_by))
    return _judged(f"rule:{rule.guid}", f"Mail flow rule “{rule.name}”", rule.enabled, severity, reasons, rule.changed)


def _connector(ctx: Context, connector: Connector) -> Judged:
    made, changed = _is_fresh(ctx, connector.created), _is_fresh(ctx, connector.changed)
    way = "incoming" if connector.inbound else "outgoing"
    what = f"Connector for {way} mail “{connector.name}”"
    reasons = []
    if made:
        reasons.append(_when("Made", connector.created))
    elif changed:
        reasons.append(_when("Changed", connector.changed))
    places = (*connector.addresses, *connector.smart_hosts)
    if reasons and places:
        reasons.append(f"For {', '.join(places[:3])}")
    if reasons and not connector.requires_tls:
        reasons.append("Without encryption")
    by_wizard = connector.source == "HybridWizard"
    severity = Severity.NOTE
    if made or changed:
        severity = Severity.ALARM if made and not by_wizard else Severity.WARNING
    data = {"inbound": connector.inbound, "name": connector.name}
    return _judged(f"connector:{connector.guid}", what, connector.enabled, severity, reasons, connector.created, data)


def _journal(rule: JournalRule, log: tuple[Changed, ...], domains: frozenset[str]) -> Judged:
    """Journals go outside as a rule, because Exchange Online may not hold them: only a fresh one is suspicious."""
    changed = _newest(log, rule.name, "JournalRule")
    outside = _outside((rule.journal_address,), domains)
    reasons = [f"Copies mail to {rule.journal_address}"]
    if outside:
        reasons.append("Outside your organisation")
    if changed:
        reasons.append(_when("Changed", changed.at, changed.by))
    severity = Severity.ALARM if changed else Severity.NOTE
    what = f"Journal rule “{rule.name}”"
    data = {"name": rule.name}
    return _judged(f"journal:{rule.name}", what, rule.enabled, severity, reasons, changed.at if changed else None, data)


def _policy(policy: ForwardingPolicy, log: tuple[Changed, ...]) -> Judged | None:
    """A policy that lets mail be forwarded outside; that the usual remote domain does is no news."""
    is_domain = policy.mode == "remote-domain"
    changed = _newest(log, policy.name, "RemoteDomain" if is_domain else "OutboundSpamFilterPolicy")
    if not policy.allows or (is_domain and not changed):
        return None
    reasons = ["Lets mail be forwarded outside automatically"]
    if changed:
        reasons.append(_when("Changed", changed.at, changed.by))
    severity = Severity.ALARM if changed else Severity.NOTE
    what = f"Remote domain “{policy.name}”" if is_domain else f"Outbound policy “{policy.name}”"
    return _judged(f"policy:{policy.name}", what, True, severity, reasons, changed.at if changed else None)


def _judged(
    item: str,
    what: str,
    on: bool,
    severity: Severity,
    reasons: list[str],
    at: datetime | None,
    data: Mapping[str, Any] | None = None,
) -> Judged:
    """What is off does nothing now, so it is a note at most."""
    if not on:
        severity, what = Severity.NOTE, f"{what} (off)"
    return Judged(item, what, on, severity, tuple(reasons), at, data or {})


def _newest(log: tuple[Changed, ...], name: str, kind: str) -> Changed | None:
    spoke = [each for each in log if each.operation.endswith(kind) and each.target in {name.lower(), ""}]
    return max(spoke, key=lambda each: (each.at is not None, each.at), default=None)


def _is_fresh(ctx: Context, at: datetime | None) -> bool:
    return at is not None and at >= ctx.since


def _outside(addresses: tuple[str, ...], domains: frozenset[str]) -> tuple[str, ...]:
    return tuple(each for each in addresses if "@" in each and each.rpartition("@")[2].lower() not in domains)


def _when(what: str, at: datetime | None, by: str = "") -> str:
    moment = f" on {at:%d %b %Y %H:%M} UTC" if at else " lately"
    return f"{what}{moment}{f' by {by}' if by else ''}"


def evidence_of(found: MailFlow) -> dict[str, Any]:
    """What was read, as plain JSON."""
    parts = [asdict(each) | {"at": each.at.isoformat() if each.at else None} for each in found.parts]
    return {"mail flow": parts, "not read": list(found.unread)}
