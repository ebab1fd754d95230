"""Where the later phases of an incident stand: every entry of the playbook with what has become of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services import approvals, tasks
from services.approvals import Approval, ApprovalState, PlanKind, plans_from_json
from services.database import tables
from services.incidents import posted_plans
from services.incidents.model import LATER, Incident, Phase
from services.incidents.posted_plans import Items
from services.playbook import GUIDED, PLAYBOOK, TASKS, by_hand
from services.playbook.ledger import Run, runs_of
from services.playbook.on_demand import PlanState, StepPlan, step_plans_of
from services.playbook.step import Entry, HumanTask, Risk, State, Step
from services.posts import PostKind
from services.tasks import Task, TaskState

# What is not an end state of the playbook.
OPEN, PLANNED, PLANNING, WAITING = "open", "ready", "planning", "waiting"
_NO_END = frozenset({OPEN, PLANNED, PLANNING, WAITING, State.RUNNING.value})
_FOR_A_PERSON = frozenset({OPEN, PLANNED, WAITING})
_TASK_STATES: Mapping[TaskState, str] = {
    TaskState.DONE: State.DONE.value,
    TaskState.OPEN: OPEN,
    TaskState.WAIVED: State.SKIPPED.value,
}


@dataclass(frozen=True)
class Standing:
    """One entry: its state (a playbook state, or "open", "planning", "ready", "waiting") and the words for it."""

    entry: Entry
    state: str
    reason: str
    who: str | None = None
    at: datetime | None = None
    run: Run | None = None
    plan: StepPlan | None = None
    task: Task | None = None

    @property
    def ended(self) -> bool:
        """Whether it has come to an end, good or bad."""
        return self.state not in _NO_END

    @property
    def waits(self) -> bool:
        """Whether somebody has to do or to decide something about it; what runs by itself does not wait."""
        return self.state in _FOR_A_PERSON


@dataclass(frozen=True)
class Progress:
    """All entries of the later phases, and the phases whose card was asked for."""

    standings: tuple[Standing, ...]
    opened: frozenset[Phase]
    evicted: bool  # whether it was decided what to remove
    asked: Items = field(default_factory=dict)  # what was asked for in a plan that was carried out or refused
    left: Items = field(default_factory=dict)  # what a person left out of such a plan

    def of(self, phase: Phase) -> tuple[Standing, ...]:
        """The entries of one phase, in the playbook's order."""
        return tuple(each for each in self.standings if each.entry.phase is phase)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The later phases that have something to do, in order."""
        return tuple(phase for phase in LATER if self.of(phase))


async def progress_of(connection: AsyncConnection, incident: Incident, steps: Iterable[Step]) -> Progress:
    """Reads all of it in the caller's transaction. `steps` are those that this bot runs."""
    latest = {run.step_id: run for run in await runs_of(connection, incident.id)}
    plans = await step_plans_of(connection, incident.id)
    by_hand_of = {task.key: task for task in await tasks.tasks_of(connection, incident.id)}
    newest = await approvals.newest_of(connection, incident.id)
    later = [step for step in steps if step.phase in LATER]
    standings = [_of_step(step, latest.get(step.id), plans.get(step.id), newest) for step in later]
    for guided in GUIDED:
        standings.append(_of_run(guided, latest.get(guided.id)))
    for human in TASKS:
        task = by_hand_of.get(by_hand.task_key(incident.id, human.id))
        standings.append(_of_task(human, task, latest.get(human.id)))
    evicted, asked, left = await _decided(connection, incident)
    return Progress(
        standings=_in_order(standings, later),
        opened=await _opened(connection, incident.id),
        evicted=evicted,
        asked=asked,
        left=left,
    )


def _in_order(standings: list[Standing], later: list[Step]) -> tuple[Standing, ...]:
    """The playbook's order; steps that the playbook does not list come in their own order, first."""
    order = {entry.id: index for index, entry in enumerate(PLAYBOOK)}
    own = {step.id: index - len(later) for index, step in enumerate(later)}
    ranked = sorted(standings, key=lambda each: order.get(each.entry.id, own.get(each.entry.id, 0)))
    return tuple(each for each in ranked if each.entry.phase in LATER)


