"""How many rows of each kind are in which state, and how long the oldest of them waits: the operator's gauges."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.database import Database, blast_tables, bulk_tables, tables, task_tables

_ENDED_BLASTS = ("done", "cancelled", "recalled", "refused", "expired")
_KINDS: Mapping[str, sa.Table] = {
    "incident": tables.incidents,
    "approval": tables.approvals,
    "step": tables.step_runs,
    "request": tables.requests,
    "post": tables.posts,
    "task": task_tables.tasks,
    "blast": blast_tables.blasts,
    "bulk-job": bulk_tables.bulk_jobs,
}


async def count(database: Database, now: datetime) -> tuple[dict[tuple[str, str], float], dict[str, float]]:
    """The numbers by kind and state, and the age in seconds of the oldest row that waits, by kind."""
    async with database.read() as connection:
        numbers = {
            (kind, str(row.state)): float(row.number)
            for kind, table in _KINDS.items()
            for row in await connection.execute(
                sa.select(table.c.state, sa.func.count().label("number")).group_by(table.c.state)
            )
        }
        numbers |= await _under_way(connection)
        ages = {
            "request": await _age(
                connection, tables.requests.c.received_at, tables.requests.c.state == "received", now
            ),
            "post": await _age(connection, tables.posts.c.updated_at, _behind(), now),
            "approval": await _age(
                connection, tables.approvals.c.created_at, tables.approvals.c.state == "waiting", now
            ),
        }
    return numbers, ages


def _behind() -> sa.ColumnElement[bool]:
    posts = tables.posts.c
    return posts.state.in_(("wanted", "sending", "posted")) & (posts.wanted_revision > posts.published_revision)


async def _under_way(connection: AsyncConnection) -> dict[tuple[str, str], float]:
    """The recipients of blasts and the items of bulk jobs that are not at their end."""
    recipients, blasts = blast_tables.blast_recipients.c, blast_tables.blasts.c
    items, jobs = bulk_tables.bulk_items.c, bulk_tables.bulk_jobs.c
    queries = {
        "blast-recipient": sa.select(recipients.state, sa.func.count().label("number"))
        .where(recipients.blast_id.in_(sa.select(blasts.id).where(blasts.state.not_in(_ENDED_BLASTS))))
        .group_by(recipients.state),
        "bulk-item": sa.select(items.state, sa.func.count().label("number"))
        .where(items.job_id.in_(sa.select(jobs.id).where(jobs.ended_at.is_(None))))
        .group_by(items.state),
    }
    return {
        (kind, str(row.state)): float(row.number)
        for kind, query in queries.items()
        for row in await connection.execute(query)
    }


async def _age(
    connection: AsyncConnection, at: sa.Column[datetime], waits: sa.ColumnElement[bool], now: datetime
) -> float:
    oldest: datetime | None = (await connection.execute(sa.select(sa.func.min(at)).where(waits))).scalar_one()
    return 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
