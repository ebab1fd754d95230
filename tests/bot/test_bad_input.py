"""Malformed activities and hostile bodies: refused with a short reason, never 500, never a traceback, nothing done."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import Patience
from bot.activities import LARGEST_BODY, parse_body, read_activity, tenant_of
from bot.rejections import Rejected
from tests.bot.channel_double import ALEX, BOT_ID, TENANT_ID
from tests.bot.conftest import Bench
from tests.counting import BadRequests


def _without(activity: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in activity.items() if key != name}


async def _post_raw(bench: Bench, body: bytes, content_type: str = "application/json") -> tuple[int, str]:
    headers = {**bench.channel.headers(), "Content-Type": content_type}
    async with bench.client.post("/api/messages", data=body, headers=headers) as answer:
        text = await answer.text()
        assert "Traceback" not in text
        return answer.status, json.loads(text)["error"]["code"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not-json"),
        (b"{", "not-json"),
        (b'{"type": "message"', "not-json"),
        (b"\xff\xfe\x00", "not-json"),
        (b"null", "not-an-object"),
        (b"[]", "not-an-object"),
        (b'"message"', "not-an-object"),
        (b'{"x": NaN}', "not-json"),
        (b'{"x": Infinity}', "not-json"),
        (b'{"x": ' + b"9" * 5000 + b"}", "not-json"),
        (b"[" * 200_000, "not-json"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "too-deep-or-wide"),
        (json.dumps({"x": list(range(6000))}).encode(), "too-deep-or-wide"),
        (b"{}", "no-conversation"),
    ],
)
async def test_a_body_that_is_no_activity(bench: Bench, bad_requests: BadRequests, body: bytes, reason: str) -> None:
    bad_requests.refused(await _post_raw(bench, body) == (400, reason), reason)
    assert bench.handler.told == 0


async def test_another_content_type(bench: Bench) -> None:
    body = json.dumps(bench.channel.activity()).encode()
    assert await _post_raw(bench, body, "text/plain") == (415, "content-type")
    assert await _post_raw(bench, body, "application/x-www-form-urlencoded") == (415, "content-type")


async def test_a_body_that_is_too_large(bench: Bench) -> None:
    body = json.dumps(bench.channel.activity(text="x" * LARGEST_BODY)).encode()
    assert await _post_raw(bench, body) == (413, "body-too-large")


async def test_a_body_that_is_too_large_and_does_not_say_so(bench: Bench) -> None:
    async def chunks() -> Any:
        for _ in range(40):
            yield b" " * 10_000

    headers = {**bench.channel.headers(), "Content-Type": "application/json"}
    async with bench.client.post("/api/messages", data=chunks(), headers=headers) as answer:
        assert answer.status == 413


async def test_a_body_without_a_good_token_is_not_even_read(bench: Bench) -> None:
    async with bench.client.post("/api/messages", data=b"x" * LARGEST_BODY * 2) as answer:
        assert answer.status == 401


async def _open(bench: Bench, length: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    port = bench.client.port
    assert port is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"POST /api/messages HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Authorization: {bench.channel.headers()['Authorization']}\r\nContent-Length: {length}\r\n\r\n"
    )
    writer.write(head.encode())
    return reader, writer


@pytest.mark.parametrize("patience", [Patience(body_seconds=0.2)])
async def test_a_body_that_never_ends(bench: Bench) -> None:
    reader, writer = await _open(bench, 1000)
    writer.write(b'{"type": "mess')
    await writer.drain()
    answer = await reader.readuntil(b"body-too-slow")
    assert b" 408 " in answer.split(b"\r\n")[0]
    assert b"Connection: close" in answer
    writer.close()
    assert bench.handler.told == 0


async def test_a_body_that_is_cut_off(bench: Bench) -> None:
    _, writer = await _open(bench, 1000)
    writer.write(b'{"type": "mess')
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await bench.post(bench.channel.activity()))[0] == 200  # the bot is as well as before
    assert bench.handler.told == 1


@pytest.mark.parametrize("name", ["conversation", "from", "recipient", "channelId", "serviceUrl", "type"])
@pytest.mark.parametrize("value", [None, 7, [], "", "x\u0000y", "\ud800", "y" * 600])
async def test_a_field_that_is_missing_or_of_another_type(
    bench: Bench, bad_requests: BadRequests, name: str, value: Any
) -> None:
    status, body = await bench.post({**bench.channel.activity(), name: value})
    bad_requests.refused(status in {400, 403}, (name, value, status))
    assert body["error"]["code"]
    assert bench.handler.told == 0


@pytest.mark.parametrize("name", ["id", "channelData"])
async def test_a_message_without_an_id_or_a_tenant(bench: Bench, name: str) -> None:
    status, _ = await bench.post(_without(bench.channel.activity(), name))
    assert status in {400, 403}
    assert bench.handler.told == 0


@pytest.mark.parametrize("part", ["from", "recipient", "conversation"])
@pytest.mark.parametrize("value", [None, 7, "", "x\ny", {"a": 1}])
async def test_an_account_or_place_without_a_usable_id(bench: Bench, part: str, value: Any) -> None:
    activity = bench.channel.activity()
    activity[part]["id"] = value
    assert (await bench.post(activity))[0] == 400
    assert bench.handler.told == 0


@pytest.mark.parametrize(
    "object_id",
    [None, "", 7, "alex@contoso.com", "29:alex", ALEX + "0", "x" + ALEX[1:], "00000000-0000-0000-0000-000000000000"],
)
async def test_nobody_acts_without_an_entra_object_id(bench: Bench, object_id: Any) -> None:
    activity = bench.channel.activity()
    activity["from"]["aadObjectId"] = object_id
    status, _ = await bench.post(activity)
    assert status in {400, 403}
    click = bench.channel.click()
    click["from"]["aadObjectId"] = object_id
    status, body = await bench.post(click)
    assert status == 200
    assert body["statusCode"] in {400, 403}
    assert bench.handler.told == 0


async def test_a_name_is_never_an_identity(bench: Bench) -> None:
    activity = bench.channel.activity()
    activity["from"] = {"id": "29:mallory", "name": "Alex Wilber", "aadObjectId": ALEX.replace("3", "4").upper()}
    await bench.post(activity)
    assert bench.handler.messages[0].actor.object_id == ALEX.replace("3", "4")


# Every way in, as an activity that would be read if it came from our tenant and from somebody.
WAYS_IN: dict[str, dict[str, Any]] = {
    "message": {},
    "arrival": {"type": "conversationUpdate", "membersAdded": [{"id": BOT_ID}]},
    "install": {"type": "installationUpdate", "action": "add"},
    "receipt": {"type": "event", "name": "application/vnd.microsoft.readReceipt", "value": {"lastReadMessageId": "1"}},
    "click": {"type": "invoke", "name": "adaptiveCard/action", "value": {"action": {"type": "Action.Execute"}}},
    "file": {"type": "invoke", "name": "fileConsent/invoke", "value": {"action": "accept", "context": {}}},
    "report": {"type": "invoke", "name": "composeExtension/fetchTask", "value": {"commandId": "report"}},
    "reported": {"type": "invoke", "name": "composeExtension/submitAction", "value": {"commandId": "report"}},
    "search": {"type": "invoke", "name": "composeExtension/query", "value": {"commandId": "incidents"}},
    "unknown": {"type": "invoke", "name": "task/fetch", "value": {}},
}


@pytest.mark.parametrize("tenant", [None, "", 7, {}, {"id": None}, {"id": "99999999-9999-4999-8999-999999999999"}, []])
@pytest.mark.parametrize("way", WAYS_IN)
async def test_another_tenant_or_none_is_refused(
    bench: Bench, bad_requests: BadRequests, tenant: Any, way: str
) -> None:
    activity = bench.channel.activity(**WAYS_IN[way])
    activity["channelData"]["tenant"] = tenant
    status, body = await bench.post(activity)
    found = (status, body.get("statusCode")) if activity["type"] == "invoke" else (200, status)
    bad_requests.refused(found == (200, 403), (way, tenant, status, body))
    assert bench.handler.told == 0
    assert bench.channel.sent == []


@pytest.mark.parametrize("way", [name for name in WAYS_IN if name not in {"arrival", "install"}])
async def test_nobody_is_refused_on_every_way_in(bench: Bench, bad_requests: BadRequests, way: str) -> None:
    activity = bench.channel.activity(**WAYS_IN[way])
    if way == "receipt":
        activity["conversation"]["conversationType"] = "personal"
    del activity["from"]["aadObjectId"]
    status, body = await bench.post(activity)
    found = (status, body.get("statusCode")) if activity["type"] == "invoke" else (200, status)
    bad_requests.refused(found == (200, 403), (way, status, body))
    assert bench.handler.told == 0
    assert bench.channel.sent == []


@pytest.mark.parametrize("part", ["conversation", "from"])
async def test_a_place_or_person_of_another_tenant_is_refused(bench: Bench, part: str) -> None:
    """A shared channel, or a chat with an outsider: the channel data alone may name our tenant."""
    activity = bench.channel.activity()
    activity[part]["tenantId"] = "99999999-9999-4999-8999-999999999999"
    status, body = await bench.post(activity)
    assert (status, body["error"]["code"]) == (403, "other-tenant")
    activity[part]["tenantId"] = TENANT_ID.upper()
    assert (await bench.post(activity))[0] == 200
    assert bench.handler.told == 1


async def test_the_conversation_cannot_vouch_for_the_tenant(bench: Bench) -> None:
    activity = bench.channel.activity(channelData={"team": {"id": "19:team@thread.tacv2"}})
    assert activity["conversation"]["tenantId"] == TENANT_ID
    assert (await bench.post(activity))[0] == 403


async def test_control_characters_do_not_reach_the_handler(bench: Bench) -> None:
    text = "<at>IRBot</at>\u200b compr\u0007omise\u2028 megan@contoso.com\u202e\ud800\u0000"
    assert (await bench.post(bench.channel.activity(text=text)))[0] == 200
    assert bench.handler.messages[0].text == "compromise megan@contoso.com"


async def test_a_huge_text_arrives_whole(bench: Bench) -> None:
    await bench.post(bench.channel.activity(text="<at>IRBot</at> compromise " + "a" * 200_000))
    assert len(bench.handler.messages[0].text) == len("compromise ") + 200_000


@pytest.mark.parametrize("kind", ["typing", "event", "messageReaction", "endOfConversation", "trace", "whatever"])
async def test_activities_that_nobody_reads_are_taken_and_forgotten(bench: Bench, kind: str) -> None:
    assert await bench.post(bench.channel.activity(type=kind)) == (200, None)
    assert bench.handler.told == 0


async def test_the_bot_does_not_listen_to_bots(bench: Bench) -> None:
    own = bench.channel.activity()
    own["from"] = {"id": BOT_ID, "name": "IRBot", "aadObjectId": ALEX}
    other = bench.channel.activity()
    other["from"]["role"] = "bot"
    for activity in (own, other):
        assert (await bench.post(activity))[0] == 200
    assert bench.handler.told == 0


async def test_what_is_said_in_a_channel_to_others_is_not_a_command(bench: Bench) -> None:
    await bench.post(bench.channel.activity(text="compromise megan@contoso.com", entities=[]))
    assert bench.handler.told == 0


async def test_in_a_personal_chat_no_mention_is_needed(bench: Bench) -> None:
    personal = {"id": "a:1", "conversationType": "personal"}
    await bench.post(bench.channel.activity(text="whoami", entities=[], conversation=personal))
    assert bench.handler.messages[0].text == "whoami"


# Properties ----------------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FIELDS = (
    "type",
    "id",
    "channelId",
    "serviceUrl",
    "from",
    "recipient",
    "conversation",
    "channelData",
    "name",
    "action",
    "replyToId",
    "locale",
    "text",
    "value",
    "entities",
    "membersAdded",
    "attachments",
    "timestamp",
    "deliveryMode",
    "textFormat",
)
KINDS = ("message", "invoke", "conversationUpdate", "installationUpdate", "event", "messageUpdate")


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=10), json_values, max_size=12))
@settings(max_examples=300, deadline=None)
def test_any_object_is_either_read_or_rejected(document: dict[str, Any]) -> None:
    refusal = None
    try:
        activity = read_activity(parse_body(json.dumps(document).encode()))
    except Rejected as rejected:
        refusal = rejected
    if refusal is None:
        assert isinstance(activity.conversation.id, str)
        tenant_of(activity)
    else:
        assert refusal.status == 400
        assert refusal.reason.replace("-", "").isalpha()


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_either_an_object_or_rejected(body: bytes) -> None:
    status = None
    try:
        assert isinstance(parse_body(body), dict)
    except Rejected as refusal:
        status = refusal.status
    assert status in {None, 400}


@st.composite
def bent_activities(draw: st.DrawFn) -> list[tuple[tuple[str, ...], Any]]:
    """Changes to a good activity: where, and what stands there instead."""
    inner = {
        "from": ("id", "name", "aadObjectId", "role"),
        "recipient": ("id", "name"),
        "conversation": ("id", "conversationType", "tenantId"),
        "channelData": ("tenant", "team", "channel", "settings"),
        "value": ("action", "trigger"),
    }
    changes = []
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(FIELDS))
        path: tuple[str, ...] = (name,)
        if name in inner and draw(st.booleans()):
            path = (name, draw(st.sampled_from(inner[name])))
        changes.append((path, draw(json_values)))
    return changes


@given(kind=st.sampled_from(KINDS), changes=bent_activities())
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_bent_activity_ends_as_500(
    bench: Bench, kind: str, changes: list[tuple[tuple[str, ...], Any]]
) -> None:
    activity = bench.channel.click() if kind == "invoke" else bench.channel.activity(type=kind, action="add")
    for path, value in changes:
        place = activity
        for step in path[:-1]:
            place = place[step] if isinstance(place.get(step), dict) else {}
        place[path[-1]] = value
    status, body = await bench.post(activity)
    assert status in {200, 400, 403}
    if status == 200 and activity["type"] == "invoke":
        assert set(body) == {"statusCode", "type", "value"}
        assert body["statusCode"] != 500


@pytest.mark.parametrize("path", ["/api/messages", "/healthz", "/readyz"])
async def test_other_methods_are_refused(bench: Bench, path: str) -> None:
    async with bench.client.delete(path) as answer:
        assert answer.status == 405
