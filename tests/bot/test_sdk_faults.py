"""The faults of botbuilder-core 4.17.1 that `bot/` corrects, one test each. The details are in the other files."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from botbuilder.core import InvokeResponse, TurnContext
from botbuilder.schema import Activity, ChannelAccount, Mention
from pydantic import ValidationError

from bot import Messenger
from bot.activities import read_activity, tenant_of
from bot.mentions import read_text
from bot.turn_bot import invoke_answer
from dialogs.turn import CardAnswer
from services.channel import Conversation, ConversationKind
from services.errors import Bug, Throttled
from services.microsoft365.tokens import Tokens
from services.settings import Settings
from tests.bot.channel_double import ALEX, BOT_ID, TENANT_ID, ChannelDouble, TokensDouble, answering, until
from tests.bot.conftest import Bench


async def test_an_invoke_answer_is_serialized_once(bench: Bench) -> None:
    card = {"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "Container", "items": []}]}
    bench.handler.answer = CardAnswer(card)
    status, body = await bench.post(bench.channel.click())
    assert status == 200
    assert body["value"] == card


def test_an_invoke_answer_is_plain_data() -> None:
    response = invoke_answer(CardAnswer({"type": "AdaptiveCard"}))
    assert type(response) is InvokeResponse
    assert type(response.body) is dict


async def test_a_malformed_invoke_is_no_500(bench: Bench) -> None:
    for value in (None, {"action": {"type": "Action.Submit"}}):
        status, body = await bench.post(bench.channel.click(value=value))
        assert (status, body["statusCode"]) == (200, 400)


async def test_an_invoke_that_is_no_whole_activity_is_no_500_either(bench: Bench) -> None:
    status, body = await bench.post({"type": "invoke", "name": "adaptiveCard/action"})
    assert (status, body["statusCode"]) == (200, 400)


async def test_an_error_in_a_turn_has_an_end(bench: Bench) -> None:
    bench.handler.fail = RuntimeError("detail")
    assert (await bench.post(bench.channel.activity()))[0] == 200
    await until(lambda: bench.channel.sent)
    assert "reference" in bench.channel.sent[0].body["text"]
    assert "detail" not in bench.channel.sent[0].body["text"]


async def test_many_proactive_messages_cost_one_token(channel: ChannelDouble) -> None:
    asked = []

    def sign_in(request: httpx.Request) -> httpx.Response:
        base = f"{request.url.scheme}://{request.url.host}/x"
        if request.url.path.endswith("/openid-configuration"):
            return httpx.Response(
                200,
                json={"issuer": base, "authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/token"},
            )
        asked.append(request)
        return httpx.Response(200, json={"access_token": "t", "expires_in": 3600, "token_type": "Bearer"})

    settings = channel.settings()
    tokens = Tokens(settings, http_client=lambda: httpx.Client(transport=httpx.MockTransport(sign_in)))
    messenger = Messenger(settings, tokens)
    where = [
        Conversation(f"a:{number}", ConversationKind.PERSONAL, channel.service_url, TENANT_ID) for number in range(20)
    ]
    await asyncio.gather(*(messenger.post_text(chat, "x") for chat in where))
    assert len(channel.sent) == 20
    assert len(asked) == 1
    await messenger.close()
    await tokens.close()


async def test_an_unknown_key_and_a_malformed_token_are_401(bench: Bench) -> None:
    for token in (bench.channel.token(kid="unknown"), "a.b.c", "x"):
        status, _ = await bench.post(bench.channel.activity(), {"Authorization": f"Bearer {token}"})
        assert status == 401


async def test_the_keys_are_fetched_without_blocking_others(bench: Bench) -> None:
    bench.channel.key_delay = 0.3
    slow = asyncio.create_task(bench.post(bench.channel.activity()))
    await asyncio.sleep(0.05)
    async with bench.client.get("/healthz") as answer:
        assert answer.status == 200
    assert not slow.done()
    assert (await slow)[0] == 200


async def test_an_html_error_keeps_status_and_retry_after(channel: ChannelDouble) -> None:
    messenger = Messenger(channel.settings(), TokensDouble())
    channel.replies = [answering(429, "<html>Too many</html>", Retry_After="99")]
    where = Conversation("a:1", ConversationKind.PERSONAL, channel.service_url, TENANT_ID)
    with pytest.raises(Throttled) as refusal:
        await messenger.post_text(where, "x")
    assert refusal.value.retry_after == 99
    assert refusal.value.data["status"] == 429
    await messenger.close()


def test_the_sdk_itself_would_edit_the_victims_address() -> None:
    """Why `bot/mentions.py` exists: should the SDK ever be mended, this says so."""
    activity = Activity(
        text="<at>IR</at> compromise IRis@contoso.com",
        recipient=ChannelAccount(id=BOT_ID),
        entities=[],
    )
    entity: dict[str, Any] = {"type": "mention", "text": "<at>IR</at>", "mentioned": {"id": BOT_ID, "name": "IR"}}
    read = read_text(activity.text, [entity], BOT_ID)
    assert read.text == "compromise IRis@contoso.com"

    mention = Mention(mentioned=ChannelAccount(id=BOT_ID, name="IR"), text="<at>IR</at>", type="mention")
    mention.additional_properties = entity
    activity.entities = [mention]
    assert TurnContext.remove_mention_text(activity, BOT_ID) != "compromise IRis@contoso.com"


def test_the_tenant_comes_from_the_channel_data(channel: ChannelDouble) -> None:
    channel.base_url = "http://127.0.0.1:1"
    sent = channel.activity()
    assert sent["conversation"]["tenantId"] == TENANT_ID
    assert Activity().deserialize(sent).conversation.tenant_id is None
    assert tenant_of(read_activity(sent)) == TENANT_ID


async def test_a_card_with_an_enum_or_a_tuple_never_leaves(channel: ChannelDouble) -> None:
    messenger = Messenger(channel.settings(), TokensDouble())
    where = Conversation("a:1", ConversationKind.PERSONAL, channel.service_url, TENANT_ID)
    for value in (ConversationKind.PERSONAL, ("a",)):
        with pytest.raises(Bug):
            await messenger.post_card(where, {"x": value}, "s")
    await messenger.close()


@pytest.mark.parametrize(
    "missing", [{"app_id": ""}, {"app_secret": None}, {"tenant_id": ""}], ids=["app id", "credential", "tenant"]
)
def test_without_credentials_there_is_no_bot(missing: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**{"tenant_id": TENANT_ID, "app_id": "x", "app_secret": "y", **missing})


async def test_a_personal_chat_is_created_with_what_teams_reads(channel: ChannelDouble) -> None:
    messenger = Messenger(channel.settings(), TokensDouble())
    channel.replies = [answering(201, {"id": "a:1"})]
    await messenger.open_personal(ALEX, channel.service_url, TENANT_ID)
    body = channel.sent[0].body
    assert body["tenantId"] == TENANT_ID
    assert "tenantID" not in body
    assert body["members"] == [{"id": ALEX, "aadObjectId": ALEX}]
    await messenger.close()
