"""The unified audit log's own view of what administrators and apps change through cmdlets."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import uuid4

from simulator.exchange.cmdlets.call import Call
from simulator.exchange.parameters import Edit
from simulator.exchange.state import Organisation, Record

_READING = ("Get-", "Search-")


def log_change(call: Call) -> None:
    """Logs a cmdlet that changes something, where the organisation logs at all."""
    if call.cmdlet.startswith(_READING):
        return
    parameters = [{"Name": name, "Value": _text(value)} for name, value in sorted(call.bound.values.items())]
    target = str(call.get("Identity") or call.get("Mailbox") or "")
    add_record(call.exchange.organisation, call.now, call.by, call.cmdlet, target, Parameters=parameters)


def add_record(
    organisation: Organisation,
    at: datetime,
    user: str,
    operation: str,
    target: str = "",
    *,
    record_type: str = "ExchangeAdmin",
    workload: str = "Exchange",
    ip_address: str = "",
    **more: Any,
) -> Record | None:
    """Writes an action into the unified audit log; None where its intake is off. `more` goes into AuditData."""
    if not organisation.audit_config["UnifiedAuditLogIngestionEnabled"]:
        return None
    number = str(uuid4())
    data = {
        "CreationTime": at.strftime("%Y-%m-%dT%H:%M:%S"),
        "Id": number,
        "Operation": operation,
        "ResultStatus": "True",
        "UserId": user,
        "ObjectId": target,
        "ClientIP": ip_address,
        "Workload": workload,
        **more,
    }
    record: Record = {
        "RecordType": record_type,
        "CreationDate": at,
        "UserIds": user,
        "Operations": operation,
        "AuditData": json.dumps(data, ensure_ascii=False, default=str),
        "Identity": number,
        "IsValid": True,
        "ObjectState": "Unchanged",
    }
    organisation.audit_records.append(record)
    return record


def _text(value: Any) -> str:
    if isinstance(value, Edit):
        return "; ".join([*(f"+{item}" for item in value.add), *(f"-{item}" for item in value.remove)])
    if isinstance(value, list):
        return ";".join(str(item) for item in value)
    return "" if value is None else str(value)
