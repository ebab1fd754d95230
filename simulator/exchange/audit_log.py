"""The unified audit log: a record exists from the moment of the deed, and can be found when it has arrived."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from simulator.exchange.service import Exchange
from simulator.exchange.state import Record

USUAL_DELAY = timedelta(minutes=75)


def log(
    exchange: Exchange,
    at: datetime,
    operation: str,
    *,
    record_id: str,
    upn: str,
    record_type: str,
    workload: str,
    ip_address: str = "",
    object_id: str = "",
    delay: timedelta = USUAL_DELAY,
    **data: object,
) -> Record:
    """Writes a record that no search finds before `delay` has passed; `data` goes into its AuditData."""
    moment = at.strftime("%Y-%m-%dT%H:%M:%S")
    address = {"ClientIP": ip_address} if ip_address else {}
    content = {
        "CreationTime": moment,
        "Id": record_id,
        "Operation": operation,
        "OrganizationId": exchange.tenant.id,
        "ResultStatus": "True" if record_type == "ExchangeAdmin" else "Succeeded",
        "UserId": upn,
        "ObjectId": object_id,
        "Workload": workload,
    }
    record: Record = {
        "RecordType": record_type,
        "CreationDate": at,
        "UserIds": upn,
        "Operations": operation,
        "AuditData": json.dumps(content | address | data),
        "Identity": record_id,
        "IsValid": True,
        "ObjectState": "Unchanged",
    }
    exchange.organisation.audit_arrivals[record_id] = at + delay
    exchange.organisation.audit_records.append(record)
    return record


def arrived(exchange: Exchange, by: datetime) -> list[Record]:
    """The records that a search finds which runs at that moment."""
    arrivals = exchange.organisation.audit_arrivals
    return [
        record for record in exchange.organisation.audit_records if arrivals.get(str(record.get("Identity")), by) <= by
    ]
