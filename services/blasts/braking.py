"""What a stop of all work does to blasts: those that are being sent wait, and go on by themselves after it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.blasts import rows
from services.blasts.model import BlastEvent, BlastState, PauseReason
from services.channel import Actor
from services.database.blast_tables import blasts


async def hold(connection: AsyncConnection, by: Actor, now: datetime) -> int:
    """Pauses what is being sent. Returns how many blasts that are."""
    running = blasts.c.state == BlastState.RUNNING.value
    ids = list((await connection.execute(sa.select(blasts.c.id).where(running))).scalars())
    for blast_id in ids:
        blast = await rows.get(connection, blast_id, lock=True)
        if blast.state is BlastState.RUNNING:
            state, reason = BlastState.PAUSED.value, PauseReason.BRAKE.value
            values: dict[str, Any] = {"state": state, "reason": reason, "next_at": None, "rate": 0.0}
            await rows.move(connection, blast, BlastEvent.PAUSED, now, actor_id=by.object_id, **values)
    return len(ids)


async def let_go(connection: AsyncConnection, by: Actor, now: datetime) -> list[str]:
    """Goes on with what only the stop has paused. Returns the keys of the runs to start."""
    held = sa.and_(blasts.c.state == BlastState.PAUSED.value, blasts.c.reason == PauseReason.BRAKE.value)
    keys: list[str] = []
    for blast_id in list((await connection.execute(sa.select(blasts.c.id).where(held))).scalars()):
        blast = await rows.get(connection, blast_id, lock=True)
        state, run = BlastState.RUNNING.value, blasts.c.run + 1
        going: dict[str, Any] = {"state": state, "reason": None, "next_at": now, "run": run}
        await rows.move(connection, blast, BlastEvent.RESUMED, now, actor_id=by.object_id, **going)
        keys.append(rows.run_key(blast.id, blast.run + 1))
    return keys
