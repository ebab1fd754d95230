from __future__ import annotations

import asyncio

import pytest

from services.microsoft365.exchange.pace import Pace
from tests.services.microsoft365.exchange.conftest import Hours


async def _call(pace: Pace, hours: Hours, started: list[float], cmdlet: str = "Get-Mailbox") -> None:
    async with pace.turn(cmdlet):
        started.append(hours.now)
        await asyncio.sleep(0)


async def test_so_many_calls_a_second_and_no_more(hours: Hours) -> None:
    pace = Pace(at_once=100, per_second=5, clock=hours.clock, sleep=hours.sleep)
    started: list[float] = []
    await asyncio.gather(*(_call(pace, hours, started) for _ in range(23)))
    assert max(sum(1 for at in started if begin <= at < begin + 1.0) for begin in started) == 5
    assert started[-1] - started[0] == pytest.approx(4.0)


async def test_a_pause_holds_every_call_back_and_the_longer_one_counts(hours: Hours) -> None:
    pace = Pace(clock=hours.clock, sleep=hours.sleep)
    pace.pause(30)
    pace.pause(5)
    begin = hours.now
    started: list[float] = []
    await asyncio.gather(*(_call(pace, hours, started) for _ in range(3)))
    assert min(started) >= begin + 30


async def test_the_message_trace_has_a_budget_of_its_own_and_leaves_the_others_alone(hours: Hours) -> None:
    pace = Pace(at_once=200, per_second=10_000, clock=hours.clock, sleep=hours.sleep)
    traces: list[float] = []
    await asyncio.gather(*(_call(pace, hours, traces, "Get-MessageTraceV2") for _ in range(100)))
    within = [at for at in traces if at < traces[0] + 300.0]
    assert len(within) == 95
    others: list[float] = []
    before = hours.now
    await _call(pace, hours, others)
    assert others == [before]


async def test_a_call_that_fails_gives_its_slot_back(hours: Hours) -> None:
    pace = Pace(at_once=1, clock=hours.clock, sleep=hours.sleep)

    async def fail() -> None:
        async with pace.turn("Get-Mailbox"):
            raise LookupError

    for _ in range(3):
        with pytest.raises(LookupError):
            await fail()
    started: list[float] = []
    await asyncio.wait_for(_call(pace, hours, started), 1)
    assert started
