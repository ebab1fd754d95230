"""Message trace through Graph."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from simulator.clock import stamp
from simulator.exchange import exchange_of
from simulator.exchange.state import TracedMessage
from simulator.people import MESSAGE_TRACE_APP_ID
from tests.simulator.graph.caller import GraphCaller

ROOT = "/admin/exchange/tracing/messageTraces"


@pytest.fixture
def traced(graph: GraphCaller) -> None:
    """Five messages of Megan's, a day apart, the newest an hour old."""
    world = graph.sim.world
    for day in range(5):
        exchange_of(world).organisation.traced.append(
            TracedMessage(
                UUID(int=day + 1),
                f"<m{day}@contoso.com>",
                world.clock.now() - timedelta(days=day, hours=1),
                "megan@contoso.com",
                f"customer{day}@client.example",
                "Invoice",
            )
        )


@pytest.mark.usefixtures("traced")
async def test_messages_of_a_sender_within_the_window(graph: GraphCaller) -> None:
    now = graph.sim.world.clock.now()
    two_days = await graph.get(f"{ROOT}?$filter=senderAddress eq 'megan@contoso.com'")
    assert len(two_days.value) == 2
    since = stamp(now - timedelta(days=9))
    window = f"receivedDateTime ge {since} and receivedDateTime le {stamp(now)}"
    everything = await graph.get(f"{ROOT}?$filter=senderAddress eq 'megan@contoso.com' and {window}&$top=2")
    assert len(everything.value) == 2
    assert everything.value[0]["status"] == "delivered"
    assert everything.body["@odata.nextLink"]
    one = await graph.get(f"{ROOT}?$filter=recipientAddress eq 'customer3@client.example' and {window}")
    [row] = one.value
    detail = await graph.get(f"{ROOT}/{row['id']}/getDetailsByRecipient(recipientAddress='customer3@client.example')")
    assert [event["event"] for event in detail.value] == ["Receive", "Deliver"]
    other = await graph.get(f"{ROOT}/{row['id']}/getDetailsByRecipient(recipientAddress='nobody@client.example')")
    assert other.status == 404


async def test_windows_that_are_too_wide_or_too_old_are_refused(graph: GraphCaller) -> None:
    now = graph.sim.world.clock.now()
    for start, end, word in ((11, 0, "10 days"), (95, 90, "90 days"), (1, -2, "future")):
        window = (
            f"receivedDateTime ge {stamp(now - timedelta(days=start))} "
            f"and receivedDateTime le {stamp(now - timedelta(days=end))}"
        )
        reply = await graph.get(f"{ROOT}?$filter={window}")
        assert reply.status == 400
        assert word in reply.message


async def test_the_service_principal_must_be_there(graph: GraphCaller) -> None:
    tenant = graph.sim.world.tenant
    app = tenant.app(MESSAGE_TRACE_APP_ID)
    assert app is not None
    del tenant.service_principals[app.id]
    assert (await graph.get(ROOT)).status == 401
    made = await graph.post("/servicePrincipals", {"appId": MESSAGE_TRACE_APP_ID})
    assert (made.status, made.body["appId"]) == (201, MESSAGE_TRACE_APP_ID)
    assert (await graph.get(ROOT)).status == 200
    assert (await graph.post("/servicePrincipals", {"appId": MESSAGE_TRACE_APP_ID})).status == 409
    assert (await graph.post("/servicePrincipals", {"appId": "00000000-1111-2222-3333-444444444444"})).status == 400


async def test_a_hundred_questions_in_five_minutes(graph: GraphCaller) -> None:
    graph.sim.world.throttling = True
    statuses = [(await graph.get(ROOT)).status for _ in range(101)]
    assert statuses.count(429) == 1
