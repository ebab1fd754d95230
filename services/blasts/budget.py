"""How fast blasts may call Teams: one budget per kind of call, in the database, shared by all replicas.

A budget gives out evenly spaced slots (GCRA). It shrinks when the service says "too many" and grows back slowly. Times
are microseconds by the database's clock, so that replicas need not agree on theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.blasts.rows import database_micros
from services.database import insert_once
from services.database.blast_tables import blast_budgets

CEILING = 48.0  # of Teams' 50 calls a second
SECOND = 1_000_000
_CATCH_UP = 0.1  # slots that a busy moment missed may be made up for within so many seconds
_SHORTEST_PATIENCE = 0.05
_SHRINK = 0.85
_GROW = 1.05
_SLOWEST_SHARE = 0.1
_GROW_AFTER = 3 * SECOND
_SHRINK_AFTER = 2 * SECOND  # answers to calls that left at the same time count once


@dataclass(frozen=True)
class Budget:
    """A budget by name. `hard` is the service's own limit a second, which catching up must not touch."""

    name: str
    rate: float
    hard: float = 50.0

    @property
    def catch_up(self) -> int:
        """Microseconds by which the next slot may lie in the past."""
        return int(SECOND * max(0.0, min(_CATCH_UP, (self.hard - 1) / self.rate - 1)))

    @property
    def patience(self) -> float:
        """By how many seconds a call may be late for its slot; later, it must take another, or calls would bunch."""
        return max(_SHORTEST_PATIENCE, self.catch_up / SECOND)

    async def reserve(self, connection: AsyncConnection, calls: int, *, others: float = 0.0) -> list[float]:
        """Takes so many slots: for each, in how many seconds from now it comes.

        `others` are calls to the same limit that went past the budget; they use slots up.
        """
        row, now = await self._locked(connection)
        rate, changed_at = row.rate, row.changed_at
        if rate < self.rate and now - changed_at >= _GROW_AFTER:
            rate, changed_at = min(self.rate, rate * _GROW), now
        rate = min(rate, self.rate)
        gap = SECOND / rate
        first = max(row.next_slot, now - self.catch_up, row.held_until) + others * gap
        values = {"next_slot": int(first + calls * gap), "rate": rate, "changed_at": changed_at}
        await connection.execute(sa.update(blast_budgets).where(blast_budgets.c.name == self.name).values(**values))
        return [max(0.0, (first + each * gap - now) / SECOND) for each in range(calls)]

    async def hold(self, connection: AsyncConnection, seconds: float, *, shrink: bool) -> None:
        """Nobody calls for so long; `shrink` where the service said that it was too much."""
        row, now = await self._locked(connection)
        values: dict[str, float] = {"held_until": max(row.held_until, now + int(seconds * SECOND))}
        if shrink and now - row.changed_at >= _SHRINK_AFTER:
            slowest = self.rate * _SLOWEST_SHARE
            values |= {"rate": max(slowest, min(row.rate, self.rate) * _SHRINK), "changed_at": now}
        await connection.execute(sa.update(blast_budgets).where(blast_budgets.c.name == self.name).values(**values))

    async def _locked(self, connection: AsyncConnection) -> tuple[Any, int]:
        table = blast_budgets.c
        query = (
            sa.select(table.next_slot, table.rate, table.changed_at, table.held_until)
            .where(table.name == self.name)
            .with_for_update()
        )
        row = (await connection.execute(query)).one_or_none()
        if row is None:
            first = {"next_slot": 0, "rate": self.rate, "changed_at": 0, "held_until": 0}
            await insert_once(connection, blast_budgets, name=self.name, **first)
            row = (await connection.execute(query)).one()
        return row, await database_micros(connection)
