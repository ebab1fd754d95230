"""The ledger of runs and effects: what was meant, what was sent, what came of it.

An effect's row is written before the effect. A kill in between leaves a row that says "intended", and whoever resumes
the run looks in the cloud before doing anything again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services import metrics, tasks
from services.channel import Actor
from services.database import Database, after_all, insert_once, tables
from services.database.ids import ordered_id
from services.incidents import store, timeline
from services.incidents.model import actor_from_json
from services.incidents.timeline import AuditTag
from services.playbook.step import Change, Finding, Outcome, Plan, Severity, State, Todo
from services.tasks import Task
from services.vault import Vault

_LONGEST_KEY = 255


class EffectState(StrEnum):
    """How far one effect is. `INTENDED` with no living process behind it means: look before you act."""

    FAILED = "failed"
    INTENDED = "intended"
    SENT = "sent"
    SHOWN = "shown"
    UNKNOWN = "unknown"


_PROGRESS: Mapping[EffectState, str] = {
    EffectState.SENT: "Sent. Waiting until it shows.",
    EffectState.UNKNOWN: "No answer came. Looking whether it was done.",
}
_TAGS: Mapping[EffectState, AuditTag] = {
    EffectState.FAILED: AuditTag.EFFECT_FAILED,
    EffectState.INTENDED: AuditTag.EFFECT_ATTEMPTED,
    EffectState.SENT: AuditTag.EFFECT_SUCCEEDED,
    EffectState.SHOWN: AuditTag.EFFECT_FOUND,
    EffectState.UNKNOWN: AuditTag.EFFECT_UNKNOWN,
}


class RunKind(StrEnum):
    """What a run does with its step."""

    APPLY = "apply"
    GUIDED = "guided"  # what came of a conversation or a human task: no effects of its own
    READ = "read"
    UNDO = "undo"


@dataclass(frozen=True)
class Run:
    """One row of `step_runs`: one step, run for one cause (an approval, or the opening of the incident)."""

    id: str
    incident_id: str
    step_id: str
    kind: RunKind
    cause: str
    state: State
    reason: str
    plan: Plan
    actor: Actor
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class Effect:
    """One row of `effects`: one item of a run."""

    item: str
    state: EffectState
    change: Change


class Ledger:
    """Reads and writes runs and effects, each change with its line in the timeline."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def begin(
        self, incident_id: str, step_id: str, kind: RunKind, cause: str, plan: Plan, actor: Actor, now: datetime
    ) -> tuple[Run, bool]:
        """The run of this step for this cause, and whether it is new."""
        async with self._database.write() as connection:
            mine = tables.step_runs.c.incident_id == incident_id
            started_at = await after_all(connection, tables.step_runs.c.started_at, mine, now)
            new = await insert_once(
                connection,
                tables.step_runs,
                id=ordered_id(),
                incident_id=incident_id,
                step_id=step_id,
                kind=kind.value,
                cause=cause,
                state=State.RUNNING.value,
                reason="",
                plan=plan.to_json(),
                actor=asdict(actor),
                started_at=started_at,
            )
            if new:
                await timeline.append(
                    connection,
                    incident_id,
                    AuditTag.STEP_STARTED,
                    at=now,
                    actor_id=actor.object_id,
                    data={"step": step_id, "kind": kind.value, "cause": cause},
                )
            return await _one(connection, cause, step_id), new

    async def end(
        self,
        run: Run,
        outcome: Outcome,
        now: datetime,
        evidence: Mapping[str, Any] | None = None,
        findings: Sequence[Finding] = (),
    ) -> None:
        """Gives a run its end state; a run that has one keeps it. Its findings join those of the step."""
        async with self._database.write() as connection:
            ended = await connection.execute(
                sa.update(tables.step_runs)
                .where(tables.step_runs.c.id == run.id, tables.step_runs.c.state == State.RUNNING.value)
                .values(state=outcome.state.value, reason=outcome.reason, finished_at=now)
            )
            if ended.rowcount != 1:
                return
            metrics.step_ended(run.step_id, outcome.state.value)
            if run.kind is RunKind.READ:
                looked = outcome.state is State.DONE
                await _keep_findings(connection, run.incident_id, run.step_id, findings, now, everywhere=looked)
            if evidence:
                await store.keep_evidence(connection, self._vault, run.incident_id, run.step_id, evidence, now)
            await timeline.append(
                connection,
                run.incident_id,
                AuditTag.STEP_ENDED,
                at=now,
                actor_id=run.actor.object_id,
                data={"step": run.step_id, "state": outcome.state.value, "reason": outcome.reason},
            )

    async def ended(self, incident_id: str) -> dict[str, Outcome]:
        """How each step of an incident ended when it was last run, by step id."""
        async with self._database.read() as connection:
            runs = await runs_of(connection, incident_id)
        return {run.step_id: Outcome(run.state, run.reason) for run in runs if run.state is not State.RUNNING}

    async def keep_plan(self, incident_id: str, step_id: str, plan: Plan, now: datetime) -> None:
        """Keeps what a plan of changes found on the way; what it found before and not now is resolved."""
        if not plan.findings and not plan.evidence:
            return
        async with self._database.write() as connection:
            looked = plan.settled is None or plan.settled.state is not State.NOT_EVALUATED
            await _keep_findings(connection, incident_id, step_id, plan.findings, now, everywhere=looked)
            if plan.evidence:
                await store.keep_evidence(connection, self._vault, incident_id, step_id, plan.evidence, now)

    async def want(
        self,
        incident_id: str,
        step_id: str,
        todos: Sequence[Todo],
        now: datetime,
        due_at: datetime,
        tell: Callable[[AsyncConnection, Task], Awaitable[None]],
    ) -> None:
        """The tasks that a step asks of people; `tell` is told of those of the incident. The others are never due."""
        async with self._database.write() as connection:
            for todo in todos:
                whose = step_id if todo.organisation else f"{incident_id}:{step_id}"
                task = await tasks.want(
                    connection,
                    f"todo:{whose}:{todo.key}"[:_LONGEST_KEY],
                    incident_id=None if todo.organisation else incident_id,
                    step_id=step_id,
                    title=todo.title,
                    instructions=todo.instructions,
                    now=now,
                    due_at=None if todo.organisation else due_at,
                )
                if task.incident_id is not None:
                    await tell(connection, task)

    async def progress(self, run: Run, words: str) -> None:
        """Says how far a running run is: on the cards, not in the timeline."""
        running = (tables.step_runs.c.id == run.id) & (tables.step_runs.c.state == State.RUNNING.value)
        about = tables.posts.c.incident_id == run.incident_id
        async with self._database.write() as connection:
            await connection.execute(sa.update(tables.step_runs).where(running).values(reason=words))
            await connection.execute(
                sa.update(tables.posts).where(about).values(wanted_revision=tables.posts.c.wanted_revision + 1)
            )

    async def effect(self, run: Run, item: str) -> Effect | None:
        """What is known of one item of a run."""
        async with self._database.read() as connection:
            query = sa.select(tables.effects).where(tables.effects.c.run_id == run.id, tables.effects.c.item == item)
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else Effect(row.item, EffectState(row.state), Change(**row.data["change"]))

    async def mark(
        self, run: Run, change: Change, state: EffectState, now: datetime, error: Mapping[str, Any] | None = None
    ) -> None:
        """Writes how far an effect is. The intent must be committed before the effect is sent."""
        values = {"state": state.value, "data": {"change": asdict(change), "error": dict(error or {})}}
        key = (tables.effects.c.run_id == run.id) & (tables.effects.c.item == change.item)
        async with self._database.write() as connection:
            if state is EffectState.INTENDED:
                await connection.execute(sa.delete(tables.effects).where(key))
                await connection.execute(
                    sa.insert(tables.effects).values(run_id=run.id, item=change.item, intent_at=now, **values)
                )
            else:
                await connection.execute(sa.update(tables.effects).where(key).values(finished_at=now, **values))
            running = (tables.step_runs.c.id == run.id) & (tables.step_runs.c.state == State.RUNNING.value)
            await connection.execute(sa.update(tables.step_runs).where(running).values(reason=_PROGRESS.get(state, "")))
            await timeline.append(
                connection,
                run.incident_id,
                _TAGS[state],
                at=now,
                actor_id=run.actor.object_id,
                data={"step": run.step_id, "item": change.item, "run": run.id, "error": dict(error or {})},
            )


