"""Message trace and unified audit log: what does not fit into one answer is still found, or said to be missing."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from services.errors import Throttled
from services.microsoft365.exchange import message_traces, unified_audit
from services.microsoft365.exchange.rest import RestBackend
from simulator.exchange import Exchange
from simulator.exchange.state import TracedMessage
from simulator.server import Simulator
from tests.services.microsoft365.exchange.conftest import Hours


def _sent(tenant: Exchange, count: int, *, every: timedelta, sender: str = "megan@contoso.com") -> datetime:
    """Mail from one sender, `every` so often, ending now; several share a moment where `every` is zero."""
    now = tenant.clock.now()
    tenant.organisation.traced += [
        TracedMessage(uuid4(), f"<{n}@contoso.com>", now - every * n, sender, f"to{n:05}@fabrikam.com", "Invoice")
        for n in range(count)
    ]
    return now


async def test_a_trace_longer_than_ten_days_is_asked_in_parts(exchange: RestBackend, tenant: Exchange) -> None:
    now = _sent(tenant, 24, every=timedelta(days=1))
    trace = await message_traces.trace(exchange, now - timedelta(days=25), now, sender="megan@contoso.com")
    assert trace.complete
    assert len(trace.messages) == 24
    assert trace.messages[0].received is not None
    assert trace.messages[-1].received is not None
    assert trace.messages[0].received > trace.messages[-1].received


@pytest.mark.parametrize("every", [timedelta(seconds=5), timedelta()])
async def test_what_the_service_cuts_off_is_fetched_without_doubles(
    exchange: RestBackend, tenant: Exchange, sim: Simulator, every: timedelta
) -> None:
    now = _sent(tenant, 12_345, every=every)
    _sent(tenant, 5, every=every, sender="adele@contoso.com")
    trace = await message_traces.trace(
        exchange, now - timedelta(days=2), now + timedelta(minutes=1), sender="megan@contoso.com"
    )
    assert trace.complete
    assert len({message.recipient for message in trace.messages}) == len(trace.messages) == 12_345
    assert len(sim.world.journal.entries(service="cmdlet")) == 3


async def test_a_trace_that_stops_early_says_so(exchange: RestBackend, tenant: Exchange) -> None:
    now = _sent(tenant, 6000, every=timedelta(seconds=1))
    trace = await message_traces.trace(exchange, now - timedelta(days=1), now, max_messages=5000)
    assert not trace.complete


async def test_mail_to_somebody_and_what_happened_to_it(exchange: RestBackend, tenant: Exchange) -> None:
    now = _sent(tenant, 3, every=timedelta(minutes=1))
    trace = await message_traces.trace(exchange, now - timedelta(hours=1), now, recipient="to00001@fabrikam.com")
    (message,) = trace.messages
    assert (message.sender, message.subject, message.status) == ("megan@contoso.com", "Invoice", "Delivered")
    events = await message_traces.details(exchange, message)
    assert [event.event for event in events] == ["Receive", "Deliver"]


async def test_the_trace_s_own_limit_is_waited_out_and_then_handed_on(
    exchange: RestBackend, tenant: Exchange, hours: Hours
) -> None:
    tenant.knobs.trace_calls = 0
    with pytest.raises(Throttled) as throttled:
        await message_traces.trace(exchange, tenant.clock.now() - timedelta(hours=1), tenant.clock.now())
    assert throttled.value.retry_after == 60.0
    assert sum(hours.slept) >= 180


# -- unified audit log -------------------------------------------------------------------------------------------------


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
