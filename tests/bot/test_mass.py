"""Mass sending against a connector that behaves like Teams at its worst: each call once, and an honest outcome."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

import pytest

from bot.connector import Connectors
from bot.credentials import ConnectorCredentials
from bot.mass import MassMessenger
from bot.service_urls import ServiceUrls
from services.blasts.channel import MassChannel
from services.channel import Conversation, ConversationKind
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
from tests.bot.channel_double import ALEX, APP_ID, TENANT_ID, ChannelDouble, TokensDouble, answering

CARD: dict[str, Any] = {
    "type": "AdaptiveCard",
    "version": "1.5",
    "body": [{"type": "TextBlock", "text": "Ünï 🙂 \u0001"}],
}
HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"


@pytest.fixture
def tokens() -> TokensDouble:
    return TokensDouble()


@pytest.fixture
async def mass(channel: ChannelDouble, tokens: TokensDouble) -> AsyncIterator[MassMessenger]:
    ours = channel.settings(call_timeout_seconds=0.5)
    connectors = Connectors(ours, ConnectorCredentials(ours, tokens, ServiceUrls(ours.service_urls)))
    made: MassChannel = MassMessenger(ours, connectors)  # the type checker compares the signatures
    assert isinstance(made, MassMessenger)
    yield made
    await connectors.close()


def _chat(channel: ChannelDouble, **more: Any) -> Conversation:
    values = {
        "id": 'a:1/"x"?',
        "kind": ConversationKind.PERSONAL,
        "service_url": channel.service_url,
        "tenant_id": TENANT_ID,
    }
    return Conversation(**{**values, **more})


async def test_a_card_arrives_as_it_is_in_the_right_chat(mass: MassMessenger, channel: ChannelDouble) -> None:
    letter = mass.prepare(CARD, "Watch out")
    assert await mass.post(_chat(channel), letter) == "post-1"
    [sent] = channel.sent
    assert (sent.method, unquote(sent.path)) == ("POST", '/connector/v3/conversations/a:1/"x"?/activities')
    assert sent.body["conversation"]["id"] == 'a:1/"x"?'
    assert sent.body["attachments"][0]["content"] == CARD
    assert (sent.body["type"], sent.body["summary"]) == ("message", "Watch out")
    assert sent.body["from"]["id"] == f"28:{APP_ID}"


async def test_a_chat_is_made_with_one_person_of_our_tenant(mass: MassMessenger, channel: ChannelDouble) -> None:
    channel.replies = [answering(201, {"id": "a:new"})]
    chat = await mass.open_chat(ALEX, channel.service_url)
    assert (chat.id, chat.kind, chat.tenant_id) == ("a:new", ConversationKind.PERSONAL, TENANT_ID)
    [sent] = channel.sent
    assert [member["id"] for member in sent.body["members"]] == [ALEX]
    assert (sent.body["tenantId"], sent.body["isGroup"]) == (TENANT_ID, False)


@pytest.mark.parametrize(
    ("status", "body", "error", "data"),
    [
        (403, {"error": {"code": "ConversationBlockedByUser"}}, NotAllowed, {"reason": "blocked-by-user"}),
        (403, {"error": {"code": "ForbiddenOperationException"}}, NotAllowed, {"reason": "not-installed"}),
        (403, {"error": {"code": "BotNotInConversationRoster"}}, NotAllowed, {"reason": "not-in-conversation"}),
        (404, {"error": {"code": "ConversationNotFound"}}, NotFound, {"what": "conversation"}),
        (413, {"error": {"code": "MessageSizeTooBig"}}, BadInput, {}),
        (412, {}, UpstreamDown, {"status": 412}),
        (503, HTML, UpstreamDown, {"status": 503}),
        (500, {}, UnknownOutcome, {"status": 500}),
        (502, HTML, UnknownOutcome, {"status": 502}),
        (504, HTML, UnknownOutcome, {"status": 504}),
    ],
)
async def test_each_call_is_made_once_and_says_what_became_of_it(
    mass: MassMessenger, channel: ChannelDouble, status: int, body: Any, error: type[IRBotError], data: dict[str, Any]
) -> None:
    channel.replies = [answering(status, body)]
    with pytest.raises(error) as refused:
        await mass.post(_chat(channel), mass.prepare(CARD, "s"))
    assert {name: refused.value.data.get(name) for name in data} == data
    assert len(channel.sent) == 1


async def test_being_asked_to_wait_says_how_long(mass: MassMessenger, channel: ChannelDouble) -> None:
    channel.replies = [answering(429, {}, Retry_After="7"), answering(429, {})]
    for expected in (7.0, None):
        with pytest.raises(Throttled) as refused:
            await mass.post(_chat(channel), mass.prepare(CARD, "s"))
        assert refused.value.retry_after == expected


async def test_silence_is_unknown(mass: MassMessenger, channel: ChannelDouble) -> None:
    async def hang(_sent: Any) -> Any:
        raise TimeoutError

    channel.replies = [hang]
    with pytest.raises((UnknownOutcome,)):
        await mass.post(_chat(channel), mass.prepare(CARD, "s"))


async def test_a_refused_token_is_renewed_once(
    mass: MassMessenger, channel: ChannelDouble, tokens: TokensDouble
) -> None:
    channel.replies = [answering(401, {})]
    assert await mass.post(_chat(channel), mass.prepare(CARD, "s"))
    assert tokens.forgotten == ["token-0"]
    channel.replies = [answering(401, {}), answering(401, {})]
    with pytest.raises(AuthBroken):
        await mass.post(_chat(channel), mass.prepare(CARD, "s"))


async def test_a_message_is_taken_away(mass: MassMessenger, channel: ChannelDouble) -> None:
    channel.replies = [answering(200, {})]
    await mass.delete(_chat(channel, id="a:1"), "1700/5?x")
    [sent] = channel.sent
    assert (sent.method, unquote(sent.path)) == ("DELETE", "/connector/v3/conversations/a:1/activities/1700/5?x")


async def test_another_tenant_or_address_is_never_called(mass: MassMessenger, channel: ChannelDouble) -> None:
    letter = mass.prepare(CARD, "s")
    for changes in ({"tenant_id": "other"}, {"service_url": "https://evil.example/"}):
        with pytest.raises(NotAllowed):
            await mass.post(_chat(channel, **changes), letter)
    with pytest.raises(NotAllowed):
        await mass.open_chat(ALEX, "https://evil.example/")
    assert channel.sent == []


async def test_what_teams_would_not_take_is_not_prepared(mass: MassMessenger) -> None:
    with pytest.raises(BadInput):
        mass.prepare({**CARD, "body": [{"type": "TextBlock", "text": "x" * 25_000}]}, "s")
    with pytest.raises(Bug):
        mass.prepare({**CARD, "body": ("a", "tuple")}, "s")
