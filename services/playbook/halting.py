"""Pausing, going on with and stopping a run that works off long lists. What is under way at that moment still ends."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection

from services.bulk import Halt, halt_lists, halt_of, undo_of
from services.channel import Actor
from services.errors import BadInput
from services.incidents import timeline
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


async def standing_halt(connection: AsyncConnection, run: Run) -> Halt | None:
    """How a run stands that a person may steer; None where there is nothing to steer."""
    ids = lists_of(run) if run.state is State.RUNNING else ()
    return await halt_of(connection, ids) if ids else None


async def steer(
    connection: AsyncConnection, incident_id: str, run_id: str, wanted: Steer, actor: Actor, now: datetime
) -> None:
    """Writes down what a person wants of a run, with its line in the timeline; the run obeys within seconds.

    Wanting what is so already changes nothing. Raises BadInput where the run is over or has nothing to steer.
    """
    run = next((each for each in await runs_of(connection, incident_id) if each.id == run_id), None)
    halt = None if run is None else await standing_halt(connection, run)
    if run is None or halt is None or halt is Halt.STOPPED:
        raise BadInput(reason="stale-card")
    if halt is _HALTS[wanted]:
        return
    await halt_lists(connection, lists_of(run), _HALTS[wanted])
    await timeline.append(
        connection,
        incident_id,
        _EVENTS[wanted],
        at=now,
        actor_id=actor.object_id,
        data={"step": run.step_id},
    )
