"""The rows behind bulk jobs. Long lists are read and written in parts, so that memory does not grow with them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services import brake
from services.bulk.model import Entry, Halt, Item, ItemState, Job, JobState, Result, Switches
from services.database import Database, tables
from services.database.bulk_tables import bulk_items, bulk_jobs

_PART = 1000
_HAS = bulk_items.c


class Rows:
    """Reads and writes jobs and their items. Each method is one transaction, or one for each part of a list."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- lists -----------------------------------------------------------------------------------------------------

    async def draft(self, job_id: str, census: str, kind: str, now: datetime) -> None:
        """Begins an empty list; one of that id that was never frozen is thrown away."""
        async with self._database.write() as connection:
            await _delete(connection, sa.and_(bulk_jobs.c.id == job_id, bulk_jobs.c.state == JobState.DRAFT.value))
            await connection.execute(
                sa.insert(bulk_jobs).values(
                    id=job_id,
                    census=census,
                    kind=kind,
                    digest="",
                    total=0,
                    state=JobState.DRAFT.value,
                    halt=Halt.NONE.value,
                    reason="",
                    made_at=now,
                )
            )

    async def add(self, job_id: str, entries: Sequence[Entry]) -> None:
        """Adds lines to a draft."""
        values = [
            {
                "job_id": job_id,
                "key": entry.key,
                "object_id": entry.object_id,
                "label": entry.label[:320],
                "before": dict(entry.before),
                "after": dict(entry.after),
                "state": ItemState.WAITING.value,
                "changed": False,
                "attempts": 0,
                "reason": "",
            }
            for entry in entries
        ]
        for start in range(0, len(values), _PART):
            async with self._database.write() as connection:
                await connection.execute(sa.insert(bulk_items), values[start : start + _PART])

    async def freeze(self, job_id: str) -> None:
        """Ends the writing of a list: from now on its digest stands for it."""
        digest, total = await self.fingerprint(job_id)
        async with self._database.write() as connection:
            await connection.execute(
                sa.update(bulk_jobs)
                .where(bulk_jobs.c.id == job_id, bulk_jobs.c.state == JobState.DRAFT.value)
                .values(digest=digest, total=total, state=JobState.FROZEN.value)
            )

    async def fingerprint(self, job_id: str) -> tuple[str, int]:
        """The SHA-256 over every line of a list as it was frozen, and how many there are."""
        digest, total = hashlib.sha256(), 0
        columns = (_HAS.key, _HAS.object_id, _HAS.before, _HAS.after)
        async for part in self._parts(job_id, columns):
            for row in part:
                line = [row.key, row.object_id, sorted(row.before.items()), sorted(row.after.items())]
                digest.update(json.dumps(line, ensure_ascii=True).encode() + b"\n")
            total += len(part)
        return digest.hexdigest(), total

    async def samples(self, job_id: str, count: int) -> tuple[str, ...]:
        """A few labels of a list."""
        query = sa.select(_HAS.label).where(_HAS.job_id == job_id).order_by(_HAS.label).limit(count)
        async with self._database.read() as connection:
            return tuple((await connection.execute(query)).scalars())

    async def entries(self, job_id: str, *, changed: bool) -> AsyncIterator[list[Entry]]:
        """The lines of a list with what stood there right before the effect, part after part."""
        columns = (_HAS.key, _HAS.object_id, _HAS.label, _HAS.before, _HAS.after, _HAS.found)
        async for part in self._parts(job_id, columns, _HAS.changed.is_(True) if changed else sa.true()):
            yield [Entry(row.key, row.object_id, row.label, row.found or row.before, row.after) for row in part]

    async def forget(self, before: datetime, never_begun_before: datetime) -> None:
        """Throws away lists that nobody can use or undo any more."""
        old = sa.or_(
            bulk_jobs.c.ended_at < before,
            sa.and_(bulk_jobs.c.began_at.is_(None), bulk_jobs.c.made_at < never_begun_before),
        )
        async with self._database.write() as connection:
            await _delete(connection, old)

    # -- jobs ------------------------------------------------------------------------------------------------------

    async def job(self, job_id: str) -> Job | None:
        """A job; None where there is none."""
        async with self._database.read() as connection:
            row = (await connection.execute(sa.select(bulk_jobs).where(bulk_jobs.c.id == job_id))).one_or_none()
        if row is None:
            return None
        return Job(
            id=row.id,
            census=row.census,
            kind=row.kind,
            digest=row.digest,
            total=row.total,
            state=JobState(row.state),
            halt=Halt(row.halt),
            reason=row.reason,
            began_at=row.began_at,
        )

    async def begin(self, job_id: str, now: datetime) -> None:
        """The job runs from now on. What failed in an earlier run waits again."""
        again = [ItemState.FAILED.value, ItemState.UNKNOWN.value]
        async with self._database.write() as connection:
            ended = await connection.execute(
                sa.update(bulk_jobs)
                .where(bulk_jobs.c.id == job_id, bulk_jobs.c.state == JobState.ENDED.value)
                .values(reason="", halt=Halt.NONE.value)
            )
            if ended.rowcount:
                await connection.execute(
                    sa.update(bulk_items)
                    .where(_HAS.job_id == job_id, _HAS.state.in_(again))
                    .values(state=ItemState.WAITING.value, reason="", attempts=sa.case((_HAS.attempts > 0, 1), else_=0))
                )
            await connection.execute(
                sa.update(bulk_jobs)
                .where(bulk_jobs.c.id == job_id)
                .values(
                    state=JobState.RUNNING.value,
                    began_at=sa.func.coalesce(bulk_jobs.c.began_at, sa.literal(now, tables.UtcTime)),
                )
            )

    async def end(self, job_id: str, reason: str, now: datetime) -> None:
        """The job is over; `reason` says why something is left."""
        async with self._database.write() as connection:
            await connection.execute(
                sa.update(bulk_jobs)
                .where(bulk_jobs.c.id == job_id)
                .values(state=JobState.ENDED.value, reason=reason, ended_at=now)
            )

    async def counts(self, job_id: str) -> Counter[ItemState]:
        """How many items are how far."""
        query = sa.select(_HAS.state, sa.func.count()).where(_HAS.job_id == job_id).group_by(_HAS.state)
        async with self._database.read() as connection:
            return Counter({ItemState(state): count for state, count in await connection.execute(query)})

    async def changed(self, job_id: str) -> int:
        """How many items we changed."""
        query = sa.select(sa.func.count()).where(_HAS.job_id == job_id, _HAS.changed.is_(True))
        async with self._database.read() as connection:
            return await connection.scalar(query) or 0

    async def failed(self, job_id: str) -> dict[str, int]:
        """Why items failed, and how many for each reason."""
        query = (
            sa.select(_HAS.reason, sa.func.count())
            .where(_HAS.job_id == job_id, _HAS.state == ItemState.FAILED.value)
            .group_by(_HAS.reason)
            .order_by(_HAS.reason)
        )
        async with self._database.read() as connection:
            return {str(row[0]): int(row[1]) for row in await connection.execute(query)}

    # -- items -----------------------------------------------------------------------------------------------------

    async def turn(
        self, job_id: str, owner: str, results: Sequence[Result], want: int
    ) -> tuple[tuple[Item, ...], Halt]:
        """Records what came of claimed items and claims the next, at most `want`; none while the job is halted.

        A result of somebody who has lost the claim changes nothing.
        """
        async with self._database.write() as connection:
            await _record(connection, job_id, owner, results)
            halt = Halt(await connection.scalar(sa.select(bulk_jobs.c.halt).where(bulk_jobs.c.id == job_id)) or "")
            if halt is Halt.NONE and await brake.current(connection) is not None:
                halt = Halt.PAUSED
            if want <= 0 or halt is not Halt.NONE:
                return (), halt
            query = (
                sa.select(bulk_items)
                .where(_HAS.job_id == job_id, _HAS.state == ItemState.WAITING.value)
                .limit(want)
                .with_for_update(skip_locked=True)
            )
            items = tuple(_item(row) for row in await connection.execute(query))
            if items:
                mine = sa.and_(_HAS.job_id == job_id, _HAS.key.in_([item.key for item in items]))
                values = {"state": ItemState.CLAIMED.value, "owner": owner}
                await connection.execute(sa.update(bulk_items).where(mine).values(**values))
        return items, halt

    async def owners(self, job_id: str) -> tuple[frozenset[str], frozenset[str]]:
        """Who has claims, and which processes live."""
        query = sa.select(_HAS.owner).where(_HAS.job_id == job_id, _HAS.state == ItemState.CLAIMED.value).distinct()
        async with self._database.read() as connection:
            owners = (await connection.execute(query)).scalars()
            living = (await connection.execute(sa.select(tables.executors.c.id))).scalars()
            return frozenset(owner or "" for owner in owners), frozenset(living)

    async def take_over(self, job_id: str, dead: Collection[str], owner: str, limit: int) -> tuple[Item, ...]:
        """Claims of the dead, which are `owner`'s from now on."""
        async with self._database.write() as connection:
            query = (
                sa.select(bulk_items)
                .where(_HAS.job_id == job_id, _HAS.state == ItemState.CLAIMED.value, _HAS.owner.in_(list(dead)))
                .limit(limit)
                .with_for_update(skip_locked=True)
            )
            items = tuple(_item(row) for row in await connection.execute(query))
            mine = sa.and_(_HAS.job_id == job_id, _HAS.key.in_([item.key for item in items]))
            await connection.execute(sa.update(bulk_items).where(mine).values(owner=owner))
        return items

    async def of(self, job_id: str, keys: Collection[str] | None = None) -> tuple[Item, ...]:
        """The items with these keys, or all of them."""
        query = sa.select(bulk_items).where(_HAS.job_id == job_id)
        if keys is not None:
            query = query.where(_HAS.key.in_(list(keys)))
        async with self._database.read() as connection:
            return tuple(_item(row) for row in await connection.execute(query))

    async def unseen(self, job_id: str, limit: int) -> tuple[Item, ...]:
        """Some items that were sent and have not shown."""
        sent = [ItemState.SENT.value, ItemState.UNKNOWN.value]
        query = sa.select(bulk_items).where(_HAS.job_id == job_id, _HAS.state.in_(sent)).limit(limit)
        async with self._database.read() as connection:
            return tuple(_item(row) for row in await connection.execute(query))

    async def known(self, job: Job, keys: Collection[str]) -> frozenset[str]:
        """Which of the keys were on any list of the same kind and look around."""
        query = (
            sa.select(_HAS.key)
            .join(bulk_jobs, bulk_jobs.c.id == _HAS.job_id)
            .where(bulk_jobs.c.census == job.census, bulk_jobs.c.kind == job.kind, _HAS.key.in_(list(keys)))
        )
        async with self._database.read() as connection:
            return frozenset((await connection.execute(query)).scalars())

    async def settle(self, job_id: str, results: Sequence[Result]) -> None:
        """Records what was found out about items that nobody has claimed."""
        async with self._database.write() as connection:
            await _record(connection, job_id, None, results)

    async def found(self, job_id: str, states: Mapping[str, Switches]) -> None:
        """Keeps how items stood right before the effect."""
        async with self._database.write() as connection:
            for key, switches in states.items():
                one = sa.and_(_HAS.job_id == job_id, _HAS.key == key)
                await connection.execute(sa.update(bulk_items).where(one).values(found=dict(switches)))

    async def _parts(
        self, job_id: str, columns: Sequence[sa.Column[Any]], where: sa.ColumnElement[bool] | None = None
    ) -> AsyncIterator[Sequence[sa.Row[Any]]]:
        """The rows of a list in the order of their keys."""
        last = ""
        while True:
            query = sa.select(*columns).where(_HAS.job_id == job_id, _HAS.key > last).order_by(_HAS.key).limit(_PART)
            if where is not None:
                query = query.where(where)
            async with self._database.read() as connection:
                part = (await connection.execute(query)).all()
            if not part:
                return
            yield part
            last = part[-1].key


