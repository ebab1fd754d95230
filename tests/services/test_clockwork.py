from __future__ import annotations

import asyncio

import pytest

from services.clockwork import Clockwork


async def test_work_comes_round_again_even_after_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    rounds: list[int] = []
    enough = asyncio.Event()

    async def work() -> None:
        rounds.append(len(rounds))
        if len(rounds) == 1:
            raise LookupError("first round")
        if len(rounds) == 3:
            enough.set()

    clockwork = Clockwork()
    clockwork.every(0.01, "work", work)
    assert rounds == []
    async with asyncio.timeout(10):
        await enough.wait()
    await clockwork.close()
    assert "clockwork work failed" in caplog.text


async def test_one_round_is_over_before_the_next_begins() -> None:
    at_once = most = rounds = 0
    enough = asyncio.Event()

    async def work() -> None:
        nonlocal at_once, most, rounds
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.03)
        at_once -= 1
        rounds += 1
        if rounds == 3:
            enough.set()

    clockwork = Clockwork()
    clockwork.every(0.001, "work", work)
    async with asyncio.timeout(10):
        await enough.wait()
    await clockwork.close()
    assert most == 1


async def test_closing_stops_everything_and_waits_for_it() -> None:
    stopped: list[str] = []
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            stopped.append("work")

    clockwork = Clockwork()
    clockwork.every(0.001, "work", work)
    clockwork.every(60, "never", work)
    async with asyncio.timeout(10):
        await begun.wait()
    await clockwork.close()
    assert stopped == ["work"]
    await Clockwork().close()
