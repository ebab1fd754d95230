"""The brake: while an administrator has stopped IRBot, nothing has an effect. Each process reads it from its row."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.channel import Actor
from services.database.operation_tables import stops
from services.errors import Conflict
from services.incidents.model import actor_from_json


@dataclass(frozen=True)
class Stop:
    """One stop that holds: by whom, since when and why."""

    id: str
    by: Actor
    at: datetime
    reason: str


async def current(connection: AsyncConnection) -> Stop | None:
    """The stop that holds now; None while work goes on."""
    query = sa.select(stops).where(stops.c.ended_at.is_(None)).order_by(stops.c.at).limit(1)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Stop(row.id, actor_from_json(row.by), row.at, row.reason)


async def put_on(connection: AsyncConnection, by: Actor, reason: str, now: datetime) -> Stop:
    """Stops all work in the caller's transaction. Returns the stop that holds, which may be somebody else's."""
    held = await current(connection)
    if held is not None:
        return held
    stop = Stop(str(uuid.uuid4()), by, now, reason)
    await connection.execute(sa.insert(stops).values(id=stop.id, by=asdict(by), at=now, reason=reason))
    return stop


async def take_off(connection: AsyncConnection, by: Actor, now: datetime) -> Stop:
    """Ends every stop that holds, and returns the first. Raises Conflict where there is none."""
    held = await current(connection)
    if held is None:
        raise Conflict(reason="not-stopped")
    values = {"ended_by": asdict(by), "ended_at": now}
    await connection.execute(sa.update(stops).where(stops.c.ended_at.is_(None)).values(**values))
    return held
