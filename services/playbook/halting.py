"""Pausing, going on with and stopping a run that works off long lists. What is under way at that moment still ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.bulk import Halt, halt_lists, halt_of, undo_of
from services.channel import Actor
from services.database import tables
from services.errors import BadInput
from services.incidents import store, timeline
from services.incidents.timeline import AuditTag
from services.playbook.ledger import Run, RunKind, runs_of
from services.playbook.step import State


class Steer(StrEnum):
    """What a person wants of a run."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"


_HALTS = {Steer.PAUSE: Halt.PAUSED, Steer.RESUME: Halt.NONE, Steer.STOP: Halt.STOPPED}
_EVENTS = {
    Steer.PAUSE: AuditTag.STEP_PAUSED,
    Steer.RESUME: AuditTag.STEP_RESUMED,
    Steer.STOP: AuditTag.STEP_STOPPED,
}


def lists_of(run: Run) -> tuple[str, ...]:
    """The ids of the lists that a run works off; none for most steps."""
    ids = (str(change.data["job"]) for change in run.plan.changes if "job" in change.data)
    return tuple(map(undo_of, ids)) if run.kind is RunKind.UNDO else tuple(ids)


@dataclass(frozen=True)
class Steerable:
    """How a run stands that a person may steer. `nonce` is another one after each pause and each going on."""

    halt: Halt
    nonce: str


async def steerable(connection: AsyncConnection, run: Run) -> Steerable | None:
    """How a run stands; None where there is nothing to steer (any more)."""
    ids = lists_of(run) if run.state is State.RUNNING else ()
    halt = await halt_of(connection, ids) if ids else None
    if halt is None or halt is Halt.STOPPED:
        return None
    turns = [event.value for event in (AuditTag.STEP_PAUSED, AuditTag.STEP_RESUMED)]
    query = sa.select(sa.func.count()).where(
        tables.timeline.c.incident_id == run.incident_id, tables.timeline.c.event.in_(turns)
    )
    return Steerable(halt, f"{run.id}:{await connection.scalar(query)}")


async def steer(
    connection: AsyncConnection, incident_id: str, nonce: str, wanted: Steer, actor: Actor, now: datetime
) -> None:
    """Writes down what a person wants of a run, with its line in the timeline; the run obeys within seconds.

    Wanting what is so already changes nothing. Raises BadInput where the run is over or has nothing to steer, or where
    it was steered since the button was drawn; a stop counts all the same.
    """
    run_id = nonce.partition(":")[0]
    run = next((each for each in await runs_of(connection, incident_id) if each.id == run_id), None)
    stands = None if run is None else await steerable(connection, run)
    if run is None or stands is None:
        raise BadInput(reason="stale-card")
    if stands.halt is _HALTS[wanted]:
        return
    if wanted is not Steer.STOP and not store.same_nonce(stands.nonce, nonce):
        raise BadInput(reason="stale-card")
    await halt_lists(connection, lists_of(run), _HALTS[wanted])
    await timeline.append(
        connection, incident_id, _EVENTS[wanted], at=now, actor_id=actor.object_id, data={"step": run.step_id}
    )
