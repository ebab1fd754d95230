"""Plans of later steps, drawn when a person asks for one: a row first, then a job that only reads.

A check runs and its findings are kept; a step that changes something gets its plan, which a person then asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services import tasks
from services.approvals import PlanKind
from services.channel import Actor
from services.database import Database
from services.database.task_tables import step_plans
from services.durable import Durable
from services.errors import Conflict
from services.incidents import store, timeline
from services.incidents.model import LATER, Incident, IncidentState, actor_from_json
from services.incidents.subjects import recognise
from services.incidents.timeline import AuditTag
from services.microsoft365 import Microsoft365
from services.playbook import by_hand, guided
from services.playbook.ledger import Ledger, runs_of
from services.playbook.planner import Planner, our_fault
from services.playbook.step import Outcome, Plan, Risk, State, Step
from services.posts import PostKind, Posts
from services.settings import Settings

PLAN = "plan"
_FINE = frozenset({State.ALREADY_SO, State.DONE})


class PlanState(StrEnum):
    """How far a plan is. A failed one is settled with the reason."""

    FAILED = "failed"
    PLANNING = "planning"
    READY = "ready"


@dataclass(frozen=True)
class StepPlan:
    """One row of `step_plans`: the newest plan of one step of one incident."""

    incident_id: str
    step_id: str
    nonce: str
    state: PlanState
    plan: Plan
    actor: Actor
    asked_at: datetime
    finished_at: datetime | None


class OnDemand:
    """The job. Its keys are `incident id:step id:nonce`; a new nonce is a new plan."""

    def __init__(
        self,
        *,
        database: Database,
        m365: Microsoft365,
        settings: Settings,
        durable: Durable,
        posts: Posts,
        planner: Planner,
        ledger: Ledger,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._m365 = m365
        self._settings = settings
        self._durable = durable
        self._posts = posts
        self._planner = planner
        self._ledger = ledger
        self._now = now

    async def begin(self, incident_id: str, step_id: str, actor: Actor) -> StepPlan:
        """Starts a new plan of this step, unless one is being drawn. The caller has checked the role.

        Raises Conflict when the incident is closed.
        """
        self._step(step_id)
        async with self._database.write() as connection:
            incident = await store.get(connection, incident_id, lock=True)
            if incident.state is not IncidentState.OPEN:
                raise Conflict(reason="incident-closed")
            existing = await step_plan(connection, incident_id, step_id)
            if existing is None or existing.state is not PlanState.PLANNING:
                await self._put(connection, incident_id, step_id, actor)
            row = await step_plan(connection, incident_id, step_id)
        assert row is not None
        self._posts.changed.set()
        await self._durable.start(PLAN, _key(row))
        return row

    async def _put(self, connection: AsyncConnection, incident_id: str, step_id: str, actor: Actor) -> None:
        now = self._now()
        await connection.execute(sa.delete(step_plans).where(_is(incident_id, step_id)))
        await connection.execute(
            sa.insert(step_plans).values(
                incident_id=incident_id,
                step_id=step_id,
                nonce=store.new_nonce(),
                state=PlanState.PLANNING.value,
                plan=Plan().to_json(),
                actor=asdict(actor),
                asked_at=now,
            )
        )
        data = {"step": step_id}
        await timeline.append(connection, incident_id, AuditTag.PLAN_ASKED, at=now, actor_id=actor.object_id, data=data)

    async def plan(self, key: str) -> None:
        """Runs the check, or draws the plan and puts it into the thread. Safe to run again at any point."""
        row, incident = await self._row(key)
        if row is None:
            return
        if incident.state is not IncidentState.OPEN:
            await self._end(incident, row, Plan(settled=Outcome(State.SKIPPED, "The incident was closed.")))
            return
        step = self._step(row.step_id)
        subject, account = await recognise(self._m365, self._settings, incident.subject.object_id)
        ctx = self._planner.context(incident, subject, account)
        patience = self._settings.check_timeout_seconds
        if step.risk is Risk.READ:
            await self._planner.read(step, incident, row.nonce, ctx, patience)
            await self._end(incident, row, Plan())
            return
        plans = await self._planner.plans(ctx, [step], patience)
        await self._end(incident, row, plans[step.id])

    async def gave_up(self, key: str, correlation_id: str) -> None:
        """Ends a plan that failed for a reason of our own, so that a person can ask again."""
        row, incident = await self._row(key)
        if row is None:
            return
        outcome = Outcome(State.NOT_EVALUATED, our_fault(correlation_id))
        async with self._database.read() as connection:
            runs = await runs_of(connection, incident.id)
        for run in runs:
            if run.cause == row.nonce and run.state is State.RUNNING:
                await self._ledger.end(run, outcome, self._now())
        await self._end(incident, row, Plan(settled=outcome), PlanState.FAILED)

    async def pending(self) -> list[str]:
        """The keys of all plans that are being drawn."""
        query = sa.select(step_plans).where(step_plans.c.state == PlanState.PLANNING.value)
        async with self._database.read() as connection:
            return [_key(_step_plan(row)) for row in await connection.execute(query)]

    async def _end(self, incident: Incident, row: StepPlan, plan: Plan, state: PlanState = PlanState.READY) -> None:
        """Keeps the plan; one with changes is posted, and one that finds all as it should be ends the task by hand."""
        now, step = self._now(), self._step(row.step_id)
        async with self._database.read() as connection:
            task = await tasks.by_key(connection, by_hand.on_premises_key(incident.id, step.id))
        checked = task is not None and plan.settled is not None and plan.settled.state in _FINE
        if plan.settled is not None and (checked or step.phase in LATER):
            await guided.record(self._ledger, incident, step.id, plan.settled, row.actor, row.nonce, now)
        async with self._database.write() as connection:
            ended = await connection.execute(
                sa.update(step_plans)
                .where(_is(incident.id, step.id), step_plans.c.nonce == row.nonce)
                .where(step_plans.c.state == PlanState.PLANNING.value)
                .values(state=state.value, plan=plan.to_json(), finished_at=now)
            )
            if ended.rowcount != 1:
                return
            if checked and task is not None and plan.settled is not None:
                await tasks.finish(connection, task.id, row.actor, now, note=f"Checked. {plan.settled.reason}")
            if plan.changes:
                await self._posts.want_in_thread(
                    connection, incident, post_key(incident.id, step.id, row.nonce), PostKind.STEP_PLAN, now, step.title
                )
            data = {"kind": PlanKind.STEPS.value, "steps": [step.id], "changes": len(plan.changes)}
            await timeline.append(connection, incident.id, AuditTag.PLAN_PROPOSED, at=now, data=data)
        self._posts.changed.set()

    async def _row(self, key: str) -> tuple[StepPlan | None, Incident]:
        """The plan of this key, None where it has ended or has made room for a newer one; and its incident."""
        incident_id, step_id, nonce = key.split(":")
        async with self._database.read() as connection:
            incident = await store.get(connection, incident_id)
            row = await step_plan(connection, incident_id, step_id)
        mine = row is not None and row.nonce == nonce and row.state is PlanState.PLANNING
        return (row if mine else None), incident

    def _step(self, step_id: str) -> Step:
        return next(step for step in self._planner.steps if step.id == step_id)


def post_key(incident_id: str, step_id: str, nonce: str) -> str:
    """The key of the post that shows this plan."""
    return f"step-plan:{incident_id}:{step_id}:{nonce}"


async def step_plan(connection: AsyncConnection, incident_id: str, step_id: str) -> StepPlan | None:
    """The newest plan of this step, if one was asked for."""
    row = (await connection.execute(sa.select(step_plans).where(_is(incident_id, step_id)))).one_or_none()
    return None if row is None else _step_plan(row)


async def step_plans_of(connection: AsyncConnection, incident_id: str) -> dict[str, StepPlan]:
    """The newest plan of each step of an incident for which one was asked for."""
    rows = await connection.execute(sa.select(step_plans).where(step_plans.c.incident_id == incident_id))
    return {row.step_id: _step_plan(row) for row in rows}


def _is(incident_id: str, step_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(step_plans.c.incident_id == incident_id, step_plans.c.step_id == step_id)


def _key(row: StepPlan) -> str:
    return f"{row.incident_id}:{row.step_id}:{row.nonce}"


def _step_plan(row: sa.Row[Any]) -> StepPlan:
    return StepPlan(
        incident_id=row.incident_id,
        step_id=row.step_id,
        nonce=row.nonce,
        state=PlanState(row.state),
        plan=Plan.from_json(row.plan),
        actor=actor_from_json(row.actor),
        asked_at=row.asked_at,
        finished_at=row.finished_at,
    )
