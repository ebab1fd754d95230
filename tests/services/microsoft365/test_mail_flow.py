from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.microsoft365.mail_flow import MailFlow
from tests.services.microsoft365.graph_bench import BASE, GraphBench, page

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
MAIL = {
    "id": "t1",
    "senderAddress": "megan@contoso.com",
    "recipientAddress": "o'brien@client.example",
    "subject": "Invoice",
    "status": "delivered",
    "receivedDateTime": "2026-11-24T22:15:00Z",
    "messageId": "<a@b>",
}


@pytest.fixture
def mail_flow(wire: GraphBench) -> MailFlow:
    return MailFlow(wire.graph, clock=lambda: NOW)


async def test_a_long_time_is_traced_in_parts_of_ten_days(wire: GraphBench, mail_flow: MailFlow) -> None:
    wire.replies = [page(MAIL)]
    found = await mail_flow.sent_by("megan@contoso.com", NOW - timedelta(days=25), NOW, 100)
    assert len(found) == 3
    assert found.complete
    filters = [request.url.params["$filter"] for request in wire.requests]
    assert filters[0] == (
        "senderAddress eq 'megan@contoso.com' and receivedDateTime ge 2026-11-15T12:00:00Z "
        "and receivedDateTime le 2026-11-25T12:00:00Z"
    )
    assert "ge 2026-10-31T12:00:00Z and receivedDateTime le 2026-11-05T12:00:00Z" in filters[2]


async def test_what_the_service_no_longer_keeps_makes_the_list_incomplete(
    wire: GraphBench, mail_flow: MailFlow
) -> None:
    wire.replies = [page()]
    assert not (await mail_flow.received_by("megan@contoso.com", NOW - timedelta(days=200), NOW, 100)).complete
    assert len(wire.requests) == 9


async def test_no_future_is_asked_for(wire: GraphBench, mail_flow: MailFlow) -> None:
    wire.replies = [page()]
    await mail_flow.sent_by("a@b.c", NOW - timedelta(days=1), NOW + timedelta(days=1), 10)
    assert "receivedDateTime le 2026-11-25T12:00:00Z" in wire.last.url.params["$filter"]


@pytest.mark.parametrize("more", [True, False])
async def test_a_trace_cut_at_the_limit_says_so(wire: GraphBench, mail_flow: MailFlow, more: bool) -> None:
    wire.replies = [page(MAIL, MAIL, next_link=f"{BASE}/v1.0/admin/x?$skiptoken=1" if more else None)]
    found = await mail_flow.sent_by("a@b.c", NOW - timedelta(days=1), NOW, 2)
    assert found.complete is not more


async def test_the_way_of_a_message_is_read_for_one_recipient(wire: GraphBench, mail_flow: MailFlow) -> None:
    wire.replies = [page(MAIL), page({"event": "Deliver", "action": "", "dateTime": "2026-11-24T22:15:02Z"})]
    (mail,) = await mail_flow.sent_by("a@b.c", NOW - timedelta(days=1), NOW, 10)
    (event,) = await mail_flow.details(mail)
    assert event.event == "Deliver"
    assert "getDetailsByRecipient(recipientAddress='o''brien@client.example')" in wire.last.url.path
