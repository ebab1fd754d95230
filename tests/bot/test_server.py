"""The HTTP endpoint: what it takes, what it refuses, and how it answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot import Messenger, Patience, install
from bot.channel_keys import ChannelKeys
from bot.server import Bot
from dialogs.turn import CardAnswer, TextAnswer
from services.channel import ConversationKind
from tests.bot.channel_double import ALEX, CHANNEL_CONVERSATION, TEAM, TENANT_ID, ChannelDouble, TokensDouble
from tests.bot.conftest import Bench, HandlerDouble


async def test_a_message_reaches_the_handler_as_our_own_type(bench: Bench) -> None:
    status, body = await bench.post(bench.channel.activity())
    assert (status, body) == (200, None)
    [message] = bench.handler.messages
    assert message.text == "compromise megan@contoso.com"
    assert message.actor.object_id == ALEX
    assert message.actor.name == "Alex Wilber"
    assert message.actor.teams_id == "29:alex"
    assert message.conversation.id == CHANNEL_CONVERSATION
    assert message.conversation.kind is ConversationKind.CHANNEL
    assert message.conversation.team_id == TEAM
    assert message.conversation.service_url == bench.channel.service_url
    assert message.activity_id == "1700000000001"
    assert message.locale == "en-US"


async def test_the_tenant_is_read_where_the_sdk_loses_it(bench: Bench) -> None:
    await bench.post(bench.channel.activity())
    assert bench.handler.messages[0].conversation.tenant_id == TENANT_ID


async def test_a_click_answered_with_a_card(bench: Bench) -> None:
    card = {"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "TextBlock", "text": "Hi"}]}
    bench.handler.answer = CardAnswer(card)
    status, body = await bench.post(bench.channel.click())
    assert status == 200
    assert body == {"statusCode": 200, "type": "application/vnd.microsoft.card.adaptive", "value": card}
    [click] = bench.handler.clicks
    assert (click.verb, click.version, click.id, click.nonce) == ("approve", 1, "a-1", "n-1")
    assert click.inputs == {"comment": "yes"}
    assert click.actor.object_id == ALEX


async def test_a_click_answered_with_a_text(bench: Bench) -> None:
    bench.handler.answer = TextAnswer("You asked for this yourself.")
    assert await bench.post(bench.channel.click()) == (
        200,
        {
            "statusCode": 200,
            "type": "application/vnd.microsoft.activity.message",
            "value": "You asked for this yourself.",
        },
    )


async def test_an_error_behind_a_click_is_a_short_text_with_a_reference(bench: Bench) -> None:
    bench.handler.answer = RuntimeError("secret detail")
    status, body = await bench.post(bench.channel.click())
    assert status == 200
    assert body["statusCode"] == 500
    assert body["type"] == "application/vnd.microsoft.error"
    assert "Reference: " in body["value"]["message"]
    assert "secret detail" not in str(body)


@pytest.mark.parametrize("name", ["task/fetch", "tab/fetch", "signin/verifyState", None])
async def test_other_invokes_are_answered_with_not_supported(bench: Bench, name: str | None) -> None:
    status, body = await bench.post(bench.channel.click(name=name))
    assert status == 200
    assert body["statusCode"] == 501
    assert bench.handler.told == 0


async def test_ready_only_when_every_check_passes(bench: Bench) -> None:
    await bench.post(bench.channel.activity())
    async with bench.client.get("/readyz") as answer:
        assert answer.status == 200
    bench.ready["database"] = False
    async with bench.client.get("/readyz") as answer:
        assert answer.status == 503
        assert (await answer.json())["checks"] == {"channel-keys": True, "database": False}
    async with bench.client.get("/healthz") as answer:
        assert answer.status == 200


async def test_a_bad_start_does_not_last(channel: ChannelDouble) -> None:
    """The keys could not be had at the start; an operator's ready check is enough to look again."""
    channel.keys_down = True
    messenger, app = Messenger(channel.settings(), TokensDouble()), web.Application()
    install(app, channel.settings(), HandlerDouble(), messenger, {})
    async with TestClient(TestServer(app)) as client:
        async with client.get("/readyz") as answer:
            assert answer.status == 503
        asked = channel.metadata_fetches
        for _ in range(20):
            async with client.get("/readyz") as answer:
                assert answer.status == 503
        assert channel.metadata_fetches == asked  # the endpoint is not hammered on anybody's behalf
    await messenger.close()


async def test_ready_checks_that_fail_or_hang_say_no(channel: ChannelDouble) -> None:
    async def failing() -> bool:
        raise RuntimeError("detail")

    async def hanging() -> bool:
        await asyncio.sleep(60)
        return True

    messenger, app = Messenger(channel.settings(), TokensDouble()), web.Application()
    checks = {"failing": failing, "hanging": hanging}
    install(app, channel.settings(), HandlerDouble(), messenger, checks, patience=Patience(ready_seconds=0.05))
    async with TestClient(TestServer(app)) as client, client.get("/readyz") as answer:
        assert answer.status == 503
        assert (await answer.json())["checks"] == {"channel-keys": True, "failing": False, "hanging": False}
    await messenger.close()


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        [],
        {},
        {"action": None},
        {"action": {"type": "Action.Submit", "verb": "v", "data": {"v": 1, "id": "i", "nonce": "n"}}},
        {"action": {"type": "Action.Execute", "verb": "v"}},
        {"action": {"type": "Action.Execute", "verb": "", "data": {"v": 1, "id": "i", "nonce": "n"}}},
        {"action": {"type": "Action.Execute", "verb": 7, "data": {"v": 1, "id": "i", "nonce": "n"}}},
        {"action": {"type": "Action.Execute", "verb": "v", "data": {"v": "1", "id": "i", "nonce": "n"}}},
        {"action": {"type": "Action.Execute", "verb": "v", "data": {"v": True, "id": "i", "nonce": "n"}}},
        {"action": {"type": "Action.Execute", "verb": "v", "data": {"v": 1, "id": {"x": 1}, "nonce": "n"}}},
        {"action": {"type": "Action.Execute", "verb": "v", "data": {"v": 1, "id": "i"}}},
        {"action": {"type": "Action.Execute", "verb": "v", "data": {"v": 1, "id": "i\u0000", "nonce": "n"}}},
        {"action": {"type": "Action.Execute", "verb": "v", "data": {"v": 1, "id": "i", "nonce": "n", "x": {"y": 1}}}},
        {"action": {"type": "Action.Execute", "verb": "v", "data": {"v": 1, "id": "i", "nonce": "n", "x": "y" * 5000}}},
    ],
)
async def test_a_malformed_click_is_answered_with_200_and_an_error_body(bench: Bench, value: Any) -> None:
    status, body = await bench.post(bench.channel.click(value=value))
    assert status == 200
    assert body["statusCode"] == 400
    assert body["type"] == "application/vnd.microsoft.error"
    assert bench.handler.told == 0


async def test_while_closing_nothing_new_is_taken(channel: ChannelDouble) -> None:
    messenger = Messenger(channel.settings(), TokensDouble())
    handler = HandlerDouble()
    keys = ChannelKeys(f"{channel.base_url}/openid")
    bot = Bot(channel.settings(), handler, messenger.connectors, keys=keys, patience=Patience())
    app = web.Application()
    app.add_routes([web.post("/api/messages", bot.messages)])
    async with TestClient(TestServer(app)) as client:
        await bot.close()
        async with client.post("/api/messages", json=channel.activity(), headers=channel.headers()) as answer:
            assert answer.status == 503
            assert (await answer.json())["error"]["code"] == "closing"
    assert handler.told == 0
    await messenger.close()
