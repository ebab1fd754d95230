from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
import sqlalchemy as sa

from services.blasts.budget import SECOND, Budget
from services.blasts.run import _together
from services.database import Database
from services.database.blast_tables import blast_budgets

BUDGET = Budget("calls", 40.0)


async def reserved(database: Database, calls: int, budget: Budget = BUDGET, others: float = 0.0) -> list[float]:
    async with database.write() as connection:
        return await budget.reserve(connection, calls, others=others)


async def next_slot(database: Database) -> int:
    """By the database's clock, whatever time passes between two looks."""
    async with database.read() as connection:
        return int(await connection.scalar(sa.select(blast_budgets.c.next_slot)) or 0)


async def test_slots_are_even_and_never_given_twice(database: Database) -> None:
    await reserved(database, 1)
    before = await next_slot(database)
    lists = await asyncio.gather(*(reserved(database, 10) for _ in range(4)))
    assert await next_slot(database) - before >= 40 * SECOND / 40 - 4
    for each in lists:
        assert all(later - earlier == pytest.approx(1 / 40, abs=1e-4) for earlier, later in pairwise(each) if earlier)


async def test_a_busy_moment_is_made_up_for_without_passing_the_service_s_limit(database: Database) -> None:
    await reserved(database, 1)
    async with database.write() as connection:
        await connection.execute(sa.update(blast_budgets).values(next_slot=0))
    slots = await reserved(database, 50)
    assert sum(slot < 1.0 for slot in slots) <= 49


@pytest.mark.parametrize("rate", [1.0, 35.0, 48.0, 49.0])
def test_catching_up_stays_below_the_limit_at_any_rate(rate: float) -> None:
    budget = Budget("calls", rate)
    assert rate * (1 + budget.catch_up / SECOND) <= 49 + 1e-3


async def test_calls_of_live_cards_use_slots_up(database: Database) -> None:
    await reserved(database, 1)
    before = await next_slot(database)
    await reserved(database, 1, others=20.0)
    assert await next_slot(database) - before >= 21 * SECOND / 40 - 1


async def test_a_hold_holds_every_replica(database: Database) -> None:
    async with database.write() as connection:
        await BUDGET.hold(connection, 500.0, shrink=False)
    assert min(await reserved(database, 3)) > 400


async def test_no_replica_shrinks_it_twice_for_one_moment(database: Database) -> None:
    for _ in range(5):
        async with database.write() as connection:
            await BUDGET.hold(connection, 0.0, shrink=True)
    async with database.read() as connection:
        assert (await connection.execute(sa.select(blast_budgets.c.rate))).scalar_one() == pytest.approx(34.0)


async def test_it_never_shrinks_to_nothing(database: Database) -> None:
    for _ in range(30):
        async with database.write() as connection:
            await connection.execute(sa.update(blast_budgets).values(changed_at=0))
            await BUDGET.hold(connection, 0.0, shrink=True)
    async with database.read() as connection:
        assert (await connection.execute(sa.select(blast_budgets.c.rate))).scalar_one() == pytest.approx(4.0)


@pytest.mark.parametrize(("rate", "count"), [(35.0, 10), (1.0, 3), (210.0, 73), (35.0, 0)])
def test_turns_that_are_near_are_taken_together_and_never_too_soon(rate: float, count: int) -> None:
    gaps = [number / rate for number in range(count)]
    turns = _together(gaps, rate)
    assert len(turns) == count
    assert all(own <= turn <= own + 0.1 for own, turn in zip(gaps, turns, strict=True))
    assert turns == sorted(turns)
