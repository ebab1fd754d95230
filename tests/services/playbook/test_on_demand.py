from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from services import tasks
from services.approvals import ApprovalState, PlanKind
from services.database import Database, tables
from services.errors import Conflict
from services.incidents import progress, store
from services.incidents.model import Phase
from services.playbook import by_hand
from services.playbook.ledger import EffectState, RunKind, findings_of, runs_of
from services.playbook.on_demand import PLAN, PlanState, StepPlan, step_plan
from services.playbook.step import Finding, Outcome, Plan, Risk, Rule, Severity, State, Step
from services.posts import PostKind
from services.tasks import TaskState
from tests.services.playbook.bench import ADELE, ALEX, Killed, RunnerBench, Things


def _things(**options: object) -> Things:
    return Things(id="shut-doors", phase=Phase.STRENGTHEN, open={"a": True, "b": True}, **options)  # type: ignore[arg-type]


async def _begin(bench: RunnerBench, step: Step) -> StepPlan:
    return await bench.on_demand.begin(bench.incident_id, step.id, ALEX)


def _key(row: StepPlan) -> str:
    return f"{row.incident_id}:{row.step_id}:{row.nonce}"


async def _row(bench: RunnerBench, step: Step) -> StepPlan:
    async with bench.database.read() as connection:
        row = await step_plan(connection, bench.incident_id, step.id)
    assert row is not None
    return row


async def _standing(bench: RunnerBench, step: Step) -> progress.Standing:
    async with bench.database.read() as connection:
        incident = await store.get(connection, bench.incident_id)
        found = await progress.progress_of(connection, incident, bench.steps)
    return next(each for each in found.standings if each.entry.id == step.id)


async def _posts(bench: RunnerBench, kind: PostKind) -> list[str]:
    query = sa.select(tables.posts.c.subject_key).where(tables.posts.c.kind == kind.value)
    async with bench.database.read() as connection:
        return list((await connection.execute(query)).scalars())


async def test_a_plan_is_a_row_before_it_is_drawn_and_a_post_after(database: Database) -> None:
    things = _things()
    step = things.step()
    bench = await RunnerBench.start(database, steps=[step])
    row = await _begin(bench, step)
    assert (row.state, await bench.on_demand.pending()) == (PlanState.PLANNING, [_key(row)])
    assert bench.durable.started == [(PLAN, _key(row))]
    assert (await _standing(bench, step)).state == progress.PLANNING
    assert (await _begin(bench, step)).nonce == row.nonce  # one at a time

    await bench.on_demand.plan(_key(row))
    ready = await _row(bench, step)
    assert (ready.state, [change.item for change in ready.plan.changes]) == (PlanState.READY, ["a", "b"])
    assert await bench.on_demand.pending() == []
    assert await _posts(bench, PostKind.STEP_PLAN) == [f"step-plan:{_key(row)}"]
    assert (await _standing(bench, step)).state == progress.PLANNED
    assert things.applied == []


async def test_a_kill_while_planning_loses_nothing_and_posts_once(database: Database) -> None:
    things = _things()
    step = things.step()
    bench = await RunnerBench.start(database, steps=[step])
    row = await _begin(bench, step)

    def die() -> None:
        raise Killed

    things.on_plan = die
    with pytest.raises(Killed):
        await bench.on_demand.plan(_key(row))
    assert await bench.on_demand.pending() == [_key(row)]
    things.on_plan = lambda: None
    await bench.on_demand.plan(_key(row))
    await bench.on_demand.plan(_key(row))
    assert (await _row(bench, step)).state is PlanState.READY
    assert len(await _posts(bench, PostKind.STEP_PLAN)) == 1


async def test_what_is_already_so_is_a_run_of_its_own_and_no_post(database: Database) -> None:
    things = _things()
    things.open = {"a": False}
    step = things.step()
    bench = await RunnerBench.start(database, steps=[step])
    row = await _begin(bench, step)
    await bench.on_demand.plan(_key(row))
    assert await _posts(bench, PostKind.STEP_PLAN) == []
    standing = await _standing(bench, step)
    assert (standing.state, standing.ended, standing.reason) == (State.ALREADY_SO.value, True, "All is shut.")
    async with database.read() as connection:
        (run,) = await runs_of(connection, bench.incident_id)
    assert (run.kind, run.state, run.actor) == (RunKind.GUIDED, State.ALREADY_SO, ALEX)


async def test_a_plan_that_failed_for_our_own_reason_says_so_and_may_be_asked_for_again(database: Database) -> None:
    step = _things().step()
    bench = await RunnerBench.start(database, steps=[step])
    row = await _begin(bench, step)
    await bench.on_demand.gave_up(_key(row), "c0ffee")
    failed = await _row(bench, step)
    assert failed.state is PlanState.FAILED
    assert failed.plan.settled is not None
    assert "c0ffee" in failed.plan.settled.reason
    assert (await _standing(bench, step)).state == State.NOT_EVALUATED.value
    again = await _begin(bench, step)
    assert again.nonce != row.nonce
    await bench.on_demand.plan(_key(row))  # the old job comes late
    assert (await _row(bench, step)).nonce == again.nonce
    assert (await _row(bench, step)).state is PlanState.PLANNING


