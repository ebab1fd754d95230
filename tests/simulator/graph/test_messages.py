"""Mail: read, moved, purged and sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from simulator.clock import stamp
from simulator.exchange import exchange_of
from simulator.tenant import Json
from tests.simulator.graph.caller import GraphCaller

MEGAN = "/users/megan@contoso.com"


@pytest.fixture
def mail(graph: GraphCaller) -> list[Json]:
    """Three messages in Megan's mailbox."""
    world = graph.sim.world
    megan, now = world.tenant.user("megan"), world.clock.now()
    return [
        world.tenant.records.add_message(
            megan,
            now - timedelta(days=days),
            subject=subject,
            sender=sender,
            to=(to,),
            folder=folder,
            body=body,
        )
        for days, subject, sender, to, folder, body in (
            (1, "Invoice 17", "megan@contoso.com", "cfo@client.example", "sentitems", "Please pay."),
            (3, "Invoice 18", "megan@contoso.com", "cfo@client.example", "sentitems", "New bank account."),
            (2, "Lunch", "alex@contoso.com", "megan@contoso.com", "inbox", "At noon?"),
        )
    ]


@pytest.mark.usefixtures("mail")
async def test_sent_mail_since_a_time_newest_first(graph: GraphCaller) -> None:
    since = stamp(graph.sim.world.clock.now() - timedelta(days=2))
    path = f"{MEGAN}/mailFolders/sentitems/messages?$filter=sentDateTime ge {since}&$orderby=sentDateTime desc"
    reply = await graph.get(f"{path}&$select=id,subject,toRecipients")
    assert [row["subject"] for row in reply.value] == ["Invoice 17"]
    both = await graph.get(f"{MEGAN}/mailFolders/sentitems/messages?$orderby=sentDateTime desc")
    assert [row["subject"] for row in both.value] == ["Invoice 17", "Invoice 18"]
    mixed = await graph.get(f"{MEGAN}/messages?$filter=sentDateTime ge {since}&$orderby=subject")
    assert (mixed.status, mixed.code) == (400, "InefficientFilter")
    assert (await graph.get(f"{MEGAN}/messages?$filter=shoe eq 1")).status == 400


@pytest.mark.parametrize(
    ("search", "subjects"),
    [
        ('"subject:invoice"', {"Invoice 17", "Invoice 18"}),
        ('"bank"', {"Invoice 18"}),
        ('"from:alex AND subject:lunch"', {"Lunch"}),
        ('"to:cfo body:pay"', {"Invoice 17"}),
        ('"participants:alex"', {"Lunch"}),
        ('"nothing"', set()),
    ],
)
@pytest.mark.usefixtures("mail")
async def test_searching_a_mailbox(graph: GraphCaller, search: str, subjects: set[str]) -> None:
    reply = await graph.get(f"{MEGAN}/messages?$search={search}")
    assert {row["subject"] for row in reply.value} == subjects


@pytest.mark.usefixtures("mail")
async def test_searches_that_graph_does_not_take(graph: GraphCaller) -> None:
    assert (await graph.get(f"{MEGAN}/messages?$search=invoice")).status == 400
    assert (await graph.get(f'{MEGAN}/messages?$search="x"&$orderby=subject')).code == "SearchWithFilter"
    graph.only("Mail.ReadBasic.All")
    assert (await graph.get(f'{MEGAN}/messages?$search="x"')).code == "ErrorAccessDenied"
    rows = (await graph.get(f"{MEGAN}/messages")).value
    assert all("body" not in row and "bodyPreview" not in row for row in rows)


