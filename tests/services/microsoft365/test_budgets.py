from __future__ import annotations

import asyncio

import pytest

from services.errors import Throttled
from services.microsoft365.budgets import LIMITS, Budgets, Limit, urgently
from services.microsoft365.operations import Row


class Time:
    """Time that passes for all who wait, in the order in which their waits end."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        end = self.now + seconds
        await asyncio.sleep(seconds / 1000)  # keeps the order of those who wait
        self.now = max(self.now, end)


async def turns(budgets: Budgets, time: Time, row: Row, count: int, key: str = "") -> list[float]:
    async def one() -> float:
        async with budgets.turn(row, key):
            return time.now

    return sorted(await asyncio.gather(*(one() for _ in range(count))))


@pytest.mark.parametrize("row", [Row.REPORTS, Row.PROTECTION], ids=lambda row: row.value)
async def test_no_window_holds_more_calls_than_the_limit(row: Row) -> None:
    time = Time()
    limit = LIMITS[row]
    taken = await turns(Budgets(clock=time, sleep=time.sleep), time, row, limit.calls * 4)
    for start in taken:
        within = [at for at in taken if start <= at < start + limit.seconds]
        assert len(within) <= limit.calls


async def test_a_first_burst_does_not_wait() -> None:
    time = Time()
    assert await turns(Budgets(clock=time, sleep=time.sleep), time, Row.REPORTS, 5) == [0.0] * 5


async def test_rows_and_mailboxes_do_not_wait_for_each_other() -> None:
    time = Time()
    budgets = Budgets({Row.OUTLOOK: Limit(1, 10), Row.PROTECTION: Limit(1, 10)}, clock=time, sleep=time.sleep)
    assert await turns(budgets, time, Row.OUTLOOK, 1, "a") == [0.0]
    assert await turns(budgets, time, Row.OUTLOOK, 1, "b") == [0.0]
    assert await turns(budgets, time, Row.PROTECTION, 1) == [0.0]


async def test_a_row_that_was_refused_is_left_alone_by_all() -> None:
    time = Time()
    budgets = Budgets(clock=time, sleep=time.sleep)
    budgets.close_for(Row.IDENTITY, "", 8)
    assert min(await turns(budgets, time, Row.IDENTITY, 3)) >= 8


async def test_a_wait_of_minutes_is_refused_instead() -> None:
    time = Time()
    budgets = Budgets({Row.MESSAGE_TRACE: Limit(1, 300)}, clock=time, sleep=time.sleep)
    await turns(budgets, time, Row.MESSAGE_TRACE, 1)
    with pytest.raises(Throttled) as caught:
        await turns(budgets, time, Row.MESSAGE_TRACE, 1)
    assert (caught.value.retry_after or 0) >= 300


def test_every_row_has_a_limit() -> None:
    assert set(LIMITS) == set(Row)


async def test_the_urgent_go_first_even_where_they_ask_last() -> None:
    time = Time()
    budgets = Budgets({Row.REPORTS: Limit(1, 10)}, clock=time, sleep=time.sleep)
    served: list[str] = []

    async def ask(name: str, *, containment: bool = False) -> None:
        async with budgets.turn(Row.REPORTS, urgent=containment):
            served.append(name)

    async with asyncio.TaskGroup() as group:
        for name in ("first look", "second look", "third look"):
            group.create_task(ask(name))
        await asyncio.sleep(0)
        group.create_task(ask("lock", containment=True))
        with urgently():
            group.create_task(ask("snapshot"))
    assert served == ["first look", "lock", "snapshot", "second look", "third look"]


async def test_whoever_gives_up_takes_nothing_with_them() -> None:
    time = Time()
    budgets = Budgets({Row.REPORTS: Limit(1, 10)}, clock=time, sleep=time.sleep)

    async def ask() -> float:
        async with budgets.turn(Row.REPORTS):
            return time.now

    assert await ask() == 0.0
    given_up = asyncio.ensure_future(ask())
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait({given_up})
    assert await ask() == pytest.approx(10.25)
