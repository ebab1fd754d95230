"""Drawing up plans: a fault of one step is its own, and none of them passes for an empty plan."""

from __future__ import annotations

import sqlalchemy as sa

from services.access import Permission
from services.database import Database, tables
from services.incidents.model import Phase
from services.playbook.step import (
    Context,
    NoUndo,
    Outcome,
    Plan,
    Risk,
    Rule,
    State,
    Step,
    Todo,
    general_words,
)
from services.posts import PostKind
from services.tasks import finish, open_tasks
from tests.services.fakes import account
from tests.services.playbook.bench import ALEX, RunnerBench, Things


async def test_a_fault_of_our_own_in_one_plan_leaves_the_others_whole(database: Database) -> None:
    def fail() -> None:
        raise AttributeError("a bug")

    broken, whole = Things(id="broken"), Things(id="whole")
    broken.on_plan = fail
    bench = await RunnerBench.start(database, [broken.step(), whole.step()])
    await bench.propose()
    steps = (await bench.incident()).plan["steps"]
    assert steps["broken"]["settled"]["state"] == State.NOT_EVALUATED
    assert "a bug" not in steps["broken"]["settled"]["reason"]
    assert [change["item"] for change in steps["whole"]["changes"]] == ["a"]


def check(*todo: Todo) -> Step:
    """A check that leaves these to people."""

    async def plan(ctx: Context) -> Plan:
        return Plan(settled=Outcome(State.DONE, "Looked."), todo=todo)

    return Step(
        id="look",
        seed=(),
        phase=Phase.RECOVER,
        title="Look",
        why="Because.",
        reads=("things",),
        changes=(),
        needs=(),
        may_run=Permission.INCIDENT_OPEN,
        risk=Risk.READ,
        approval=Rule.NONE,
        undo=NoUndo("It changes nothing."),
        plan=plan,
        apply=None,
        verify=None,
        explain=general_words,
    )


async def test_what_a_check_leaves_to_people_is_a_task_once_and_has_a_card(database: Database) -> None:
    mine, everybodys = Todo("a", "Look at A", ("Do it.",)), Todo("b", "Switch B on", ("Do it.",), organisation=True)
    step = check(mine, everybodys)
    bench = await RunnerBench.start(database, [step])
    incident = await bench.incident()
    ctx = bench.planner.context(incident, incident.subject, account("megan"))
    for cause in ("first", "second"):
        await bench.planner.read(step, incident, cause, ctx, 5)
    async with database.read() as connection:
        wanted = {task.title: task for task in await open_tasks(connection)}
        posts = list((await connection.execute(sa.select(tables.posts.c.kind))).scalars())
    assert set(wanted) == {"Look at A", "Switch B on"}
    assert (wanted["Look at A"].incident_id, wanted["Switch B on"].incident_id) == (incident.id, None)
    assert wanted["Look at A"].assignee is None
    assert wanted["Look at A"].due_at is not None
    assert wanted["Switch B on"].due_at is None
    assert posts.count(PostKind.TASK.value) == 1


async def test_a_task_that_was_done_is_not_asked_for_again(database: Database) -> None:
    step = check(Todo("a", "Look at A", ("Do it.",)))
    bench = await RunnerBench.start(database, [step])
    incident = await bench.incident()
    ctx = bench.planner.context(incident, incident.subject, account("megan"))
    await bench.planner.read(step, incident, "first", ctx, 5)
    async with database.write() as connection:
        (task,) = await open_tasks(connection)
        await finish(connection, task.id, ALEX, bench.clock())
    await bench.planner.read(step, incident, "second", ctx, 5)
    async with database.read() as connection:
        assert await open_tasks(connection) == ()


async def test_a_step_learns_how_the_others_of_its_incident_ended(database: Database) -> None:
    step = check()
    bench = await RunnerBench.start(database, [step])
    incident = await bench.incident()
    ctx = bench.planner.context(incident, incident.subject, account("megan"))
    assert await ctx.ended() == {}
    await bench.planner.read(step, incident, "first", ctx, 5)
    assert await ctx.ended() == {"look": Outcome(State.DONE, "Looked.")}