async def test_moving_gives_a_new_id_unless_asked_otherwise(graph: GraphCaller, mail: list[Json]) -> None:
    before = mail[2]["id"]
    moved = await graph.post(f"{MEGAN}/messages/{before}/move", {"DestinationId": "deleteditems"})
    assert moved.status == 201
    assert moved.body["parentFolderId"] == "deleteditems"
    assert moved.body["id"] != before
    kept = moved.body["id"]
    again = await graph.call(
        "POST",
        f"{MEGAN}/messages/{kept}/move",
        {"destinationId": "archive"},
        Prefer='IdType="ImmutableId"',
    )
    assert again.body["id"] == kept
    assert (await graph.post(f"{MEGAN}/messages/{kept}/move", {"destinationId": "attic"})).status == 404
    assert (await graph.get(f"{MEGAN}/messages/{before}")).code == "ErrorItemNotFound"


async def test_deleting_and_purging(graph: GraphCaller, mail: list[Json]) -> None:
    first, second = mail[0]["id"], mail[1]["id"]
    assert (await graph.delete(f"{MEGAN}/messages/{first}")).status == 204
    recoverable = await graph.get(f"{MEGAN}/mailFolders/recoverableitemsdeletions/messages")
    assert [row["id"] for row in recoverable.value] == [first]
    assert first not in {row["id"] for row in (await graph.get(f"{MEGAN}/messages")).value}
    assert (await graph.post(f"{MEGAN}/messages/{second}/permanentDelete")).status == 204
    assert (await graph.get(f"{MEGAN}/messages/{second}")).status == 404
    assert [row["id"] for row in graph.sim.world.tenant.records.purged] == [second]


@pytest.mark.usefixtures("mail")
async def test_folders_count_what_is_in_them(graph: GraphCaller) -> None:
    folders = {row["id"]: row for row in (await graph.get(f"{MEGAN}/mailFolders?$top=50")).value}
    assert (folders["sentitems"]["totalItemCount"], folders["inbox"]["unreadItemCount"]) == (2, 1)
    assert "recoverableitemsdeletions" not in folders
    assert (await graph.get(f"{MEGAN}/mailFolders/sentitems?$select=displayName")).body["displayName"] == "Sent Items"
    assert (await graph.get(f"{MEGAN}/mailFolders/attic")).status == 404


def letter(**changed: Any) -> dict[str, Any]:
    message = {
        "subject": "Please be careful",
        "body": {"contentType": "HTML", "content": "<p>Do not pay.</p>"},
        "toRecipients": [{"emailAddress": {"address": "alex@contoso.com"}}],
        "bccRecipients": [{"emailAddress": {"address": "cfo@client.example"}}],
        "internetMessageHeaders": [{"name": "x-case-id", "value": "17"}],
    }
    return {"message": message | changed, "saveToSentItems": True}


async def test_a_letter_arrives_is_kept_and_is_traced(graph: GraphCaller) -> None:
    world = graph.sim.world
    reply = await graph.post("/users/invoices@contoso.com/sendMail", letter())
    assert (reply.status, reply.body) == (202, None)
    [item] = world.inbox.of(world.tenant.user("alex").id)
    assert (item.kind, item.content["subject"]) == ("mail", "Please be careful")
    arrived = (await graph.get("/users/alex@contoso.com/messages")).value
    assert [row["subject"] for row in arrived] == ["Please be careful"]
    assert arrived[0]["bccRecipients"] == []
    sent = (await graph.get("/users/invoices@contoso.com/mailFolders/sentitems/messages")).value
    assert sent[0]["internetMessageHeaders"] == [{"name": "x-case-id", "value": "17"}]
    traced = exchange_of(world).organisation.traced
    assert {message.recipient for message in traced} == {"alex@contoso.com", "cfo@client.example"}


