"""How a warning or a lesson of an incident ends: a run of its step, so that headline, verdict and report know it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from services.blasts import receipts, rows
from services.blasts.model import Blast, BlastKind, BlastState, Counts
from services.blasts.reach import Reach, reach_of
from services.database import Database
from services.database.blast_tables import blasts
from services.database.tables import step_runs
from services.incidents import store
from services.playbook import guided
from services.playbook.ledger import Ledger
from services.playbook.step import Outcome, State

STEP_OF = {BlastKind.EDUCATE: "educate-users", BlastKind.WARN: "warn-colleagues"}
_ENDS = (
    BlastState.CANCELLED,
    BlastState.DONE,
    BlastState.EXPIRED,
    BlastState.RECALLED,
    BlastState.REFUSED,
)
_RECENT = timedelta(days=7)
_OURS = uuid.UUID("0a4a44e2-7a52-4f5a-8f36-3b1d2f0f4f6e")


class Outcomes:
    """Looks for blasts that have ended and are not told of yet. Safe to run as often as one likes, anywhere."""

    def __init__(self, database: Database, ledger: Ledger, now: Callable[[], datetime]) -> None:
        self._database = database
        self._ledger = ledger
        self._now = now

    async def record_ended(self) -> int:
        """Records each end once; returns how many are new."""
        ended = [blast for blast in await self._ended() if blast.kind in STEP_OF and blast.incident_id is not None]
        told = 0
        for blast in ended:
            cause = cause_of(blast)
            async with self._database.read() as connection:
                known = await connection.scalar(sa.select(step_runs.c.id).where(step_runs.c.cause == cause).limit(1))
                if known is not None:
                    continue
                incident = await store.get(connection, str(blast.incident_id))
                reach = await reach_of(connection, blast.id)
                counts = await receipts.counts_of(connection, blast.id)
            outcome = outcome_of(blast, reach, counts)
            await guided.record(
                self._ledger, incident, STEP_OF[blast.kind], outcome, blast.requester, cause, self._now()
            )
            told += 1
        return told

    async def _ended(self) -> tuple[Blast, ...]:
        query = sa.select(blasts.c.id).where(
            blasts.c.state.in_([state.value for state in _ENDS]),
            blasts.c.incident_id.is_not(None),
            blasts.c.parent_id.is_(None),  # a reminder is part of what it reminds of
            sa.func.coalesce(blasts.c.finished_at, blasts.c.decided_at, blasts.c.created_at) > self._now() - _RECENT,
        )
        async with self._database.read() as connection:
            ids = list((await connection.execute(query)).scalars())
            return tuple([await rows.get(connection, blast_id) for blast_id in ids])


def cause_of(blast: Blast) -> str:
    """A blast that was done and then taken back has ended twice; one that was sent again to the unknown, too."""
    return str(uuid.uuid5(_OURS, f"{blast.id}:{blast.state.value}:{blast.run}"))


def outcome_of(blast: Blast, reach: Reach, counts: Counts) -> Outcome:
    """The end in words. That some were not reached is never called done."""
    whom = f"{reach.inside:,} inside and {reach.outside:,} outside" if reach.outside else f"{reach.inside:,} people"
    done = "warned" if blast.kind is BlastKind.WARN else "got the lesson"
    match blast.state:
        case BlastState.REFUSED:
            by = f" by {blast.decided_by.name}" if blast.decided_by else ""
            return Outcome(State.REFUSED, f"Refused{by}. Nothing was sent.")
        case BlastState.EXPIRED:
            return Outcome(State.SKIPPED, "Nobody decided in time. Nothing was sent.")
        case BlastState.RECALLED:
            return Outcome(State.UNDONE, f"{counts.recalled:,} messages were taken back. Mail cannot be taken back.")
        case BlastState.CANCELLED:
            sent = f"{counts.sent:,} had it already." if counts.sent else "Nothing was sent."
            return Outcome(State.SKIPPED, f"Cancelled. {sent}")
    if counts.unknown:
        return Outcome(State.UNKNOWN, f"Of {counts.unknown:,} nobody knows whether it arrived. See its card.")
    if counts.failed:
        return Outcome(
            State.FAILED, f"{counts.sent:,} of {counts.people:,} {done}; {counts.failed:,} not reached. See its card."
        )
    clicked = f" {counts.clicked:,} said that they clicked." if counts.clicked else ""
    return Outcome(State.DONE, f"{whom} {'were ' if blast.kind is BlastKind.WARN else ''}{done}.{clicked}")
