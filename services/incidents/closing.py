"""The end of an incident: its balance, the closing that makes it read only, and the way back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services import approvals, tasks
from services.channel import Actor
from services.database import Database
from services.errors import BadInput, Conflict
from services.incidents import store, timeline
from services.incidents.lessons import lessons_of
from services.incidents.model import Incident, IncidentState, Phase
from services.incidents.progress import OPEN, PLANNED, Progress, progress_of
from services.incidents.timeline import AuditTag
from services.incidents.verdict import verdict_of
from services.playbook import ENTRY_BY_ID
from services.playbook.ledger import Run, effects_of, findings_of, runs_of
from services.playbook.step import State, Step
from services.tasks import Task, TaskState

_PHASES: Mapping[Phase, str] = {
    Phase.INFORM: "Inform people",
    Phase.RECOVER: "Recover",
    Phase.STRENGTHEN: "Strengthen",
}
_DONE = frozenset({State.ALREADY_SO, State.DONE})


@dataclass(frozen=True)
class Line:
    """One thing on the balance."""

    title: str
    reason: str = ""
    who: str | None = None


@dataclass(frozen=True)
class Balance:
    """What an incident leaves. With nothing `still_open` it may be closed without a reason."""

    done: tuple[Line, ...]
    not_evaluated: tuple[Line, ...]
    waived: tuple[Line, ...]
    still_open: tuple[Line, ...]
    lessons: tuple[str, ...]


@dataclass(frozen=True)
class Closed:
    """Who closed an incident, when, and why with something open."""

    by: str
    at: datetime
    reason: str


async def balance_of(connection: AsyncConnection, incident: Incident, steps: Sequence[Step]) -> Balance:
    """The balance as of now, in the caller's transaction."""
    runs = await runs_of(connection, incident.id)
    findings = await findings_of(connection, incident.id)
    effects = {run.id: await effects_of(connection, run.id) for run in runs}
    by_hand = await tasks.tasks_of(connection, incident.id)
    progress = await progress_of(connection, incident, steps)
    verdict = verdict_of(incident, steps, runs, findings, effects, by_hand)
    latest = {run.step_id: run for run in runs}
    gaps = {gap.step_id: Line(gap.title, gap.reason) for gap in verdict.gaps}
    for run in latest.values():
        if run.state is State.NOT_EVALUATED:
            gaps.setdefault(run.step_id, Line(_title(run.step_id, steps), run.reason))
    return Balance(
        done=tuple(_ended(latest, steps, _DONE)) + tuple(_tasks(by_hand, TaskState.DONE, latest)),
        not_evaluated=tuple(gaps.values()),
        waived=tuple(_ended(latest, steps, {State.SKIPPED})) + tuple(_tasks(by_hand, TaskState.WAIVED, latest)),
        still_open=(
            *(Line(claim.text, "; ".join(claim.why[:1])) for claim in verdict.still_open),
            *_not_begun(progress),
        ),
        lessons=lessons_of(incident, verdict, runs, findings),
    )


def _ended(latest: Mapping[str, Run], steps: Sequence[Step], states: Iterable[State]) -> Iterable[Line]:
    wanted = frozenset(states)
    for run in latest.values():
        if run.state in wanted:
            yield Line(_title(run.step_id, steps), run.reason, run.actor.name)


def _tasks(by_hand: Sequence[Task], state: TaskState, latest: Mapping[str, Run]) -> Iterable[Line]:
    """Tasks that are no steps of the playbook: those have a run, and are told of by it."""
    for task in by_hand:
        if task.state is state and not (task.step_id in latest and task.step_id in ENTRY_BY_ID):
            yield Line(task.title, task.note, task.done_by.name if task.done_by else None)


def _not_begun(progress: Progress) -> Iterable[Line]:
    """What was planned and not asked for, and by phase what nobody has begun."""
    for standing in progress.standings:
        if standing.state == PLANNED:
            yield Line(standing.entry.title, "A plan is ready, and was not asked for.")
    for phase in progress.phases:
        titles = [each.entry.title for each in progress.of(phase) if each.state == OPEN and each.task is None]
        if titles:
            yield Line(f"{_PHASES[phase]}: not begun", ", ".join(titles))


def _title(step_id: str, steps: Sequence[Step]) -> str:
    own = next((step.title for step in steps if step.id == step_id), None)
    entry = ENTRY_BY_ID.get(step_id)
    return own or (entry.title if entry else step_id.replace("-", " ").capitalize())


async def close(
    database: Database,
    incident_id: str,
    nonce: str,
    actor: Actor,
    reason: str,
    steps: Sequence[Step],
    now: datetime,
) -> Incident:
    """Makes an incident read only; what people still had to do by hand is waived with the same reason.

    Raises BadInput (a stale card, no reason while something is open) and Conflict (closed already, a question waits,
    something runs). The caller has checked the role.
    """
    async with database.write() as connection:
        incident = await store.get(connection, incident_id, lock=True)
        if incident.state is not IncidentState.OPEN:
            raise Conflict(reason="incident-closed")
        if not store.same_nonce(incident.nonce, nonce):
            raise BadInput(reason="stale-card")
        if await approvals.waiting_of(connection, incident_id) is not None:
            raise Conflict(reason="other-question-waits")
        if await approvals.at_work(connection, incident_id):
            raise Conflict(reason="step-running")
        balance = await balance_of(connection, incident, steps)
        if balance.still_open and not reason:
            raise BadInput(reason="reason-missing")
        for task in await tasks.open_tasks(connection, incident_id):
            note = f"The incident was closed. {reason}".strip()
            await tasks.finish(connection, task.id, actor, now, state=TaskState.WAIVED, note=note)
        await store.update(connection, incident_id, state=IncidentState.CLOSED.value, nonce=store.new_nonce())
        await timeline.append(
            connection,
            incident_id,
            AuditTag.INCIDENT_CLOSED,
            at=now,
            actor_id=actor.object_id,
            data={"by": actor.name, "reason": reason, "open": [line.title for line in balance.still_open]},
        )
        return await store.get(connection, incident_id)


async def reopen(database: Database, incident_id: str, actor: Actor, now: datetime) -> Incident:
    """Opens a closed incident again, to be looked at anew. The caller has checked the role.

    Raises Conflict when it is open, or when another open incident is about the same account.
    """
    try:
        async with database.write() as connection:
            incident = await store.get(connection, incident_id, lock=True)
            if incident.state is IncidentState.OPEN:
                raise Conflict(reason="incident-open")
            if await store.open_of_subject(connection, incident.subject.object_id) is not None:
                raise Conflict(reason="incident-open-already")
            await store.update(
                connection,
                incident_id,
                state=IncidentState.OPEN.value,
                nonce=store.new_nonce(),
                plan={},
                eviction={},
                investigation={"nonce": store.new_nonce(), "done": False},
            )
            data = {"by": actor.name}
            await timeline.append(
                connection, incident_id, AuditTag.INCIDENT_REOPENED, at=now, actor_id=actor.object_id, data=data
            )
            return await store.get(connection, incident_id)
    except sa.exc.IntegrityError as error:  # another replica has just opened one about the same account
        raise Conflict(reason="incident-open-already") from error


async def closed_of(connection: AsyncConnection, incident: Incident) -> Closed | None:
    """How a closed incident was closed last; None for an open one."""
    if incident.state is IncidentState.OPEN:
        return None
    ends = [entry for entry in await timeline.read(connection, incident.id) if entry.event == AuditTag.INCIDENT_CLOSED]
    if not ends:
        return None
    return Closed(str(ends[-1].data.get("by", "")), ends[-1].at, str(ends[-1].data.get("reason", "")))
