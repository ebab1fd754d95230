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


# -- the background ----------------------------------------------------------------------------------------------------


class Crowd:
    """Calls that go on until they are told to end."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.running = 0
        self.most = 0
        self._end = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def come(self, count: int, *, background: bool) -> list[asyncio.Task[None]]:
        came = [asyncio.create_task(self._call(background=background)) for _ in range(count)]
        self._tasks += came
        await self.breathe()
        return came

    async def _call(self, *, background: bool) -> None:
        async with self.pace.background() if background else self.pace.turn("Get-Mailbox"):
            self.running += 1
            self.most = max(self.most, self.running)
            await self._end.wait()
            self.running -= 1

    async def go(self) -> None:
        self._end.set()
        await asyncio.wait_for(asyncio.gather(*self._tasks), 5)

    @staticmethod
    async def breathe() -> None:
        for _ in range(10):
            await asyncio.sleep(0)


async def test_the_background_takes_what_the_others_leave(hours: Hours) -> None:
    pace = Pace(at_once=4, per_second=1_000, in_background=10, clock=hours.clock, sleep=hours.sleep)
    crowd = Crowd(pace)
    await crowd.come(3, background=False)
    await crowd.come(30, background=True)
    assert crowd.running == 10
    await crowd.go()
    assert crowd.most == 10


async def test_who_asks_for_something_else_goes_before_the_background_and_never_above_the_limit(hours: Hours) -> None:
    pace = Pace(at_once=4, per_second=1_000, in_background=10, clock=hours.clock, sleep=hours.sleep)
    order: list[str] = []
    ends = [asyncio.Event() for _ in range(10)]

    async def one(number: int) -> None:
        async with pace.background():
            await ends[number].wait()

    async def later(name: str) -> None:
        async with pace.background() if name == "background" else pace.turn("Get-Mailbox"):
            order.append(name)
            assert len([end for end in ends if not end.is_set()]) <= 9

    tasks = [asyncio.create_task(one(number)) for number in range(10)]
    await Crowd.breathe()
    tasks += [asyncio.create_task(later("background")), asyncio.create_task(later("urgent"))]
    await Crowd.breathe()
    assert order == []
    ends[0].set()
    await Crowd.breathe()
    assert order[0] == "urgent"
    for end in ends:
        end.set()
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
    assert order == ["urgent", "background"]


async def test_after_a_refusal_the_background_asks_for_half_and_grows_again(hours: Hours) -> None:
    pace = Pace(in_background=8, clock=hours.clock, sleep=hours.sleep)
    for _ in range(5):
        pace.pause(2.0, refused=True)  # one storm
    assert pace.window == 4
    async with pace.background():
        pass
    pace.pause(1.0)  # to spare the service is no refusal
    assert pace.window == 4
    hours.now += 10
    for _ in range(600):
        async with pace.background():
            pass
    assert pace.window == 8
    for _ in range(9):
        hours.now += 10
        pace.pause(1.0, refused=True)
    assert pace.window == 1
