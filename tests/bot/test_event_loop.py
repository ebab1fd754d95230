"""Nothing of the bot blocks the event loop: not the keys, not msal, not two hundred turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot import Messenger, install
from services.microsoft365.tokens import Tokens
from tests.bot.channel_double import ChannelDouble, until
from tests.bot.conftest import HandlerDouble

SLOW = 1.0


def _slow_sign_in(request: httpx.Request) -> httpx.Response:
    """The sign-in service; it blocks the thread that asks, as a slow network would."""
    time.sleep(SLOW)
    base = f"{request.url.scheme}://{request.url.host}"
    if request.url.path.endswith("/openid-configuration"):
        return httpx.Response(
            200,
            json={
                "issuer": f"{base}/x/v2.0",
                "authorization_endpoint": f"{base}/x/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/x/oauth2/v2.0/token",
            },
        )
    return httpx.Response(200, json={"access_token": "connector", "expires_in": 3600, "token_type": "Bearer"})


async def _largest_gap(work: Callable[[], Awaitable[None]]) -> float:
    """The largest gap that a heartbeat every 10 ms saw during `work`."""
    largest, beats = 0.0, 0

    async def heart() -> None:
        nonlocal largest, beats
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.01)
            now = time.perf_counter()
            largest, beats, last = max(largest, now - last), beats + 1, now

    beating = asyncio.create_task(heart())
    try:
        await work()
    finally:
        beating.cancel()
    assert beats > 10
    return largest


@asynccontextmanager
async def _bot(channel: ChannelDouble) -> AsyncIterator[tuple[TestClient[Any, Any], HandlerDouble]]:
    settings = channel.settings()
    tokens = Tokens(settings, http_client=lambda: httpx.Client(transport=httpx.MockTransport(_slow_sign_in)))
    messenger, handler, app = Messenger(settings, tokens), HandlerDouble(), web.Application()
    install(app, settings, handler, messenger, {})
    async with TestClient(TestServer(app)) as client:
        yield client, handler
    await messenger.close()
    await tokens.close()


async def test_the_loop_never_stalls_while_keys_and_tokens_are_slow(channel: ChannelDouble) -> None:
    """200 messages, 20 of them answered in the chat. A busy machine may stall anybody, so the best of three counts."""
    channel.key_delay = SLOW
    gaps = []
    for _ in range(3):
        channel.sent.clear()
        async with _bot(channel) as (client, handler):

            async def post(number: int, client: TestClient[Any, Any] = client) -> None:
                conversation = {"id": f"a:{number}", "conversationType": "personal"}
                activity = channel.activity(conversation=conversation, text="help", entities=[])
                async with client.post("/api/messages", json=activity, headers=channel.headers()) as answer:
                    assert answer.status in {200, 202}  # the turn may go on behind its answer

            async def blast(post: Any = post, handler: HandlerDouble = handler) -> None:
                handler.fail = RuntimeError("so that the bot answers, and needs a token")
                await asyncio.gather(*(post(number) for number in range(20)))
                handler.fail = None
                for start in range(20, 200, 20):
                    await asyncio.gather(*(post(start + number) for number in range(20)))
                await until(lambda: len(channel.sent) >= 20)

            gaps.append(await _largest_gap(blast))
        assert all(sent.headers["Authorization"] == "Bearer connector" for sent in channel.sent)
        if gaps[-1] < SLOW / 2:  # whoever waited on the loop would stop it for all of that
            return
    raise AssertionError(f"the event loop stood still: {gaps}")
