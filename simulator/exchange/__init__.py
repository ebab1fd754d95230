"""Exchange Online's admin API: cmdlets over HTTP, with the service's own refusals.

`exchange_of(world)` is the state behind it: mailboxes, rules, permissions, devices, mail flow.
"""

from __future__ import annotations

from simulator.exchange.service import Exchange, Knobs
from simulator.exchange.wire import exchange_of, routes

__all__ = ["Exchange", "Knobs", "exchange_of", "routes"]
