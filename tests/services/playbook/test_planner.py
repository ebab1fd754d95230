"""Drawing up plans: a fault of one step is its own, and none of them passes for an empty plan."""

from __future__ import annotations

from services.database import Database
from services.playbook.step import State
from tests.services.playbook.bench import RunnerBench, Things


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
