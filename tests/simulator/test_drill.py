from __future__ import annotations

import io
from typing import Any

from aiohttp import web

from services.settings import Settings
from simulator.bench import Bench
from simulator.drill import drill
from tests.simulator.stub_bot import card
from tests.simulator.talking_bot import TalkingBot

Json = dict[str, Any]


class Boaster(TalkingBot):
    """Says that it locked the account, and does nothing."""

    async def _reply(self, activity: Json) -> None:
        locks = [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card("Lock account…")}]
        await self._post(activity["conversation"]["id"], {"type": "message", "attachments": locks})

    def _answer_to(self, activity: Json) -> Json:
        value = card("Lock now", text="The account is locked.")
        return {"statusCode": 200, "type": "application/vnd.microsoft.card.adaptive", "value": value}


def boaster(settings: Settings) -> web.Application:
    return Boaster(settings).app()


async def test_a_bot_that_only_says_so_does_not_pass() -> None:
    out = io.StringIO()

    code = await drill(out, latency="none", patience_seconds=0.5, build=boaster)

    assert code == 1
    told = out.getvalue()
    assert "The account is locked." in told
    assert "NOT Megan Bowen: sign-in is blocked" in told
    assert "The drill failed" in told


async def test_the_whole_story_ends_with_both_accounts_locked() -> None:
    out = io.StringIO()

    code = await drill(out, latency="none")

    told = out.getvalue()
    assert code == 0, told
    assert "[ Lock now ]" in told
    assert "Both accounts are locked." in told
    assert "tenant Isaiah Langer\n         sign-in: allowed → blocked" in told
    assert "Alex Wilber presses [ Approve ]" in told
    assert "\x1b" not in told


async def test_the_bench_starts_the_real_bot(bench: Bench) -> None:
    await bench.say("help", by="alex", where="personal")
    assert await bench.until_card("What you may do", by="alex", where="personal")
