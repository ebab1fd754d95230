"""The brake: while an administrator has stopped IRBot, nothing has an effect. Each process reads it from its row.

Whatever changes Microsoft 365 or sends something asks `Brake.insist` at the last moment before the effect. What is only
written down, read, or shown on a card goes on.
"""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.channel import Actor
from services.database import Database, tables
from services.database.operation_tables import stops
from services.errors import Conflict, Stopped
from services.incidents import timeline
from services.incidents.model import IncidentState, actor_from_json
from services.incidents.timeline import AuditTag


@dataclass(frozen=True)
class Stop:
    """One stop that holds: by whom, since when and why."""

    id: str
    by: Actor
    at: datetime
    reason: str

    def error(self) -> Stopped:
        """The refusal of an effect."""
        return Stopped(by=self.by.name, why=self.reason)


class Brake:
    """The gate before every effect."""

    def __init__(self, database: Database, *, recent_seconds: float = 0.0) -> None:
        """`recent_seconds` is for what happens very often: that no stop held so long ago is good enough for it."""
        self._database = database
        self._recent_seconds = recent_seconds
        self._free_at = -math.inf
        self._one = asyncio.Lock()

    async def insist(self) -> None:
        """Raises Stopped while a stop holds."""
        if not self._recent_seconds:
            await self._look()
            return
        async with self._one:  # whoever waited here takes the answer of who was before
            if time.monotonic() - self._free_at >= self._recent_seconds:
                asked = time.monotonic()
                await self._look()
                self._free_at = asked

    def look_again(self) -> None:
        """Lets no earlier answer count: what begins now asks the database."""
        self._free_at = -math.inf

    async def _look(self) -> None:
        async with self._database.read() as connection:
            held = await current(connection)
        if held is not None:
            raise held.error()


async def current(connection: AsyncConnection) -> Stop | None:
    """The stop that holds now; None while work goes on."""
    query = sa.select(stops).where(stops.c.ended_at.is_(None)).order_by(stops.c.at).limit(1)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Stop(row.id, actor_from_json(row.by), row.at, row.reason)


async def put_on(connection: AsyncConnection, by: Actor, reason: str, now: datetime) -> Stop:
    """Stops all work in the caller's transaction, and notes it in every open incident.

    Returns the stop that holds, which may be somebody else's.
    """
    held = await current(connection)
    if held is not None:
        return held
    stop = Stop(str(uuid.uuid4()), by, now, reason)
    await connection.execute(sa.insert(stops).values(id=stop.id, by=asdict(by), at=now, reason=reason))
    await _note(connection, AuditTag.WORK_STOPPED, by, reason, now)
    return stop


async def take_off(connection: AsyncConnection, by: Actor, now: datetime) -> Stop:
    """Ends every stop that holds, notes it in every open incident, and returns the first stop.

    Raises Conflict where there is none.
    """
    held = await current(connection)
    if held is None:
        raise Conflict(reason="not-stopped")
    values = {"ended_by": asdict(by), "ended_at": now}
    await connection.execute(sa.update(stops).where(stops.c.ended_at.is_(None)).values(**values))
    await _note(connection, AuditTag.WORK_RESUMED, by, "", now)
    return held


async def _note(connection: AsyncConnection, tag: AuditTag, by: Actor, reason: str, now: datetime) -> None:
    """A line in the timeline of each open incident; it has their cards drawn again."""
    still_open = tables.incidents.c.state == IncidentState.OPEN.value
    query = sa.select(tables.incidents.c.id).where(still_open).order_by(tables.incidents.c.number)
    data = {"by": by.name, "reason": reason}
    for incident_id in list((await connection.execute(query)).scalars()):
        await timeline.append(connection, incident_id, tag, at=now, actor_id=by.object_id, data=data)
