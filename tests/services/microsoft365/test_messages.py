from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from services.errors import UnknownOutcome
from services.microsoft365.messages import MARK_HEADER, Messages, Remedy, SentMarks
from tests.services.microsoft365.graph_bench import BASE, EMPTY, GraphBench, error, page

SINCE = datetime(2026, 11, 24, tzinfo=UTC)
UNTIL = datetime(2026, 11, 25, tzinfo=UTC)
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


@pytest.mark.parametrize("more", [False, True])
async def test_what_was_sent_is_found_by_its_mark(wire: GraphBench, messages: Messages, more: bool) -> None:
    headers = [{"name": MARK_HEADER.upper(), "value": "k-1"}, {"name": "X-Other", "value": "k-2"}]
    entry = {"id": "m1", "internetMessageId": "<1@contoso.com>", "internetMessageHeaders": headers}
    wire.replies = [page(entry, next_link=f"{BASE}/v1.0/users/s1/messages?$skip=1" if more else None)]
    marks = await messages.sent_marks("s1", SINCE, UNTIL, limit=1)
    assert marks == SentMarks({"k-1": "<1@contoso.com>"}, complete=not more)
    assert wire.last.url.params["$filter"].endswith(" and sentDateTime le 2026-11-25T00:00:00Z")


def report(**headers: str) -> dict[str, object]:
    named = [{"name": name.replace("_", "-"), "value": value} for name, value in headers.items()]
    body = {"contentType": "text", "content": "550 5.1.1"}
    return {"id": "r1", "subject": "Undeliverable", "internetMessageHeaders": named, "body": body}


@pytest.mark.parametrize(
    ("entry", "about"),
    [
        (report(X_MS_Exchange_Message_Is_Ndr="", In_Reply_To="<1@x>"), ("<1@x>",)),
        (report(Content_Type='multipart/report; report-type="delivery-status"', References="<1@x> <2@x>"), None),
        (report(Content_Type="text/plain", In_Reply_To="<1@x>", Auto_Submitted="auto-replied"), ()),
        ({"id": "r1"}, ()),
    ],
)
async def test_a_report_is_told_from_ordinary_mail(
    wire: GraphBench, messages: Messages, entry: dict[str, object], about: tuple[str, ...] | None
) -> None:
    wire.replies = [page(entry)]
    reports = await messages.reports("s1", SINCE, 10)
    expected = ("<1@x>", "<2@x>") if about is None else about
    assert [each for one in reports for each in one.about] == list(expected)
    assert "text" in wire.last.headers["Prefer"]


async def test_delivered_mail_is_pulled_back_by_defender(wire: GraphBench, messages: Messages) -> None:
    wire.replies = [httpx.Response(202, headers={"Location": f"{BASE}/v1.0/x/1"})]
    assert await messages.remediate("IR-17", [("n-1", "a@contoso.com")], Remedy.PULL_BACK) == f"{BASE}/v1.0/x/1"
    assert wire.body()["analyzedEmails"] == [{"networkMessageId": "n-1", "recipientEmailAddress": "a@contoso.com"}]
    assert (wire.body()["action"], wire.body()["remediateSendersCopy"]) == ("softDelete", False)


async def test_what_lies_in_a_mailbox_is_asked_for_by_message_id(wire: GraphBench, messages: Messages) -> None:
    wire.replies = [page({"id": "m1", "internetMessageId": "<1@x>"})]
    assert await messages.lying_in("u1", ["<1@x>", "<o'2@x>"]) == {"<1@x>"}
    assert wire.last.url.params["$filter"] == "internetMessageId eq '<1@x>' or internetMessageId eq '<o''2@x>'"