async def test_a_check_runs_once_and_its_findings_are_kept(database: Database) -> None:
    found = Finding("pc", Severity.WARNING, "An old PC")

    async def look(ctx: object) -> Plan:
        return Plan(settled=Outcome(State.DONE, "Looked."), findings=(found,))

    step = replace(
        _things().step(),
        id="check-things",
        changes=(),
        risk=Risk.READ,
        approval=Rule.NONE,
        plan=look,
        apply=None,
        verify=None,
    )
    bench = await RunnerBench.start(database, steps=[step])
    row = await _begin(bench, step)
    assert (await _standing(bench, step)).state == State.RUNNING.value
    for _ in range(2):
        await bench.on_demand.plan(_key(row))
    async with database.read() as connection:
        (kept,) = await findings_of(connection, bench.incident_id)
        (run,) = await runs_of(connection, bench.incident_id)
    assert (kept.finding.key, run.state) == ("pc", State.DONE)
    assert await _posts(bench, PostKind.STEP_PLAN) == []
    assert (await _standing(bench, step)).state == State.DONE.value


async def test_nothing_is_planned_for_a_closed_incident(database: Database) -> None:
    things = _things()
    step = things.step()
    bench = await RunnerBench.start(database, steps=[step])
    row = await _begin(bench, step)
    async with database.write() as connection:
        await store.update(connection, bench.incident_id, state="closed")
    things.on_plan = lambda: pytest.fail("planned")
    await bench.on_demand.plan(_key(row))
    assert await bench.on_demand.pending() == []
    with pytest.raises(Conflict):
        await _begin(bench, step)


async def test_what_was_approved_is_done_read_back_and_can_be_undone(database: Database) -> None:
    things = _things()
    step = things.step()
    bench = await RunnerBench.start(database, steps=[step])
    await bench.propose()
    row = await _begin(bench, step)
    await bench.on_demand.plan(_key(row))
    before = (await bench.incident()).investigation
    chosen = {step.id: Plan(changes=(await _row(bench, step)).plan.changes[:1])}

    approval = await bench.approved(PlanKind.STEPS, chosen)
    assert (await _standing(bench, step)).state == State.RUNNING.value
    await bench.runner.execute(approval.id)
    assert (await bench.now(approval)).state is ApprovalState.USED
    assert (things.applied, things.open) == (["a"], {"a": False, "b": True})
    assert await bench.effects(step.id) == {"a": EffectState.SENT}
    assert (await _standing(bench, step)).state == State.DONE.value
    assert (await bench.incident()).investigation == before  # it is no reason to look again

    plans = await bench.runner.undo_plan(bench.incident_id)
    assert [change.item for change in plans[step.id].changes] == ["a"]
    await bench.undone()
    assert things.open == {"a": True, "b": True}
    assert (await _standing(bench, step)).state == State.UNDONE.value


async def test_a_world_that_moved_is_not_touched(database: Database) -> None:
    things = _things()
    step = things.step()
    bench = await RunnerBench.start(database, steps=[step])
    row = await _begin(bench, step)
    await bench.on_demand.plan(_key(row))
    approval = await bench.approved(PlanKind.STEPS, {step.id: (await _row(bench, step)).plan})
    things.value = "Ajar"
    await bench.runner.execute(approval.id)
    assert things.applied == []
    assert (await _standing(bench, step)).state == State.REFUSED.value


async def test_a_protected_account_needs_a_second_person_for_these_too(database: Database) -> None:
    step = _things().step()
    bench = await RunnerBench.start(database, steps=[step])
    incident = await bench.incident()
    guarded = replace(incident.subject, vip=True)
    assert bench.rules.rule(PlanKind.STEPS, [step.id], incident.subject) is Rule.CONFIRM
    assert bench.rules.rule(PlanKind.STEPS, [step.id], guarded) is Rule.SECOND_PERSON


# -- what must be done on-premises ---------------------------------------------------------------------------------


async def test_what_a_lock_leaves_to_be_done_on_premises_is_a_task_with_the_exact_words(database: Database) -> None:
    things = Things(id="block-sign-in", own_words=Outcome(State.NEEDS_ON_PREMISES, "Disable megan there."))

    def refuse(item: str) -> None:
        raise Conflict(reason="nothing-to-apply")

    things.before = refuse
    bench = await RunnerBench.start(database, steps=[things.step()])
    (step,) = bench.steps
    await bench.locked()
    async with database.read() as connection:
        task = await tasks.by_key(connection, by_hand.on_premises_key(bench.incident_id, step.id))
        (run,) = await runs_of(connection, bench.incident_id)
    assert task is not None
    assert (task.instructions[0], task.state, run.state) == (
        "Disable megan there.",
        TaskState.OPEN,
        State.NEEDS_ON_PREMISES,
    )
    assert await _posts(bench, PostKind.TASK) == [f"task:{task.id}"]

    # Looked at again while nothing has been done, it stays; once the cloud shows it, it ends by itself.
    row = await bench.on_demand.begin(bench.incident_id, step.id, ADELE)
    await bench.on_demand.plan(_key(row))
    async with database.read() as connection:
        assert (await tasks.get(connection, task.id)).state is TaskState.OPEN
    things.open = {"a": False}
    row = await bench.on_demand.begin(bench.incident_id, step.id, ADELE)
    await bench.on_demand.plan(_key(row))
    async with database.read() as connection:
        ended = await tasks.get(connection, task.id)
        latest = (await runs_of(connection, bench.incident_id))[-1]
    assert (ended.state, ended.done_by, ended.note) == (TaskState.DONE, ADELE, "Checked. All is shut.")
    assert (latest.step_id, latest.state) == (step.id, State.ALREADY_SO)
