"""Prometheus finds the numbers of a bot that works, on an address of their own."""

from __future__ import annotations

import aiohttp
from aiohttp import web

from app import APPLICATION, numbers_page
from simulator.bench import Bench
from tests.stories.steps import lock


async def test_a_lock_shows_in_the_numbers(bench: Bench) -> None:
    await lock(bench, "megan@contoso.com")
    app = bench.bot.app  # type: ignore[union-attr]  # this bot runs in our process
    runner = web.AppRunner(numbers_page(app[APPLICATION]))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession() as http:
            async with http.get(f"http://127.0.0.1:{runner.addresses[0][1]}/metrics") as answer:
                text = await answer.text()
            bot = bench.teams.delivery.bot_url.removesuffix("/api/messages")
            async with http.get(f"{bot}/metrics") as outside:
                assert outside.status == 404
    finally:
        await runner.cleanup()
    assert 'irbot_steps_total{state="done",step="block-sign-in"}' in text
    assert 'irbot_calls_total{operation="set-account-enabled",outcome="ok",service="graph"}' in text
    assert 'irbot_rows{kind="incident",state="open"} 1.0' in text
    assert "irbot_turn_seconds_count" in text
    assert "megan" not in text
