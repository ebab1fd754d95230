from __future__ import annotations

import json
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from services.microsoft365.exchange import unified_audit
from services.microsoft365.exchange.rest import RestBackend
from simulator.exchange import Exchange


def _logged(tenant: Exchange, count: int, *, spread: timedelta) -> datetime:
    now = tenant.clock.now().replace(microsecond=0)
    for n in range(count):
        at = now - spread * (n / max(1, count))
        data = {
            "Id": str(uuid4()),
            "Operation": "New-InboxRule",
            "ClientIP": "203.0.113.9:4431",
            "Workload": "Exchange",
        }
        tenant.organisation.audit_records.append(
            {
                "RecordType": "ExchangeAdmin",
                "CreationDate": at,
                "UserIds": "megan@contoso.com",
                "Operations": "New-InboxRule",
                "AuditData": json.dumps(data),
                "Identity": data["Id"],
                "IsValid": True,
                "ObjectState": "Unchanged",
            }
        )
    return now + timedelta(seconds=1)


async def test_audit_records_are_read_to_the_end_of_the_session(exchange: RestBackend, tenant: Exchange) -> None:
    now = _logged(tenant, 11_000, spread=timedelta(days=3))
    trail = await unified_audit.search(exchange, now - timedelta(days=4), now, users=["megan@contoso.com"])
    assert trail.complete
    assert len(trail.records) == 11_000
    record = trail.records[0]
    assert (record.operation, record.ip, record.workload) == ("New-InboxRule", "203.0.113.9", "Exchange")
    assert record.at is not None


async def test_more_records_than_a_session_yields_are_found_by_halving_the_time(
    exchange: RestBackend, tenant: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("services.microsoft365.exchange.unified_audit", "simulator.exchange.cmdlets.tracing"):
        name = "_SESSION_LIMIT" if place.startswith("services") else "_SESSION_ROWS"
        monkeypatch.setattr(f"{place}.{name}", 400)
    now = _logged(tenant, 1_000, spread=timedelta(hours=8))
    trail = await unified_audit.search(exchange, now - timedelta(hours=9), now)
    assert trail.complete
    assert len(trail.records) == 1_000


async def test_a_burst_that_cannot_be_halved_is_said_to_be_incomplete(
    exchange: RestBackend, tenant: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.microsoft365.exchange.unified_audit._SESSION_LIMIT", 400)
    monkeypatch.setattr("simulator.exchange.cmdlets.tracing._SESSION_ROWS", 400)
    now = _logged(tenant, 500, spread=timedelta(seconds=2))
    trail = await unified_audit.search(exchange, now - timedelta(hours=1), now)
    assert not trail.complete
    assert trail.records


async def test_nothing_logged_is_a_complete_answer(exchange: RestBackend, tenant: Exchange) -> None:
    now = tenant.clock.now()
    trail = await unified_audit.search(exchange, now - timedelta(days=1), now, operations=["Set-Mailbox"])
    assert trail == unified_audit.AuditTrail((), complete=True)
