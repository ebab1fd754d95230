from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from services.errors import Throttled
from services.microsoft365.exchange import message_traces
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
