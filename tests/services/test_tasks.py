from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from services import tasks
from services.database import Database
from services.database.task_tables import tasks as table
from services.errors import NotFound
from services.incidents import store, timeline
from services.tasks import Task, TaskState
from tests.services.fakes import CHANNEL, NOW, actor, subject


@pytest.fixture
async def incident_id(database: Database) -> str:
    incident, _ = await store.open_incident(database, subject(), actor("alex"), CHANNEL, NOW)
    return incident.id


async def _want(database: Database, incident_id: str | None, key: str = "k", hours: float | None = 24) -> Task:
    async with database.write() as connection:
        return await tasks.want(
            connection,
            key,
            step_id="look-at-pc",
            title="Look at the PC",
            instructions=("Scan it.", "Update it."),
            now=NOW,
            due_at=None if hours is None else NOW + timedelta(hours=hours),
            incident_id=incident_id,
        )


async def _events(database: Database, incident_id: str) -> list[str]:
    async with database.read() as connection:
        return [entry.event for entry in await timeline.read(connection, incident_id) if entry.event[:5] == "task:"]


async def test_a_task_is_made_once_per_key_and_told_once(database: Database, incident_id: str) -> None:
    first = await _want(database, incident_id)
    again = await _want(database, incident_id, hours=1)
    assert again == first
    assert (first.state, first.instructions, first.assignee) == (TaskState.OPEN, ("Scan it.", "Update it."), None)
    assert await _events(database, incident_id) == ["task:asked"]


async def test_a_task_ends_once_with_name_time_and_note(database: Database, incident_id: str) -> None:
    task = await _want(database, incident_id)
    async with database.write() as connection:
        assert await tasks.finish(connection, task.id, actor("alex"), NOW, note="Clean.")
        assert not await tasks.finish(connection, task.id, actor("adele"), NOW, state=TaskState.WAIVED, note="No.")
        assert not await tasks.assign(connection, task.id, actor("adele"), NOW)
        ended = await tasks.get(connection, task.id)
    assert (ended.state, ended.done_by, ended.done_at, ended.note) == (TaskState.DONE, actor("alex"), NOW, "Clean.")
    assert await _events(database, incident_id) == ["task:asked", "task:done"]


async def test_somebody_takes_it_and_their_name_stands_on_it(database: Database, incident_id: str) -> None:
    task = await _want(database, incident_id)
    async with database.write() as connection:
        assert await tasks.assign(connection, task.id, actor("adele"), NOW)
        assert (await tasks.get(connection, task.id)).assignee == actor("adele")
    assert await _events(database, incident_id) == ["task:asked", "task:taken"]


async def test_open_tasks_come_by_due_time_and_by_incident(database: Database, incident_id: str) -> None:
    late = await _want(database, incident_id, "late", 48)
    soon = await _want(database, incident_id, "soon", 1)
    never = await _want(database, None, "never", None)
    ended = await _want(database, incident_id, "ended", 2)
    async with database.write() as connection:
        await tasks.finish(connection, ended.id, actor("alex"), NOW)
        assert await tasks.open_tasks(connection) == (soon, late, never)
        assert await tasks.open_tasks(connection, incident_id) == (soon, late)
        assert {task.key for task in await tasks.tasks_of(connection, incident_id)} == {"late", "soon", "ended"}


async def test_one_due_time_reminds_once_and_a_later_one_again(database: Database, incident_id: str) -> None:
    task = await _want(database, incident_id, hours=1)
    later = NOW + timedelta(hours=2)
    async with database.write() as connection:
        assert await tasks.due(connection, NOW) == ()
        assert [each.id for each in await tasks.due(connection, later)] == [task.id]
        assert await tasks.reminded(connection, task, later)
        assert not await tasks.reminded(connection, task, later)
        assert await tasks.due(connection, later) == ()
        await connection.execute(sa.update(table).values(due_at=NOW + timedelta(hours=1, minutes=30)))
        assert [each.id for each in await tasks.due(connection, later)] == [task.id]
    assert await _events(database, incident_id) == ["task:asked", "task:reminded"]


async def test_what_has_ended_reminds_nobody(database: Database, incident_id: str) -> None:
    task = await _want(database, incident_id, hours=1)
    async with database.write() as connection:
        await tasks.finish(connection, task.id, actor("alex"), NOW)
        assert await tasks.due(connection, NOW + timedelta(days=9)) == ()
        assert not await tasks.reminded(connection, task, NOW)


async def test_a_task_of_the_organisation_has_no_timeline(database: Database, incident_id: str) -> None:
    task = await _want(database, None)
    async with database.write() as connection:
        assert await tasks.finish(connection, task.id, actor("alex"), NOW)
    assert await _events(database, incident_id) == []


async def test_an_unknown_task_is_not_found(database: Database) -> None:
    async with database.read() as connection:
        assert await tasks.by_key(connection, "nothing") is None
        with pytest.raises(NotFound):
            await tasks.get(connection, "nobody")
