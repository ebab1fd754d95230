"""Whose turn it is to look, and from when on: a lease and a watermark in a row that all replicas share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from services.database import Database, insert_once
from services.database.trigger_tables import trigger_polls

_LEASE = timedelta(minutes=2)
_FREE = ""


class Polls:
    """Rows of `trigger_polls`. A process that dies while it looks leaves the watermark where it was."""

    def __init__(self, database: Database, holder: str) -> None:
        self._database = database
        self._holder = holder

    async def claim(self, source: str, now: datetime) -> tuple[bool, datetime | None]:
        """Whether the next look is ours, and the watermark of the last one that came to its end."""
        columns = trigger_polls.c
        free = (columns.lease_until.is_(None)) | (columns.lease_until < now)
        async with self._database.write() as connection:
            await insert_once(connection, trigger_polls, source=source, next_at=now, holder=_FREE, problem="")
            taken = await connection.execute(
                sa.update(trigger_polls)
                .where(columns.source == source, columns.next_at <= now, free)
                .values(holder=self._holder, lease_until=now + _LEASE)
            )
            if taken.rowcount != 1:
                return False, None
            query = sa.select(columns.watermark).where(columns.source == source)
            return True, (await connection.execute(query)).scalar_one()

    async def renew(self, source: str, now: datetime) -> bool:
        """Keeps the lease while a long look goes on; False where another process has taken it over."""
        return await self._set(source, lease_until=now + _LEASE)

    async def finish(
        self, source: str, now: datetime, next_at: datetime, *, watermark: datetime | None, problem: str = ""
    ) -> None:
        """The look is over. Without a `watermark` the next one begins where this one did."""
        values: dict[str, object] = {
            "next_at": next_at,
            "lease_until": None,
            "holder": _FREE,
            "looked_at": now,
            "problem": problem,
        }
        if watermark is not None:
            values["watermark"] = watermark
        await self._set(source, **values)

    async def problems(self) -> Mapping[str, str]:
        """What the last look of each source could not do, by source."""
        columns = trigger_polls.c
        query = sa.select(columns.source, columns.problem).where(columns.problem != "")
        async with self._database.read() as connection:
            return {row.source: row.problem for row in await connection.execute(query)}

    async def _set(self, source: str, **values: object) -> bool:
        mine = (trigger_polls.c.source == source) & (trigger_polls.c.holder == self._holder)
        async with self._database.write() as connection:
            changed = await connection.execute(sa.update(trigger_polls).where(mine).values(**values))
        return changed.rowcount == 1
