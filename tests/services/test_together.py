from __future__ import annotations

import asyncio

import pytest

from services.errors import Gone, UpstreamDown
from services.together import together


async def _give(value: object, after: float = 0) -> object:
    await asyncio.sleep(after)
    return value


async def _fail(error: BaseException) -> object:
    await asyncio.sleep(0)
    raise error


async def test_results_come_in_the_order_of_the_questions() -> None:
    assert await together(_give(1, 0.02), _give(2), _give(3, 0.01)) == (1, 2, 3)
    assert await together() == ()


async def test_all_are_under_way_at_once() -> None:
    begun = asyncio.Barrier(3)

    async def meet() -> int:
        await begun.wait()
        return 1

    async with asyncio.timeout(10):
        assert await together(meet(), meet(), meet()) == (1, 1, 1)


async def test_the_first_failure_is_raised_alone_and_stops_the_rest() -> None:
    ended: list[str] = []

    async def long() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("cancelled")

    with pytest.raises(Gone):
        await together(long(), _fail(Gone(what="account")), long())
    assert ended == ["cancelled", "cancelled"]


async def test_of_several_failures_one_is_raised() -> None:
    with pytest.raises((Gone, UpstreamDown)):
        await together(_fail(Gone()), _fail(UpstreamDown()))


async def test_a_failure_inside_another_together_stays_itself() -> None:
    with pytest.raises(Gone):
        await together(together(_fail(Gone()), _give(1)), _give(2))


async def test_being_cancelled_cancels_the_questions() -> None:
    ended = asyncio.Event()

    async def long() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    task = asyncio.create_task(together(long(), long()))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
