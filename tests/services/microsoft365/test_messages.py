from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from services.errors import UnknownOutcome
from services.microsoft365.messages import MARK_HEADER, Messages
from tests.services.microsoft365.graph_bench import BASE, EMPTY, GraphBench, error, page

SINCE = datetime(2026, 11, 24, tzinfo=UTC)
ACCEPTED = httpx.Response(202)


def recipient(address: str) -> dict[str, object]:
    return {"emailAddress": {"name": "x", "address": address}}


MESSAGE = {
    "id": "m1",
    "subject": "Invoice",
    "from": recipient("megan@contoso.com"),
    "toRecipients": [recipient("a@x.example")],
    "ccRecipients": [recipient("b@x.example")],
    "bccRecipients": [recipient("c@x.example")],
    "sentDateTime": "2026-11-24T22:15:00Z",
    "internetMessageId": "<1@contoso.com>",
    "hasAttachments": True,
}


@pytest.fixture
def messages(wire: GraphBench) -> Messages:
    return Messages(wire.graph)


async def test_a_folder_is_read_newest_first_with_ids_that_stay(wire: GraphBench, messages: Messages) -> None:
    wire.replies = [page(MESSAGE)]
    (message,) = await messages.in_folder("u1", "sentitems", SINCE, 10)
    assert message.sender == "megan@contoso.com"
    assert message.recipients == ("a@x.example", "b@x.example", "c@x.example")
    assert wire.last.headers["Prefer"] == 'IdType="ImmutableId"'
    assert wire.last.url.params["$orderby"] == "sentDateTime desc"
    assert wire.last.url.params["$filter"].startswith("sentDateTime ge ")


async def test_a_search_for_any_phrase_joins_them_with_or(wire: GraphBench, messages: Messages) -> None:
    wire.replies = [page()]
    await messages.search_any("u1", ["bank details", 'pass"port'], 10)
    assert wire.last.url.params["$search"] == '"\\"bank details\\" OR \\"pass port\\""'


async def test_words_cannot_leave_a_search(wire: GraphBench, messages: Messages) -> None:
    wire.replies = [page()]
    await messages.search("u1", ['pass"word', "bank\\"], 10)
    assert wire.last.url.params["$search"] == '"\\"pass word\\" \\"bank \\""'


async def test_a_message_is_moved_or_purged(wire: GraphBench, messages: Messages) -> None:
    wire.replies = [httpx.Response(201, json={"id": "m2"}), EMPTY]
    await messages.move("u1", "m1", "deleteditems")
    assert wire.body() == {"DestinationId": "deleteditems"}
    await messages.purge("u1", "m1")
    assert wire.paths[-1] == "POST /v1.0/users/u1/messages/m1/permanentDelete"


async def test_a_mail_is_sent_with_a_mark_and_never_twice(wire: GraphBench, messages: Messages) -> None:
    wire.replies = [ACCEPTED, error(503, "serviceNotAvailable")]
    await messages.send("s1", ["a@x.example"], "Warning", "<p>Beware</p>", mark="k-1")
    assert wire.body()["Message"]["internetMessageHeaders"] == [{"name": MARK_HEADER, "value": "k-1"}]
    with pytest.raises(UnknownOutcome):
        await messages.send("s1", ["a@x.example"], "Warning", "<p>Beware</p>", mark="k-2")
    assert len(wire.requests) == 2


@pytest.mark.parametrize(("mark", "more", "sent"), [("k-1", False, True), ("k-9", False, False), ("k-9", True, None)])
async def test_whether_a_mail_was_sent_is_known_or_said_to_be_unknown(
    wire: GraphBench, messages: Messages, mark: str, more: bool, sent: bool | None
) -> None:
    entry = {"id": "m1", "internetMessageHeaders": [{"name": MARK_HEADER.upper(), "value": "k-1"}]}
    link = f"{BASE}/v1.0/users/s1/messages?$skip=1" if more else None
    wire.replies = [page(entry, next_link=link)]
    assert await messages.was_sent("s1", mark, SINCE, limit=1) is sent


async def test_delivered_mail_is_pulled_back_by_defender(wire: GraphBench, messages: Messages) -> None:
    wire.replies = [httpx.Response(202, headers={"Location": f"{BASE}/v1.0/x/1"})]
    assert await messages.remediate("IR-17", [("n-1", "a@contoso.com")]) == f"{BASE}/v1.0/x/1"
    assert wire.body()["analyzedEmails"] == [{"networkMessageId": "n-1", "recipientEmailAddress": "a@contoso.com"}]
