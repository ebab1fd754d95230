"""The cmdlets, one file per area. Importing this package fills the table of handlers."""

from __future__ import annotations

from simulator.exchange.cmdlets import inbox_rules, mailboxes, protocols
from simulator.exchange.cmdlets.call import HANDLERS

__all__ = ["HANDLERS", "inbox_rules", "mailboxes", "protocols"]
