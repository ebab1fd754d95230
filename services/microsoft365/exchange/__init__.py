"""Exchange Online behind narrow functions: what Graph does not cover.

`backend(settings, tokens)` gives the way in; the functions live in one module per area and take it first:
mailboxes, holds, inbox_rules, sweep_rules, delegates, folders, junk, auto_replies, signatures, add_ins, protocols,
mobile_devices, mail_flow, message_traces, restricted_senders, auditing, unified_audit. Each declares the cmdlets that
it needs and its effect (`operations.ALL`); `preflight.missing` compares that with what our roles hold.
`PERMISSION` and `ROLE` are what our app must hold for any of it.
`snapshots.take` reads all of a mailbox at once; `recorded` turns what the functions return into JSON and back.
"""

from __future__ import annotations

from services.microsoft365.exchange import (
    add_ins,
    auditing,
    auto_replies,
    delegates,
    folders,
    holds,
    inbox_rules,
    junk,
    mail_flow,
    mailboxes,
    message_traces,
    mobile_devices,
    preflight,
    protocols,
    recorded,
    restricted_senders,
    signatures,
    snapshots,
    sweep_rules,
    unified_audit,
)
from services.microsoft365.exchange.answers import ROLE
from services.microsoft365.exchange.backend import ExchangeBackend
from services.microsoft365.exchange.operations import ALL, Effect, Operation
from services.microsoft365.exchange.powershell import PowerShellBackend
from services.microsoft365.exchange.rest import APP_ROLE as PERMISSION
from services.microsoft365.exchange.rest import RestBackend, TokenSource
from services.microsoft365.operations import Gate, always_open
from services.settings import Settings

__all__ = [
    "ALL",
    "PERMISSION",
    "ROLE",
    "Effect",
    "ExchangeBackend",
    "Operation",
    "add_ins",
    "auditing",
    "auto_replies",
    "backend",
    "delegates",
    "folders",
    "holds",
    "inbox_rules",
    "junk",
    "mail_flow",
    "mailboxes",
    "message_traces",
    "mobile_devices",
    "preflight",
    "protocols",
    "recorded",
    "restricted_senders",
    "signatures",
    "snapshots",
    "sweep_rules",
    "unified_audit",
]


def backend(settings: Settings, tokens: TokenSource, gate: Gate = always_open) -> ExchangeBackend:
    """The way to Exchange that the settings choose: HTTPS, or Microsoft's PowerShell module. Sends nothing yet."""
    if settings.exchange_powershell_domain:
        return PowerShellBackend(settings, settings.exchange_powershell_domain, gate=gate)
    return RestBackend(settings, tokens, gate=gate)
