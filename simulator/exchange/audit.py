"""What cmdlets change shows in the unified audit log, some time later and where the organisation logs at all."""

from __future__ import annotations

from typing import Any

from simulator.exchange.audit_log import log
from simulator.exchange.cmdlets.call import Call
from simulator.exchange.parameters import Edit
from simulator.ids import new_guid

_READING = ("Get-", "Search-")


def log_change(call: Call) -> None:
    """Logs a cmdlet that changes something."""
    exchange = call.exchange
    if call.cmdlet.startswith(_READING) or not exchange.organisation.audit_config["UnifiedAuditLogIngestionEnabled"]:
        return
    log(
        exchange,
        call.now,
        call.cmdlet,
        record_id=new_guid(),
        upn=call.by,
        record_type="ExchangeAdmin",
        workload="Exchange",
        object_id=str(call.get("Identity") or call.get("Mailbox") or ""),
        Parameters=[{"Name": name, "Value": _text(value)} for name, value in sorted(call.bound.values.items())],
    )


def _text(value: Any) -> str:
    if isinstance(value, Edit):
        return "; ".join([*(f"+{item}" for item in value.add), *(f"-{item}" for item in value.remove)])
    if isinstance(value, list):
        return ";".join(str(item) for item in value)
    return "" if value is None else str(value)