async def halt_lists(connection: AsyncConnection, job_ids: Collection[str], halt: Halt) -> None:
    """Says what a person wants of these lists, in the caller's transaction. Those that are over stay as they are."""
    these = sa.and_(bulk_jobs.c.id.in_(list(job_ids)), bulk_jobs.c.state != JobState.ENDED.value)
    await connection.execute(sa.update(bulk_jobs).where(these).values(halt=halt.value))


async def halt_of(connection: AsyncConnection, job_ids: Collection[str]) -> Halt | None:
    """What a person last wanted of those of the lists that are not over; None where all are, or there are none."""
    query = sa.select(bulk_jobs.c.halt).where(
        bulk_jobs.c.id.in_(list(job_ids)), bulk_jobs.c.state.in_([JobState.FROZEN.value, JobState.RUNNING.value])
    )
    halts = {Halt(value) for value in (await connection.execute(query)).scalars()}
    return next((halt for halt in (Halt.STOPPED, Halt.PAUSED, Halt.NONE) if halt in halts), None)


async def _record(connection: AsyncConnection, job_id: str, owner: str | None, results: Sequence[Result]) -> None:
    if not results:
        return
    mine = _HAS.owner.is_(None) if owner is None else _HAS.owner == owner
    statement = (
        sa.update(bulk_items)
        .where(_HAS.job_id == job_id, _HAS.key == sa.bindparam("the_key"), mine)
        .values(
            state=sa.bindparam("new_state"),
            changed=sa.or_(_HAS.changed, sa.bindparam("ours", type_=sa.Boolean)),
            attempts=_HAS.attempts + sa.bindparam("tries", type_=sa.Integer),
            reason=sa.bindparam("why"),
            owner=None,
        )
    )
    values = [
        {
            "the_key": result.key,
            "new_state": result.state.value,
            "ours": result.changed,
            "tries": int(result.tried),
            "why": result.reason,
        }
        for result in results
    ]
    await connection.execute(statement, values)


async def _delete(connection: AsyncConnection, which: sa.ColumnElement[bool]) -> None:
    ids = sa.select(bulk_jobs.c.id).where(which)
    await connection.execute(sa.delete(bulk_items).where(_HAS.job_id.in_(ids)))
    await connection.execute(sa.delete(bulk_jobs).where(which))


def _item(row: sa.Row[Any]) -> Item:
    return Item(row.key, row.found or row.before, row.after, ItemState(row.state), row.attempts)
