"""The messenger against a connector that behaves like Teams at its worst."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.connector import LARGEST_UTF16_BYTES, Connectors
from bot.credentials import ConnectorCredentials
from bot.messenger import Messenger
from bot.pace import Pace
from bot.service_urls import ServiceUrls
from services.channel import Actor, Channel, Conversation, ConversationKind
from services.errors import (
    AuthBroken,
    BadInput,
    Bug,
    IRBotError,
    NotAllowed,
    NotFound,
    Throttled,
    UnknownOutcome,
    UpstreamDown,
)
from tests.bot.channel_double import (
    ALEX,
    APP_ID,
    CHANNEL_CONVERSATION,
    TENANT_ID,
    ChannelDouble,
    Sent,
    TokensDouble,
    answering,
)

CARD: dict[str, Any] = {
    "type": "AdaptiveCard",
    "version": "1.5",
    "body": [{"type": "TextBlock", "text": "Ünïcode 🙂 {x}", "wrap": True, "maxLines": 0, "isVisible": False}],
    "actions": [],
    "fallbackText": None,
    "height": 1.5,
}


@dataclass
class Sleeper:
    """Time that passes only when somebody sleeps."""

    now: float = 100.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def sleeper() -> Sleeper:
    return Sleeper()


@pytest.fixture
def tokens() -> TokensDouble:
    return TokensDouble()


@pytest.fixture
async def messenger(channel: ChannelDouble, sleeper: Sleeper, tokens: TokensDouble) -> AsyncIterator[Messenger]:
    ours = channel.settings(call_timeout_seconds=0.5)
    connectors = Connectors(
        ours,
        ConnectorCredentials(ours, tokens, ServiceUrls(ours.service_urls)),
        pace=Pace(clock=sleeper.clock, sleep=sleeper.sleep),
        sleep=sleeper.sleep,
        clock=sleeper.clock,
    )
    made = Messenger(ours, tokens, connectors=connectors)
    yield made
    await made.close()


def _thread(channel: ChannelDouble, **more: Any) -> Conversation:
    values = {
        "id": CHANNEL_CONVERSATION,
        "kind": ConversationKind.CHANNEL,
        "service_url": channel.service_url,
        "tenant_id": TENANT_ID,
    }
    return Conversation(**{**values, **more})


def test_it_is_a_channel(messenger: Messenger) -> None:
    channel: Channel = messenger  # the type checker compares the signatures
    assert channel is messenger


# What goes over the wire ---------------------------------------------------------------------------------------------


async def test_a_card_is_posted_alone_and_unchanged(messenger: Messenger, channel: ChannelDouble) -> None:
    activity_id = await messenger.post_card(_thread(channel), CARD, "IR-0007: waiting")
    assert activity_id == "post-1"
    [sent] = channel.sent
    assert sent.method == "POST"
    assert unquote(sent.path) == f"/connector/v3/conversations/{CHANNEL_CONVERSATION}/activities"
    assert sent.headers["Authorization"] == "Bearer token-0"
    assert sent.body["attachments"] == [{"contentType": "application/vnd.microsoft.card.adaptive", "content": CARD}]
    assert sent.body["summary"] == "IR-0007: waiting"
    assert sent.body["type"] == "message"
    assert not sent.body.get("text")


async def test_a_card_is_edited_in_place(messenger: Messenger, channel: ChannelDouble) -> None:
    await messenger.edit_card(_thread(channel), "1700/5?x#y", CARD, "s")
    [sent] = channel.sent
    assert sent.method == "PUT"
    assert sent.path.endswith("/activities/1700%2F5%3Fx%23y")
    assert sent.body["attachments"][0]["content"] == CARD


async def test_text_is_plain(messenger: Messenger, channel: ChannelDouble) -> None:
    assert await messenger.post_text(_thread(channel), "Hi <b>you</b> 🙂") == "post-1"
    assert channel.sent[0].body["text"] == "Hi <b>you</b> 🙂"
    assert channel.sent[0].body["textFormat"] == "plain"
    with pytest.raises(BadInput):
        await messenger.post_text(_thread(channel), " \n")


async def test_the_mark_that_the_bot_is_busy_is_a_call_like_any_other(
    messenger: Messenger, channel: ChannelDouble
) -> None:
    calls = messenger.connectors.pace.calls
    await messenger.show_typing(_thread(channel))
    assert channel.sent[0].body["type"] == "typing"
    assert messenger.connectors.pace.calls == calls + 1


@pytest.mark.parametrize("teams_id", [None, "29:alex"])
async def test_a_personal_chat_is_opened(messenger: Messenger, channel: ChannelDouble, teams_id: str | None) -> None:
    channel.replies = [answering(201, {"id": "a:chat"})]
    where = await messenger.open_personal(ALEX, channel.service_url, TENANT_ID, teams_id=teams_id)
    assert where == Conversation("a:chat", ConversationKind.PERSONAL, channel.service_url, TENANT_ID)
    [sent] = channel.sent
    assert sent.path == "/connector/v3/conversations"
    assert sent.body["members"][0]["id"] == (teams_id or ALEX)
    assert sent.body["channelData"] == {"tenant": {"id": TENANT_ID}}
    assert sent.body["tenantId"] == TENANT_ID
    assert sent.body["isGroup"] is False
    assert sent.body["bot"]["id"] == f"28:{APP_ID}"


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    "value", [Colour.RED, ("a", "b"), {"a"}, b"x", object(), {1: "x"}, [{"deep": (1,)}], {"a": {"b": Colour.RED}}]
)
async def test_a_card_that_is_not_plain_json_is_not_sent(
    messenger: Messenger, channel: ChannelDouble, value: Any
) -> None:
    for call in (
        messenger.post_card(_thread(channel), {"body": value}, "s"),
        messenger.edit_card(_thread(channel), "1", {"body": value}, "s"),
    ):
        with pytest.raises(Bug):
            await call
    assert channel.sent == []


async def test_size_is_measured_as_teams_measures_it(messenger: Messenger, channel: ChannelDouble) -> None:
    half = LARGEST_UTF16_BYTES // 2
    for text in ("x" * half, "🙂" * (half // 2)):
        with pytest.raises(BadInput) as refusal:
            await messenger.post_card(_thread(channel), {"text": text}, "s")
        assert refusal.value.data["reason"] == "message-too-large"
    assert channel.sent == []
    await messenger.post_card(_thread(channel), {"text": "x" * (half - 600)}, "s")
    assert len(channel.sent) == 1


# Where it may speak --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service_url", ["https://evil.example/", "http://127.0.0.1:1/connector/", "", "{x}"])
async def test_no_token_leaves_for_an_address_outside_the_list(
    messenger: Messenger, channel: ChannelDouble, tokens: TokensDouble, service_url: str
) -> None:
    where = _thread(channel, service_url=service_url)
    for call in (
        messenger.post_card(where, CARD, "s"),
        messenger.post_text(where, "x"),
        messenger.edit_card(where, "1", CARD, "s"),
        messenger.open_personal(ALEX, service_url, TENANT_ID),
    ):
        with pytest.raises(NotAllowed) as refusal:
            await call
        assert refusal.value.data["reason"] == "service-url-not-allowed"
    assert tokens.given == 0


async def test_no_word_goes_to_another_tenant(messenger: Messenger, channel: ChannelDouble) -> None:
    where = _thread(channel, tenant_id="99999999-9999-4999-8999-999999999999")
    for call in (
        messenger.post_text(where, "x"),
        messenger.edit_card(where, "1", CARD, "s"),
        messenger.open_personal(ALEX, channel.service_url, where.tenant_id),
    ):
        with pytest.raises(NotAllowed):
            await call
    assert channel.sent == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(messenger: Messenger, channel: ChannelDouble, status: int) -> None:
    channel.replies = [answering(status, {}, Location=f"{channel.base_url}/connector/elsewhere")]
    with pytest.raises(UpstreamDown):
        await messenger.post_text(_thread(channel), "x")
    assert len(channel.sent) == 1


# Teams' retry rule ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [412, 429, 502, 503, 504])
async def test_what_teams_lets_us_repeat_is_repeated(messenger: Messenger, channel: ChannelDouble, status: int) -> None:
    channel.replies = [answering(status), answering(status, "<html>Bad gateway</html>")]
    assert await messenger.post_text(_thread(channel), "x") == "post-3"
    assert len({json.dumps(sent.body) for sent in channel.sent}) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 413, 415, 500, 501])
async def test_nothing_else_is_repeated(messenger: Messenger, channel: ChannelDouble, status: int) -> None:
    channel.replies = [answering(status)]
    with pytest.raises(IRBotError):
        await messenger.post_text(_thread(channel), "x")
    assert len(channel.sent) == 1


async def test_retry_after_is_waited_for_even_on_an_html_page(
    messenger: Messenger, channel: ChannelDouble, sleeper: Sleeper
) -> None:
    channel.replies = [answering(429, "<html>slow down</html>", Retry_After="7")]
    await messenger.post_text(_thread(channel), "x")
    assert sum(sleeper.slept) >= 7


async def test_a_long_retry_after_is_handed_to_the_caller(
    messenger: Messenger, channel: ChannelDouble, sleeper: Sleeper
) -> None:
    channel.replies = [answering(429, "<html>slow down</html>", Retry_After="120")]
    with pytest.raises(Throttled) as refusal:
        await messenger.post_text(_thread(channel), "x")
    assert refusal.value.retry_after == 120
    assert len(channel.sent) == 1
    assert sum(sleeper.slept) == 0


async def test_after_a_429_the_conversation_is_left_alone_for_that_long(
    messenger: Messenger, channel: ChannelDouble, sleeper: Sleeper
) -> None:
    channel.replies = [answering(429, {}, Retry_After="60")]
    with pytest.raises(Throttled):
        await messenger.post_text(_thread(channel), "x")
    with pytest.raises(Throttled):  # our own pace says so, without a call
        await messenger.post_text(_thread(channel, id=CHANNEL_CONVERSATION.split(";")[0]), "y")
    assert len(channel.sent) == 1
    await messenger.post_text(_thread(channel, id="a:other"), "z")
    sleeper.now += 61
    await messenger.post_text(_thread(channel), "y")
    assert len(channel.sent) == 3


async def test_an_absurd_retry_after_does_not_silence_a_conversation_for_good(
    messenger: Messenger, channel: ChannelDouble, sleeper: Sleeper
) -> None:
    channel.replies = [answering(429, {}, Retry_After="99999999999")]
    with pytest.raises(Throttled):
        await messenger.post_text(_thread(channel), "x")
    sleeper.now += 16 * 60
    await messenger.post_text(_thread(channel), "y")


@pytest.mark.parametrize("retry_after", ["0", "-1", "", "soon", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT", "٣", "9" * 400])
async def test_an_unreadable_retry_after_is_as_good_as_none(
    messenger: Messenger, channel: ChannelDouble, sleeper: Sleeper, retry_after: str
) -> None:
    channel.replies = [answering(503, {}, Retry_After=retry_after)]
    if retry_after.startswith("9"):
        with pytest.raises(UpstreamDown):
            await messenger.post_text(_thread(channel), "x")
    else:
        await messenger.post_text(_thread(channel), "x")
        assert sum(sleeper.slept) >= 0.5


async def test_patience_ends(messenger: Messenger, channel: ChannelDouble, sleeper: Sleeper) -> None:
    channel.replies = [answering(503) for _ in range(20)]
    with pytest.raises(UpstreamDown):
        await messenger.post_text(_thread(channel), "x")
    assert 2 <= len(channel.sent) <= 5
    assert sum(sleeper.slept) < 30


@pytest.mark.parametrize("status", [502, 504])
async def test_a_gateway_that_gave_up_may_have_delivered(
    messenger: Messenger, channel: ChannelDouble, status: int
) -> None:
    channel.replies = [answering(status) for _ in range(20)]
    with pytest.raises(UnknownOutcome):
        await messenger.post_text(_thread(channel), "x")
    channel.replies = [answering(status) for _ in range(20)]
    with pytest.raises(UpstreamDown):  # an edit may simply be made again
        await messenger.edit_card(_thread(channel), "1", CARD, "s")


async def test_a_500_may_have_delivered(messenger: Messenger, channel: ChannelDouble) -> None:
    channel.replies = [answering(500, "<html>oops</html>")]
    with pytest.raises(UnknownOutcome):
        await messenger.post_text(_thread(channel), "x")


async def _silence(_sent: Sent) -> web.StreamResponse:
    await asyncio.sleep(5)
    return web.Response()


async def _cut_short(sent: Sent) -> web.StreamResponse:
    response = web.Response(body=b'{"id": "x"}')
    response.headers["Content-Length"] = "5000"
    return response


@pytest.mark.parametrize("reply", [_silence, _cut_short])
async def test_a_post_without_an_answer_is_never_repeated(
    messenger: Messenger, channel: ChannelDouble, reply: Any
) -> None:
    channel.replies = [reply]
    with pytest.raises(UnknownOutcome):
        await messenger.post_text(_thread(channel), "x")
    assert len(channel.sent) == 1


async def test_an_edit_without_an_answer_is_repeated(messenger: Messenger, channel: ChannelDouble) -> None:
    channel.replies = [_silence]
    await messenger.edit_card(_thread(channel), "1", CARD, "s")
    assert len(channel.sent) == 2


async def test_opening_the_same_chat_twice_is_harmless_and_is_repeated(
    messenger: Messenger, channel: ChannelDouble
) -> None:
    channel.replies = [_silence, answering(201, {"id": "a:chat"})]
    assert (await messenger.open_personal(ALEX, channel.service_url, TENANT_ID)).id == "a:chat"


async def test_an_unreachable_connector_was_surely_not_told(channel: ChannelDouble, sleeper: Sleeper) -> None:
    nowhere = "http://127.0.0.1:9/connector/"
    ours = channel.settings(service_urls=(nowhere,))
    tokens = TokensDouble()
    connectors = Connectors(
        ours,
        ConnectorCredentials(ours, tokens, ServiceUrls(ours.service_urls)),
        sleep=sleeper.sleep,
        clock=sleeper.clock,
    )
    messenger = Messenger(ours, tokens, connectors=connectors)
    with pytest.raises(UpstreamDown):
        await messenger.post_text(_thread(channel, service_url=nowhere), "x")
    await messenger.close()


@pytest.mark.parametrize(
    "body", ["<html>created</html>", {}, {"id": None}, {"id": ""}, [], {"id": {"x": 1}}, {"id": 7}]
)
async def test_a_post_without_an_id_is_an_unknown_outcome(
    messenger: Messenger, channel: ChannelDouble, body: Any
) -> None:
    channel.replies = [answering(201, body)]
    with pytest.raises(UnknownOutcome):
        await messenger.post_text(_thread(channel), "x")


async def test_an_edit_needs_no_body_in_its_answer(messenger: Messenger, channel: ChannelDouble) -> None:
    channel.replies = [answering(200, "<html>ok</html>")]
    await messenger.edit_card(_thread(channel), "1", CARD, "s")


# Typed errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "error", "data"),
    [
        (403, {"error": {"code": "ConversationBlockedByUser"}}, NotAllowed, {"reason": "blocked-by-user"}),
        (403, {"error": {"code": "BotNotInConversationRoster"}}, NotAllowed, {"reason": "not-in-conversation"}),
        (403, {"error": {"code": "BotDisabledByAdmin"}}, NotAllowed, {"reason": "disabled-by-administrator"}),
        (403, {"error": {"code": "ForbiddenOperationException"}}, NotAllowed, {"reason": "not-installed"}),
        (
            403,
            {"errorCode": 209, "message": '{"subCode": "MessageWritesBlocked", "details": "x"}'},
            NotAllowed,
            {"reason": "blocked-by-user"},
        ),
        (403, {"error": {"code": "Whatever", "message": "x"}}, NotAllowed, {"reason": "refused-by-channel"}),
        (403, "<html>no</html>", NotAllowed, {"reason": "refused-by-channel"}),
        (403, [1], NotAllowed, {"reason": "refused-by-channel"}),
        (403, {"error": "x", "message": "{"}, NotAllowed, {"reason": "refused-by-channel"}),
        (404, {"error": {"code": "ConversationNotFound"}}, NotFound, {"what": "conversation"}),
        (404, {"error": {"code": "ActivityNotFoundInConversation"}}, NotFound, {"what": "message"}),
        (404, "<html>?</html>", NotFound, {"what": "conversation"}),
        (413, {"error": {"code": "MessageSizeTooBig"}}, BadInput, {"reason": "message-too-large"}),
        (
            400,
            {"error": {"code": "BadSyntax"}},
            BadInput,
            {"reason": "refused-by-channel", "channel_code": "BadSyntax"},
        ),
    ],
)
async def test_a_refusal_comes_by_type(
    messenger: Messenger,
    channel: ChannelDouble,
    status: int,
    body: Any,
    error: type[IRBotError],
    data: dict[str, str],
) -> None:
    channel.replies = [answering(status, body, x_ms_request_id="r-1")]
    with pytest.raises(error) as refusal:
        await messenger.edit_card(_thread(channel), "1", CARD, "s")
    assert data.items() <= refusal.value.data.items()
    assert refusal.value.data["request_id"] == "r-1"


async def test_a_refused_token_is_dropped_and_asked_for_anew(
    messenger: Messenger, channel: ChannelDouble, tokens: TokensDouble
) -> None:
    channel.replies = [answering(401)]
    await messenger.post_text(_thread(channel), "x")
    assert tokens.forgotten == ["token-0"]
    assert [sent.headers["Authorization"] for sent in channel.sent] == ["Bearer token-0", "Bearer token-1"]


async def test_a_token_that_is_refused_twice_is_our_fault(
    messenger: Messenger, channel: ChannelDouble, tokens: TokensDouble
) -> None:
    channel.replies = [answering(401), answering(401), answering(401)]
    with pytest.raises(AuthBroken):
        await messenger.post_text(_thread(channel), "x")
    assert len(channel.sent) == 2


async def test_without_a_token_nothing_is_sent(
    messenger: Messenger, channel: ChannelDouble, tokens: TokensDouble
) -> None:
    tokens.error = AuthBroken(service="entra-sign-in")
    with pytest.raises(AuthBroken):
        await messenger.post_text(_thread(channel), "x")
    assert channel.sent == []


async def test_errors_carry_no_token_and_no_text(messenger: Messenger, channel: ChannelDouble) -> None:
    channel.replies = [answering(403, {"error": {"code": "X", "message": "hello Megan"}})]
    with pytest.raises(NotAllowed) as refusal:
        await messenger.post_text(_thread(channel), "the temporary pass is 123")
    seen = f"{refusal.value!r} {refusal.value.__cause__!r}"
    assert "token-0" not in seen
    assert "temporary" not in seen
    assert "Megan" not in seen


# The roster ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["aadObjectId", "objectId"])
async def test_a_member_is_found_in_the_roster_of_the_channel(
    messenger: Messenger, channel: ChannelDouble, name: str
) -> None:
    channel.replies = [answering(200, {"id": "29:alex", "name": "Alex Wilber", name: ALEX.upper()})]
    assert await messenger.member(_thread(channel), "29:alex") == Actor(ALEX, "Alex Wilber", "29:alex")
    [sent] = channel.sent
    assert (sent.method, sent.body) == ("GET", None)
    assert unquote(sent.path) == "/connector/v3/conversations/19:general@thread.tacv2/members/29:alex"


@pytest.mark.parametrize(
    "reply",
    [
        answering(404, {"error": {"code": "MemberNotFoundInConversation"}}),
        answering(200, {"id": "29:alex", "name": "Alex Wilber"}),
        answering(200, {"id": "29:alex", "objectId": "alex@contoso.com"}),
        answering(200, {"id": "29:somebody-else", "objectId": ALEX}),
        answering(200, "<html>ok</html>"),
        answering(200, [ALEX]),
    ],
)
async def test_who_is_not_surely_a_member_is_nobody(messenger: Messenger, channel: ChannelDouble, reply: Any) -> None:
    channel.replies = [reply]
    assert await messenger.member(_thread(channel), "29:alex") is None


async def test_a_roster_that_cannot_be_read_is_not_empty(messenger: Messenger, channel: ChannelDouble) -> None:
    channel.replies = [answering(404, {"error": {"code": "ConversationNotFound"}})]
    with pytest.raises(NotFound):
        await messenger.member(_thread(channel), "29:alex")
    channel.replies = [answering(403, {"error": {"code": "BotNotInConversationRoster"}})]
    with pytest.raises(NotAllowed):
        await messenger.member(_thread(channel), "29:alex")
    channel.replies = [answering(500)]
    with pytest.raises(UpstreamDown):
        await messenger.member(_thread(channel), "29:alex")


# Properties ----------------------------------------------------------------------------------------------------------

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just('{"subCode": "X"}') | st.just("{"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "error", "code", "message", "subCode"]) | st.text(max_size=8), inner)
    ),
    max_leaves=8,
)


@given(
    status=st.sampled_from([200, 201, 202, 204, 301, 400, 401, 403, 404, 409, 412, 413, 418, 429, 500, 503]),
    body=json_values,
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_answer_is_a_success_or_one_of_our_errors(
    messenger: Messenger, channel: ChannelDouble, sleeper: Sleeper, status: int, body: Any
) -> None:
    sleeper.now += 3600
    channel.replies = [answering(status, body)]
    with contextlib.suppress(IRBotError):
        sent = await messenger.post_text(_thread(channel), "x")
        assert sent
    channel.replies = [answering(status, body)]
    with contextlib.suppress(IRBotError):
        await messenger.member(_thread(channel), "29:alex")


# Pace ----------------------------------------------------------------------------------------------------------------


async def test_a_burst_is_spread_as_teams_wants_it(
    messenger: Messenger, channel: ChannelDouble, sleeper: Sleeper
) -> None:
    times: list[float] = []

    async def noted(_sent: Sent) -> web.StreamResponse:
        times.append(sleeper.now)
        return web.json_response({"id": "x"}, status=201)

    channel.replies = [noted for _ in range(20)]
    for _ in range(20):
        await messenger.post_text(_thread(channel), "x")
    for count, seconds in ((7, 1), (8, 2)):
        for earlier, later in zip(times, times[count:], strict=False):
            assert later - earlier >= seconds
