"""What no software can do: tasks of people, each a row, ticked off or waived with name and time.

A task belongs to an incident, or to the whole organisation (`incident_id` is None).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.channel import Actor
from services.database import insert_once
from services.database.task_tables import tasks
from services.errors import NotFound
from services.incidents import store, timeline
from services.incidents.model import actor_from_json
from services.incidents.timeline import AuditTag


class TaskState(StrEnum):
    """Where a task is. Both ends carry who and when; a waived one carries the reason as its note."""

    DONE = "done"
    OPEN = "open"
    WAIVED = "waived"


_TAGS = {TaskState.DONE: AuditTag.TASK_DONE, TaskState.WAIVED: AuditTag.TASK_WAIVED}


@dataclass(frozen=True)
class Task:
    """One row of `tasks`. `nonce` is what a button about it must bring back."""

    id: str
    key: str
    incident_id: str | None
    step_id: str
    title: str
    instructions: tuple[str, ...]
    assignee: Actor | None
    created_at: datetime
    due_at: datetime | None
    nonce: str
    state: TaskState
    done_by: Actor | None
    done_at: datetime | None
    note: str


async def want(
    connection: AsyncConnection,
    key: str,
    *,
    step_id: str,
    title: str,
    instructions: Sequence[str],
    now: datetime,
    due_at: datetime | None,
    incident_id: str | None = None,
    assignee: Actor | None = None,
) -> Task:
    """The task of this key (at most 255 characters), made if there is none; an existing one stays as it is.

    Without `due_at` nobody is reminded of it.
    """
    new = await insert_once(
        connection,
        tasks,
        id=str(uuid.uuid4()),
        key=key,
        incident_id=incident_id,
        step_id=step_id,
        title=title,
        instructions=list(instructions),
        assignee=None if assignee is None else asdict(assignee),
        created_at=now,
        due_at=due_at,
        nonce=store.new_nonce(),
        state=TaskState.OPEN.value,
        note="",
    )
    task = _task((await connection.execute(sa.select(tasks).where(tasks.c.key == key))).one())
    if new:
        await _tell(connection, task, AuditTag.TASK_ASKED, now)
    return task


async def finish(
    connection: AsyncConnection,
    task_id: str,
    by: Actor,
    now: datetime,
    *,
    state: TaskState = TaskState.DONE,
    note: str = "",
) -> bool:
    """Ticks a task off, or waives it with the reason as `note`; False when it was not open any more."""
    ended = await connection.execute(
        sa.update(tasks)
        .where(tasks.c.id == task_id, tasks.c.state == TaskState.OPEN.value)
        .values(state=state.value, done_by=asdict(by), done_at=now, note=note)
    )
    if ended.rowcount != 1:
        return False
    await _tell(connection, await get(connection, task_id), _TAGS[state], now, by)
    return True


async def assign(connection: AsyncConnection, task_id: str, to: Actor, now: datetime) -> bool:
    """Puts a person's name on an open task; False when it is not open any more."""
    taken = await connection.execute(
        sa.update(tasks).where(tasks.c.id == task_id, tasks.c.state == TaskState.OPEN.value).values(assignee=asdict(to))
    )
    if taken.rowcount != 1:
        return False
    await _tell(connection, await get(connection, task_id), AuditTag.TASK_TAKEN, now, to)
    return True


async def get(connection: AsyncConnection, task_id: str) -> Task:
    """One task. Raises NotFound."""
    row = (await connection.execute(sa.select(tasks).where(tasks.c.id == task_id))).one_or_none()
    if row is None:
        raise NotFound(what="task", sought=task_id)
    return _task(row)


async def by_key(connection: AsyncConnection, key: str) -> Task | None:
    """The task of this key, if there is one."""
    row = (await connection.execute(sa.select(tasks).where(tasks.c.key == key))).one_or_none()
    return None if row is None else _task(row)


async def open_tasks(connection: AsyncConnection, incident_id: str | None = None) -> tuple[Task, ...]:
    """The open tasks of one incident, or all there are: what is due first comes first."""
    query = sa.select(tasks).where(tasks.c.state == TaskState.OPEN.value)
    if incident_id is not None:
        query = query.where(tasks.c.incident_id == incident_id)
    found = [_task(row) for row in await connection.execute(query)]
    return tuple(sorted(found, key=lambda task: (task.due_at is None, task.due_at or task.created_at, task.key)))


async def tasks_of(connection: AsyncConnection, incident_id: str) -> tuple[Task, ...]:
    """All tasks of an incident, in the order in which they were asked for."""
    query = sa.select(tasks).where(tasks.c.incident_id == incident_id).order_by(tasks.c.created_at, tasks.c.key)
    return tuple(_task(row) for row in await connection.execute(query))


async def due(connection: AsyncConnection, now: datetime) -> tuple[Task, ...]:
    """The open tasks whose time has come and of which nobody was reminded since it came."""
    query = sa.select(tasks).where(
        tasks.c.state == TaskState.OPEN.value,
        tasks.c.due_at <= now,
        sa.or_(tasks.c.reminded_for.is_(None), tasks.c.reminded_for < tasks.c.due_at),
    )
    return tuple(_task(row) for row in await connection.execute(query.order_by(tasks.c.due_at, tasks.c.key)))


async def reminded(connection: AsyncConnection, task: Task, now: datetime) -> bool:
    """Notes that people were reminded for this due time; False when that was noted before."""
    noted = await connection.execute(
        sa.update(tasks)
        .where(tasks.c.id == task.id, tasks.c.state == TaskState.OPEN.value, tasks.c.due_at == task.due_at)
        .where(sa.or_(tasks.c.reminded_for.is_(None), tasks.c.reminded_for < tasks.c.due_at))
        .values(reminded_for=task.due_at)
    )
    if noted.rowcount != 1:
        return False
    await _tell(connection, task, AuditTag.TASK_REMINDED, now)
    return True


async def _tell(connection: AsyncConnection, task: Task, tag: AuditTag, now: datetime, by: Actor | None = None) -> None:
    """A line in the timeline of the task's incident; a task of the organisation has none."""
    if task.incident_id is None:
        return
    await timeline.append(
        connection,
        task.incident_id,
        tag,
        at=now,
        actor_id=by.object_id if by else timeline.SYSTEM,
        data={"task": task.id, "step": task.step_id, "title": task.title, "note": task.note},
    )


def _task(row: sa.Row[Any]) -> Task:
    return Task(
        id=row.id,
        key=row.key,
        incident_id=row.incident_id,
        step_id=row.step_id,
        title=row.title,
        instructions=tuple(row.instructions),
        assignee=None if row.assignee is None else actor_from_json(row.assignee),
        created_at=row.created_at,
        due_at=row.due_at,
        nonce=row.nonce,
        state=TaskState(row.state),
        done_by=None if row.done_by is None else actor_from_json(row.done_by),
        done_at=row.done_at,
        note=row.note,
    )
