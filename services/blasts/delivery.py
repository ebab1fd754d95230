"""Carrying out a blast: one durable job for each run of it, which claims slices and sends them within the budgets.

A run ends when nothing can be sent now: all is done, a person is to decide, or everybody who is left sleeps. What comes
later is a row with a due time; no job waits for hours.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services import brake
from services.access import Access, Permission
from services.blasts import ledger, rows
from services.blasts.braking import BrakedChannel
from services.blasts.budget import Budget
from services.blasts.channel import MassChannel
from services.blasts.installing import Installer
from services.blasts.ledger import Lead
from services.blasts.mail_lane import MailLane
from services.blasts.model import Blast, BlastEvent, BlastState, PauseReason, digest_of
from services.blasts.recalling import take_back
from services.blasts.run import Run
from services.database import Database
from services.database.blast_tables import blasts
from services.errors import NotAllowed, UpstreamDown
from services.settings import Settings

log = logging.getLogger(__name__)

JOB = "blast"
CALLS = "teams-calls"
_LATE = timedelta(hours=12)
_LOOK_FOR_THE_LEAD_SECONDS = 0.5
_STOP_SEEN_AFTER_SECONDS = 0.25  # each message asks; a database is not asked for each

# What a stop of all work pauses when its run begins; a recall stays as it is, and its run is not begun.
_SENDING = (BlastState.SCHEDULED.value, BlastState.RUNNING.value)

Tell = Callable[[str], Awaitable[None]]


class Delivery:
    """The jobs. `tell` is called sparingly while a blast moves, so that its card can be drawn again."""

    def __init__(
        self,
        *,
        database: Database,
        access: Access,
        channel: MassChannel,
        installer: Installer,
        mail: MailLane | None,
        settings: Settings,
        executor: str,
        holds_lease: Callable[[], bool],
        tell: Tell,
        now: Callable[[], datetime],
    ) -> None:
        self.database = database
        self._brake = brake.Brake(database, recent_seconds=_STOP_SEEN_AFTER_SECONDS)
        self.channel = BrakedChannel(channel, self._brake.insist)
        self.installer = installer
        self.mail = mail
        self.tell = tell
        self.now = now
        self.budget = Budget(CALLS, settings.blast_messages_per_second, settings.teams_calls_per_second)
        self._access = access
        self._executor = executor
        self._holds_lease = holds_lease
        self._running = 0
        self.closing = asyncio.Event()

    def close(self) -> None:
        """Lets what is under way come to its end and begins nothing more; the next process goes on from there."""
        self.closing.set()

    async def pending(self) -> Sequence[str]:
        """The runs whose time has come; see `Durable.register`."""
        if self.closing.is_set():
            return ()
        now = self.now()
        async with self.database.read() as connection:
            stopped = await brake.current(connection) is not None
            moving = _SENDING if stopped else (*_SENDING, BlastState.RECALLING.value)
            query = sa.select(blasts.c.id, blasts.c.run).where(blasts.c.state.in_(moving), blasts.c.next_at <= now)
            return [rows.run_key(row.id, row.run) for row in await connection.execute(query)]

    async def gave_up(self, key: str, correlation_id: str) -> None:
        """A run that failed for good waits for a person."""
        lead = self._lead(key)
        async with self.database.write() as connection:
            blast = await rows.get(connection, lead.blast_id, lock=True)
            if blast.run == lead.run and blast.state in {BlastState.RUNNING, BlastState.SCHEDULED}:
                await self.pause(connection, blast, PauseReason.STOPPED, {"correlation": correlation_id})
                await ledger.settle_leftovers(connection, blast)
        await self.tell(lead.blast_id)

    async def run(self, key: str) -> None:
        """One run, from the lead to its end. Safe to repeat after a kill at any instant."""
        lead = self._lead(key)
        blast = await self._take_lead(lead)
        if blast is None:
            return
        self._running += 1
        self._brake.look_again()
        self.channel.leave(self.budget.rate)
        try:
            if blast.state is BlastState.RECALLING:
                await take_back(self, lead, blast)
            elif await self._ready(lead, blast):
                await Run(self, lead, await self._current(lead)).to_its_end()
        finally:
            self._running -= 1
            if not self._running:
                self.channel.leave(0)
            async with self.database.write() as connection:
                await ledger.give_up_lead(connection, lead)
            await self.tell(lead.blast_id)

    def may_send(self) -> bool:
        """False when this process may have been declared dead."""
        return self._holds_lease()

    async def reserve(self, calls: int) -> list[float]:
        """Reserves calls: when each may be made, by the loop's clock."""
        async with self.database.write() as connection:
            gaps = await self.budget.reserve(connection, calls)
        begun = asyncio.get_running_loop().time()
        return [begun + gap for gap in gaps]

    async def hold(self, seconds: float, shrink: bool) -> None:
        """Nobody calls Teams for so long."""
        async with self.database.write() as connection:
            await self.budget.hold(connection, seconds, shrink=shrink)

    def _lead(self, key: str) -> Lead:
        blast_id, _, run = key.rpartition("/")
        return Lead(blast_id, int(run), self._executor, str(uuid.uuid4()))

    async def _current(self, lead: Lead) -> Blast:
        async with self.database.read() as connection:
            return await rows.get(connection, lead.blast_id)

    async def _take_lead(self, lead: Lead) -> Blast | None:
        """The blast, once nobody else leads it; None where this run has nothing to do."""
        moving = {BlastState.SCHEDULED, BlastState.RUNNING, BlastState.RECALLING}
        while True:
            async with self.database.write() as connection:
                blast = await rows.get(connection, lead.blast_id, lock=True)
                if blast.run != lead.run or blast.state not in moving:
                    return None
                if await ledger.take_lead(connection, lead) is not None:
                    await ledger.settle_leftovers(connection, blast)
                    return blast
            await asyncio.sleep(_LOOK_FOR_THE_LEAD_SECONDS)

    async def _ready(self, lead: Lead, blast: Blast) -> bool:
        """Compares what would be sent with what was approved, and asks again whether both people may."""
        problem = await self._changed(blast) or await self._not_allowed(blast)
        now = self.now()
        if problem is None and blast.state is BlastState.SCHEDULED and blast.scheduled_at is not None:
            due = max(blast.scheduled_at, blast.decided_at or blast.scheduled_at)
            problem = PauseReason.LATE if now - due > _LATE else None
        async with self.database.write() as connection:
            current = await rows.get(connection, blast.id, lock=True)
            if current.run != lead.run or current.state is not blast.state:
                return False
            if problem is not None:
                await self.pause(connection, current, problem)
                return False
            if current.state is BlastState.SCHEDULED:
                values: dict[str, Any] = {
                    "state": BlastState.RUNNING.value,
                    "started_at": current.started_at or now,
                    "next_at": now,
                }
                await rows.move(connection, current, BlastEvent.STARTED, now, data={"digest": blast.digest}, **values)
        return True

    async def _changed(self, blast: Blast) -> PauseReason | None:
        async with self.database.read() as connection:
            audience, people = await rows.audience_of(connection, blast.id)
        digest = digest_of(blast.kind, audience, people, blast.content, blast.plan, blast.scheduled_at)
        return None if digest == blast.digest else PauseReason.CHANGED

    async def _not_allowed(self, blast: Blast) -> PauseReason | None:
        try:
            await self._access.require(blast.requester, Permission.BLAST_SEND, None)
            if blast.decided_by is not None:
                await self._access.require(blast.decided_by, Permission.APPROVAL_DECIDE, None)
        except NotAllowed as error:
            if error.data.get("reason") == "role-check-failed":
                raise UpstreamDown(service="graph", reason="role-check-failed") from error
            return PauseReason.BRAKE if error.data.get("reason") == "stopped" else PauseReason.STOPPED
        return PauseReason.CHANGED if blast.decided_by is None else None

    async def pause(
        self,
        connection: AsyncConnection,
        blast: Blast,
        reason: PauseReason,
        data: dict[str, str] | None = None,
    ) -> None:
        """Waits for a person; the caller has locked the row."""
        values: dict[str, Any] = {
            "state": BlastState.PAUSED.value,
            "reason": reason.value,
            "next_at": None,
            "rate": 0.0,
        }
        told = {"reason": reason.value, **(data or {})}
        await rows.move(connection, blast, BlastEvent.PAUSED, self.now(), data=told, **values)
