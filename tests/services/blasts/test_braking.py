"""A stop of all work and the blasts: what is being sent waits and goes on; what a person paused stays paused."""

from __future__ import annotations

import sqlalchemy as sa

from services.blasts import braking, rows
from services.blasts.model import BlastState, PauseReason
from services.database import Database
from services.database.blast_tables import blasts
from tests.services.blasts.desk import ADELE, Desk
from tests.services.fakes import CHANNEL


async def test_what_is_being_sent_waits_and_goes_on(database: Database) -> None:
    desk = Desk(database)
    sent, paused = await desk.approved(), await desk.approved()
    await desk.blasts.pause(paused.id, ADELE, CHANNEL)
    async with database.write() as connection:
        begun = sa.update(blasts).where(blasts.c.id == sent.id).values(state=BlastState.RUNNING.value)
        await connection.execute(begun)
        assert await braking.hold(connection, ADELE, desk.clock()) == 1
        held = await rows.get(connection, sent.id)
        assert (held.state, held.reason) == (BlastState.PAUSED, PauseReason.BRAKE)
        assert await braking.let_go(connection, ADELE, desk.clock()) == 1
        going = await rows.get(connection, sent.id)
        assert (going.state, going.run) == (BlastState.RUNNING, held.run + 1)
        assert (await rows.get(connection, paused.id)).reason == PauseReason.PERSON
