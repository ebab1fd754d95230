"""The unified audit log over Exchange: the fallback for Graph's audit queries.

One session yields at most 50,000 records, unsorted; a busier time is halved until its parts fit.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.decoding import decoded
from services.microsoft365.exchange import values
from services.microsoft365.exchange.backend import ORGANISATION, ExchangeBackend, Parameter, Record
from services.microsoft365.exchange.operations import Effect, operation

_PAGE = 5000
_SESSION_LIMIT = 50_000
_SHORTEST = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One logged action. `ip` is without its port; `data` is the whole record, as the workload wrote it."""

    record_id: str
    at: datetime | None
    record_type: str
    operation: str
    user: str
    ip: str
    workload: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AuditTrail:
    """What was found; not `complete` where the service gave up or there is more."""

    records: tuple[AuditRecord, ...]
    complete: bool


@operation("Search-UnifiedAuditLog", effect=Effect.READ)
async def search(
    exchange: ExchangeBackend,
    start: datetime,
    end: datetime,
    *,
    users: Sequence[str] = (),
    operations: Sequence[str] = (),
    ip_addresses: Sequence[str] = (),
) -> AuditTrail:
    """Everything that these users did, or that came from these addresses, between two moments."""
    filters: dict[str, Parameter] = {}
    for name, listed in (("UserIds", users), ("Operations", operations), ("IPAddresses", ip_addresses)):
        if listed:
            filters[name] = tuple(listed)
    found: dict[str, AuditRecord] = {}
    complete = True
    waiting = [(start, end)]
    while waiting:
        from_, to = waiting.pop()
        total, read_all = await _session(exchange, filters, from_, to, found)
        if total >= _SESSION_LIMIT and to - from_ > _SHORTEST:
            middle = from_ + (to - from_) / 2
            waiting += [(from_, middle), (middle, to)]
        else:
            complete = complete and read_all and total < _SESSION_LIMIT
    ordered = sorted(found.values(), key=lambda record: (record.at is not None, record.at), reverse=True)
    return AuditTrail(tuple(ordered), complete)


async def _session(
    exchange: ExchangeBackend,
    filters: Mapping[str, Parameter],
    start: datetime,
    end: datetime,
    found: dict[str, AuditRecord],
) -> tuple[int, bool]:
    """One session read to its end: how many records the service counts, and whether all were read."""
    session = str(uuid.uuid4())
    total, read = 0, 0
    while True:
        parameters: dict[str, Parameter] = {
            **filters,
            "StartDate": start.strftime("%Y-%m-%dT%H:%M:%S"),
            "EndDate": end.strftime("%Y-%m-%dT%H:%M:%S"),
            "ResultSize": _PAGE,
            "SessionId": session,
            "SessionCommand": "ReturnLargeSet",
        }
        result = await exchange.invoke("Search-UnifiedAuditLog", parameters, anchor=ORGANISATION)
        if not result.records:
            return total, read >= total
        last = result.records[-1]
        total = max(total, values.number(last, "ResultCount"))
        if values.number(last, "ResultIndex") < 0:
            return total, False  # the service ran out of time
        read += len(result.records)
        if total >= _SESSION_LIMIT and end - start > _SHORTEST:
            return total, False  # too many for one session: the caller halves the time
        for row in result.records:
            record = _record(row)
            found[record.record_id] = record
        if read >= min(total, _SESSION_LIMIT):
            return total, read >= total


def _record(row: Record) -> AuditRecord:
    try:
        data = decoded(values.text(row, "AuditData") or "{}")
    except ValueError:
        data = {}
    if not isinstance(data, dict):
        data = {}
    address = str(data.get("ClientIP") or data.get("ClientIPAddress") or data.get("ActorIpAddress") or "")
    return AuditRecord(
        record_id=str(data.get("Id") or values.text(row, "Identity")),
        at=values.moment(row, "CreationDate"),
        record_type=values.text(row, "RecordType"),
        operation=values.text(row, "Operations"),
        user=values.text(row, "UserIds"),
        ip=without_port(address),
        workload=str(data.get("Workload") or ""),
        data=data,
    )


def without_port(address: str) -> str:
    """`1.2.3.4:443` and `[2001:db8::1]:443` as the address alone."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address