def _of_step(step: Step, run: Run | None, plan: StepPlan | None, newest: Approval | None) -> Standing:
    asked = newest is not None and newest.kind is PlanKind.STEPS and step.id in newest.plans
    if asked and newest is not None and newest.state is ApprovalState.WAITING:
        return Standing(step, WAITING, "Decide on the incident's card.", plan=plan, run=run)
    if asked and newest is not None and newest.state is ApprovalState.APPROVED and not _ran_for(run, newest):
        return Standing(step, State.RUNNING.value, "", plan=plan, run=run)
    if plan is not None and plan.state is PlanState.PLANNING:
        state = State.RUNNING.value if step.risk is Risk.READ else PLANNING
        return Standing(step, state, "", plan=plan, run=run)
    if plan is not None and is_fresh(plan, run):
        settled = plan.plan.settled
        if settled is not None:
            return Standing(step, settled.state.value, settled.reason, at=plan.finished_at, plan=plan, run=run)
        if plan.plan.changes:
            count = len(plan.plan.changes)
            words = "1 change, to be asked for." if count == 1 else f"{count:,} changes, to be asked for."
            return Standing(step, PLANNED, words, at=plan.finished_at, plan=plan, run=run)
    return _of_run(step, run, plan)


def is_fresh(plan: StepPlan, run: Run | None) -> bool:
    """Whether nothing has run since this plan was drawn."""
    if plan.finished_at is None:
        return False
    return run is None or (run.cause != plan.nonce and run.started_at < plan.finished_at)


def _ran_for(run: Run | None, approval: Approval) -> bool:
    return run is not None and run.cause == approval.id


def _of_run(entry: Entry, run: Run | None, plan: StepPlan | None = None) -> Standing:
    if run is None:
        return Standing(entry, OPEN, entry.why, plan=plan)
    who = None if isinstance(entry, Step) and entry.risk is Risk.READ else run.actor.name
    return Standing(entry, run.state.value, run.reason, who, run.finished_at or run.started_at, run, plan)


def _of_task(entry: HumanTask, task: Task | None, run: Run | None) -> Standing:
    if task is None:
        return _of_run(entry, run)
    who = task.done_by.name if task.done_by else None
    reason = task.note or (entry.why if task.state is TaskState.OPEN else "")
    return Standing(entry, _TASK_STATES[task.state], reason, who, task.done_at, run, None, task)


async def _opened(connection: AsyncConnection, incident_id: str) -> frozenset[Phase]:
    """The phases whose card stands in the thread."""
    query = sa.select(tables.posts.c.subject_key).where(
        tables.posts.c.incident_id == incident_id, tables.posts.c.kind == PostKind.PHASE.value
    )
    return frozenset(Phase(key.rpartition(":")[2]) for key in (await connection.execute(query)).scalars())


async def _decided(connection: AsyncConnection, incident: Incident) -> tuple[bool, Items, Items]:
    """Whether an eviction was carried out or refused; the items that were asked for, and those that were left out."""
    table = tables.approvals.c
    query = sa.select(table.id, table.plan).where(
        table.incident_id == incident.id,
        table.kind == PlanKind.EVICT.value,
        table.state.in_([ApprovalState.USED.value, ApprovalState.REFUSED.value]),
    )
    rows = (await connection.execute(query)).all()
    asked: dict[str, frozenset[str]] = {}
    for row in rows:
        for step_id, plan in plans_from_json(row.plan).items():
            asked[step_id] = asked.get(step_id, frozenset()) | {change.item for change in plan.changes}
    shown = posted_plans.decided(incident.eviction, [row.id for row in rows])
    left = {step_id: items - asked.get(step_id, frozenset()) for step_id, items in shown.items()}
    return bool(rows), asked, left