async def test_the_sdks_spelling_works_and_nothing_is_kept_where_not_wanted(graph: GraphCaller) -> None:
    body = {"Message": letter()["message"], "SaveToSentItems": False}
    assert (await graph.post("/users/invoices@contoso.com/sendMail", body)).status == 202
    assert (await graph.get("/users/invoices@contoso.com/mailFolders/sentitems/messages")).value == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (letter(toRecipients=[], bccRecipients=[]), "ErrorInvalidRecipients"),
        (letter(toRecipients=[{"emailAddress": {"address": "nobody"}}]), "ErrorInvalidRecipients"),
        (letter(toRecipients=["alex@contoso.com"]), "ErrorInvalidRecipients"),
        (letter(subjct="x"), "BadRequest"),
        (letter(internetMessageHeaders=[{"name": "received", "value": "x"}]), "InvalidInternetMessageHeader"),
        (
            letter(internetMessageHeaders=[{"name": f"x-{n}", "value": "x"} for n in range(6)]),
            "InvalidInternetMessageHeader",
        ),
        ({"message": "hello"}, "BadRequest"),
        ({"mail": {}}, "BadRequest"),
    ],
)
async def test_letters_that_make_no_sense_are_refused(graph: GraphCaller, body: dict[str, Any], code: str) -> None:
    reply = await graph.post("/users/invoices@contoso.com/sendMail", body)
    assert (reply.status, reply.code) == (400, code)
    assert exchange_of(graph.sim.world).organisation.traced == []


async def test_who_has_no_mailbox_sends_nothing(graph: GraphCaller) -> None:
    assert (await graph.post("/users/emergency1@contoso.com/sendMail", letter())).code == "MailboxNotEnabledForRESTAPI"
    assert (await graph.get(f"{MEGAN}/contacts")).value == []
    assert (await graph.get(f"{MEGAN}/people")).value == []


def _mail_to(*addresses: str) -> Json:
    to = [{"emailAddress": {"address": address}} for address in addresses]
    headers = [{"name": "x-mark", "value": "17"}]
    return {"message": {"subject": "Hello", "toRecipients": to, "internetMessageHeaders": headers}}


async def test_a_mailbox_sends_thirty_messages_a_minute(graph: GraphCaller) -> None:
    for _ in range(30):
        assert (await graph.post(f"{MEGAN}/sendMail", _mail_to("cfo@client.example"))).status == 202
    late = await graph.post(f"{MEGAN}/sendMail", _mail_to("cfo@client.example"))
    assert (late.status, 1 <= int(late.headers["Retry-After"]) <= 60) == (429, True)
    graph.sim.world.clock.advance(61)
    assert (await graph.post(f"{MEGAN}/sendMail", _mail_to("cfo@client.example"))).status == 202


async def test_a_mailbox_writes_to_ten_thousand_recipients_a_day(graph: GraphCaller) -> None:
    handed_over = graph.sim.world.tenant.records.handed_over[graph.sim.world.tenant.user("megan").id]
    handed_over.append((graph.sim.world.clock.now() - timedelta(hours=2), 9_999))
    assert (await graph.post(f"{MEGAN}/sendMail", _mail_to("a@x.example", "b@x.example"))).status == 429
    assert (await graph.post(f"{MEGAN}/sendMail", _mail_to("a@x.example"))).status == 202


@pytest.mark.parametrize(
    ("address", "says"),
    [("x@nowhere.invalid", "5.4.310"), ("nobody@contoso.com", "5.1.10"), ("old@client.example", "5.1.1 gone")],
)
async def test_mail_that_reaches_nobody_comes_back_as_a_report(graph: GraphCaller, address: str, says: str) -> None:
    graph.sim.world.tenant.records.undeliverable["old@client.example"] = "550 5.1.1 gone"
    await graph.post(f"{MEGAN}/sendMail", _mail_to(address, "alex@contoso.com"))
    inbox = await graph.get(f"{MEGAN}/mailFolders/inbox/messages?$select=subject,body,internetMessageHeaders")
    [report] = [row for row in inbox.value if row["subject"] == "Undeliverable: Hello"]
    assert says in report["body"]["content"]
    assert "x-mark: 17" in report["body"]["content"]
    sent = await graph.get(f"{MEGAN}/mailFolders/sentitems/messages?$select=internetMessageId,subject")
    [message_id] = [row["internetMessageId"] for row in sent.value if row["subject"] == "Hello"]
    assert {"name": "In-Reply-To", "value": message_id} in report["internetMessageHeaders"]