async def _one(connection: AsyncConnection, cause: str, step_id: str) -> Run:
    query = sa.select(tables.step_runs).where(tables.step_runs.c.cause == cause, tables.step_runs.c.step_id == step_id)
    return _run((await connection.execute(query)).one())


async def _keep_findings(
    connection: AsyncConnection,
    incident_id: str,
    step_id: str,
    findings: Sequence[Finding],
    now: datetime,
    *,
    everywhere: bool,
) -> None:
    """What a check found stays; what it found before and not now is resolved, if it could look everywhere."""
    mine = (tables.findings.c.incident_id == incident_id) & (tables.findings.c.step_id == step_id)
    found = {finding.key[:255]: finding for finding in findings}
    await connection.execute(sa.delete(tables.findings).where(mine, tables.findings.c.key.in_(list(found))))
    if everywhere:
        unresolved = tables.findings.c.resolved_at.is_(None)
        await connection.execute(sa.update(tables.findings).where(mine, unresolved).values(resolved_at=now))
    for key, finding in found.items():
        await connection.execute(
            sa.insert(tables.findings).values(
                incident_id=incident_id,
                step_id=step_id,
                key=key,
                severity=finding.severity.value,
                title=finding.title,
                reasons=list(finding.reasons),
                at=finding.at,
                data=dict(finding.data),
                found_at=now,
            )
        )


