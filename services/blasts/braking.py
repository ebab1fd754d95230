"""What a stop of all work does to blasts: those that are being sent wait, and go on by themselves after it.

A message whose turn comes at that very moment meets the stop in front of its call. Recalls wait in their state.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.blasts import rows
from services.blasts.channel import Letter, MassChannel
from services.blasts.model import BlastEvent, BlastState, PauseReason
from services.channel import Actor, Card, Conversation
from services.database.blast_tables import blasts
from services.microsoft365.operations import Gate


class BrakedChannel:
    """Keeps `MassChannel`, and asks the gate right before each call. A closed gate raises Stopped: surely not sent."""

    def __init__(self, channel: MassChannel, gate: Gate) -> None:
        self._channel = channel
        self._gate = gate

    def prepare(self, card: Card, summary: str) -> Letter:
        """See `MassChannel`."""
        return self._channel.prepare(card, summary)

    async def post(self, where: Conversation, letter: Letter) -> str:
        """See `MassChannel`."""
        await self._gate()
        return await self._channel.post(where, letter)

    async def open_chat(self, object_id: str, service_url: str) -> Conversation:
        """See `MassChannel`."""
        await self._gate()
        return await self._channel.open_chat(object_id, service_url)

    async def delete(self, where: Conversation, activity_id: str) -> None:
        """See `MassChannel`."""
        await self._gate()
        await self._channel.delete(where, activity_id)

    def leave(self, calls_per_second: float) -> None:
        """See `MassChannel`."""
        self._channel.leave(calls_per_second)

    def live_calls(self) -> int:
        """See `MassChannel`."""
        return self._channel.live_calls()


async def hold(connection: AsyncConnection, by: Actor, now: datetime) -> int:
    """Pauses what is being sent. Returns how many blasts wait from now on, those that are being recalled too."""
    running = blasts.c.state == BlastState.RUNNING.value
    ids = list((await connection.execute(sa.select(blasts.c.id).where(running))).scalars())
    for blast_id in ids:
        blast = await rows.get(connection, blast_id, lock=True)
        if blast.state is BlastState.RUNNING:
            state, reason = BlastState.PAUSED.value, PauseReason.BRAKE.value
            values: dict[str, Any] = {"state": state, "reason": reason, "next_at": None, "rate": 0.0}
            await rows.move(connection, blast, BlastEvent.PAUSED, now, actor_id=by.object_id, **values)
    return len(ids) + await _recalls(connection)


async def let_go(connection: AsyncConnection, by: Actor, now: datetime) -> int:
    """Goes on with what only the stop has paused. Returns how many blasts go on, recalls too."""
    held = sa.and_(blasts.c.state == BlastState.PAUSED.value, blasts.c.reason == PauseReason.BRAKE.value)
    going_on = await _recalls(connection)
    for blast_id in list((await connection.execute(sa.select(blasts.c.id).where(held))).scalars()):
        blast = await rows.get(connection, blast_id, lock=True)
        state, run = BlastState.RUNNING.value, blasts.c.run + 1
        going: dict[str, Any] = {"state": state, "reason": None, "next_at": now, "run": run}
        await rows.move(connection, blast, BlastEvent.RESUMED, now, actor_id=by.object_id, **going)
        going_on += 1
    return going_on


async def _recalls(connection: AsyncConnection) -> int:
    recalling = blasts.c.state == BlastState.RECALLING.value
    return int(await connection.scalar(sa.select(sa.func.count()).select_from(blasts).where(recalling)) or 0)
