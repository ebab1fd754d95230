"""The cmdlets, one file per area. Importing this package fills the table of handlers."""

from __future__ import annotations

from simulator.exchange.cmdlets import (
    client_settings,
    devices,
    folders,
    inbox_rules,
    mail_flow,
    mailboxes,
    permissions,
    protocols,
    tracing,
)
from simulator.exchange.cmdlets.call import HANDLERS

__all__ = [
    "HANDLERS",
    "client_settings",
    "devices",
    "folders",
    "inbox_rules",
    "mail_flow",
    "mailboxes",
    "permissions",
    "protocols",
    "tracing",
]