@dataclass(frozen=True)
class Found:
    """A finding of an incident: by which step, and since when it is not there any more."""

    step_id: str
    finding: Finding
    resolved_at: datetime | None


async def findings_of(connection: AsyncConnection, incident_id: str) -> tuple[Found, ...]:
    """All findings of an incident: what is there still before what is not, worst first."""
    rows = await connection.execute(sa.select(tables.findings).where(tables.findings.c.incident_id == incident_id))
    found = [
        Found(
            row.step_id,
            Finding(row.key, Severity(row.severity), row.title, tuple(row.reasons), row.at, row.data),
            row.resolved_at,
        )
        for row in rows
    ]

    def order(one: Found) -> tuple[bool, int, str, str]:
        return one.resolved_at is not None, -one.finding.severity.weight, one.step_id, one.finding.key

    return tuple(sorted(found, key=order))


async def runs_of(connection: AsyncConnection, incident_id: str) -> tuple[Run, ...]:
    """All runs of an incident, in the order in which they began."""
    query = (
        sa.select(tables.step_runs)
        .where(tables.step_runs.c.incident_id == incident_id)
        .order_by(tables.step_runs.c.started_at, tables.step_runs.c.id)
    )
    return tuple(_run(row) for row in await connection.execute(query))


async def effects_of(connection: AsyncConnection, run_id: str) -> tuple[Effect, ...]:
    """All effects of a run."""
    rows = await connection.execute(sa.select(tables.effects).where(tables.effects.c.run_id == run_id))
    return tuple(Effect(row.item, EffectState(row.state), Change(**row.data["change"])) for row in rows)


def _run(row: sa.Row[Any]) -> Run:
    return Run(
        id=row.id,
        incident_id=row.incident_id,
        step_id=row.step_id,
        kind=RunKind(row.kind),
        cause=row.cause,
        state=State(row.state),
        reason=row.reason,
        plan=Plan.from_json(row.plan),
        actor=actor_from_json(row.actor),
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
