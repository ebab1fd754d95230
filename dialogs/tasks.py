"""What people do by hand: the card of a task, the list of those that are open, the tick, and the reminder."""

from __future__ import annotations

from datetime import UTC

from sqlalchemy.ext.asyncio import AsyncConnection

from cards import phase_card, task_card, tasks_card
from cards.views import Button, ButtonStyle, TaskGroup, TaskLine, TasksView, TaskView
from dialogs import phases
from dialogs.commands import Tasks
from dialogs.facts import Viewer
from dialogs.help import asked_about
from dialogs.parts import Parts
from dialogs.turn import Answer, CardAnswer, Click, Message
from dialogs.verbs import Verb
from services import tasks
from services.access import ONLY_IN_CHANNELS, Permission, Standing
from services.channel import Card, ConversationKind
from services.errors import BadInput, Conflict, NotFound
from services.incidents import store
from services.incidents.model import Incident, IncidentState
from services.playbook import ENTRY_BY_ID, by_hand, guided
from services.playbook.on_demand import PlanState, StepPlan, step_plan
from services.playbook.step import HumanTask, Outcome, State
from services.posts import PostKind
from services.tasks import Task, TaskState

NOTE = "note"
_LIST = "list"
_MOST_LISTED = 12


# -- the card of one task --------------------------------------------------------------------------------------------


async def show(parts: Parts, click: Click) -> Answer:
    """Puts the card of a human task of a phase into the thread, once."""
    standing = await parts.access.require(click.actor, Permission.INCIDENT_READ, click.conversation)
    incident_id, _, entry_id = click.id.partition("/")
    entry = ENTRY_BY_ID.get(entry_id)
    if not isinstance(entry, HumanTask):
        raise BadInput(reason="unknown-button")
    async with parts.database.write() as connection:
        incident = await store.get(connection, incident_id, lock=True)
        if not store.same_nonce(incident.nonce, click.nonce):
            raise BadInput(reason="stale-card")
        task = await by_hand.want_task(connection, incident, entry, parts.settings, parts.now())
        await _want_card(parts, connection, incident, task, f"task:{task.id}")
    viewer = Viewer(click.actor, standing.permissions)
    notice = f"The task “{task.title}” stands in this thread."
    return CardAnswer(phase_card(await phases.view_of(parts, incident_id, entry.phase, viewer=viewer, notice=notice)))


async def _want_card(parts: Parts, connection: AsyncConnection, incident: Incident, task: Task, key: str) -> None:
    await parts.posts.want_in_thread(connection, incident, key, PostKind.TASK, parts.now(), task.title)


async def view_of(
    parts: Parts,
    task_id: str,
    *,
    viewer: Viewer | None = None,
    notice: str | None = None,
    reminder: bool = False,
) -> TaskView:
    """The task as it stands. `viewer` None draws it for everybody."""
    async with parts.database.read() as connection:
        task = await tasks.get(connection, task_id)
        incident = await store.get(connection, task.incident_id) if task.incident_id else None
        checked = await step_plan(connection, incident.id, task.step_id) if incident else None
    may = viewer.permissions if viewer else frozenset(Permission)
    closed = incident is not None and incident.state is not IncidentState.OPEN
    return TaskView(
        title=task.title,
        about=_about(incident),
        instructions=task.instructions,
        state=task.state.value,
        assignee=task.assignee.name if task.assignee else None,
        due_at=task.due_at,
        reminder=reminder,
        done_by=task.done_by.name if task.done_by else None,
        done_at=task.done_at,
        note=task.note,
        checked=_checked(checked) if _is_on_premises(task) else "",
        note_input=NOTE,
        buttons=() if closed or task.state is not TaskState.OPEN else _buttons(parts, task, may, checked),
        notice=notice,
    )


def _about(incident: Incident | None) -> str:
    return f"{incident.label} · {incident.subject.name}" if incident else "For the whole organisation"


def _is_on_premises(task: Task) -> bool:
    return task.incident_id is not None and task.key == by_hand.on_premises_key(task.incident_id, task.step_id)


def _checked(row: StepPlan | None) -> str:
    """What the last look at an on-premises task found."""
    if row is None:
        return ""
    if row.state is PlanState.PLANNING:
        return "Looking now."
    if row.plan.settled is None:
        return "IRBot can do it in the cloud now. See the plan."
    if row.plan.settled.state is State.NEEDS_ON_PREMISES:
        return "It does not show in Microsoft 365 yet. The next sync may bring it."
    return row.plan.settled.reason


def _buttons(parts: Parts, task: Task, may: frozenset[Permission], checked: StepPlan | None) -> tuple[Button, ...]:
    buttons: list[Button] = []
    if _may_run(parts, task) in may:
        looking = checked is not None and checked.state is PlanState.PLANNING
        if _is_on_premises(task) and not looking:
            nonce = checked.nonce if checked else task.nonce  # each look has a button of its own
            buttons.append(Button("Check again", Verb.TASK_CHECK, task.id, nonce, ButtonStyle.POSITIVE))
        style = ButtonStyle.DEFAULT if _is_on_premises(task) else ButtonStyle.POSITIVE
        buttons.append(Button("Done", Verb.TASK_DONE, task.id, task.nonce, style))
        if task.assignee is None:
            buttons.append(Button("I take it", Verb.TASK_TAKE, task.id, task.nonce))
    if Permission.APPROVAL_DECIDE in may:
        buttons.append(Button("Waive", Verb.TASK_WAIVE, task.id, task.nonce))
    return tuple(buttons)


def _may_run(parts: Parts, task: Task) -> Permission:
    """Who may tick it off: whoever may run the step that it belongs to."""
    own = next((step for step in parts.steps if step.id == task.step_id), None)
    entry = own or ENTRY_BY_ID.get(task.step_id)
    return entry.may_run if entry else Permission.INCIDENT_OPEN


# -- what can be done about a task -----------------------------------------------------------------------------------


async def done(parts: Parts, click: Click) -> Answer:
    """Ticks a task off, with the name, the time and a note."""
    task = await _task(parts, click)
    standing = await _allowed(parts, click, task, _may_run(parts, task))
    note = click.inputs.get(NOTE, "").strip()
    await _finish(parts, task, click, TaskState.DONE, note)
    return await _answer(parts, task, click, Viewer(click.actor, standing.permissions))


async def waive(parts: Parts, click: Click) -> Answer:
    """An approver decides that a task is not needed, and says why."""
    task = await _task(parts, click)
    standing = await parts.access.require(
        click.actor, Permission.APPROVAL_DECIDE, click.conversation, incident_id=task.incident_id
    )
    reason = click.inputs.get(NOTE, "").strip()
    if not reason:
        raise BadInput(reason="reason-missing")
    await _finish(parts, task, click, TaskState.WAIVED, reason)
    return await _answer(parts, task, click, Viewer(click.actor, standing.permissions))


async def take(parts: Parts, click: Click) -> Answer:
    """Puts the name of whoever pressed on a task."""
    task = await _task(parts, click)
    standing = await _allowed(parts, click, task, _may_run(parts, task))
    async with parts.database.write() as connection:
        if not await tasks.assign(connection, task.id, click.actor, parts.now()):
            raise Conflict(reason="task-ended")
    parts.posts.changed.set()
    return await _answer(parts, task, click, Viewer(click.actor, standing.permissions))


async def check(parts: Parts, click: Click) -> Answer:
    """Looks whether what was to be done on-premises shows in the cloud; if it does, the task ends by itself."""
    task = await _task(parts, click)
    standing = await _allowed(parts, click, task, _may_run(parts, task))
    if task.incident_id is None or not _is_on_premises(task):
        raise BadInput(reason="unknown-button")
    await parts.on_demand.begin(task.incident_id, task.step_id, click.actor)
    return await _answer(parts, task, click, Viewer(click.actor, standing.permissions))


async def _allowed(parts: Parts, click: Click, task: Task, permission: Permission) -> Standing:
    """What is noted about work by hand has no effect of ours, so it goes on while all work is stopped."""
    return await parts.access.require(
        click.actor, permission, click.conversation, incident_id=task.incident_id, harmless=True
    )


async def _task(parts: Parts, click: Click) -> Task:
    """The open task that a button is about: by its own id, or as `incident/entry`. Raises for a stale one."""
    first, _, second = click.id.partition("/")
    async with parts.database.read() as connection:
        if second and second != _LIST:
            incident = await store.get(connection, first)
            found = await tasks.by_key(connection, by_hand.task_key(first, second))
            if found is None:
                raise NotFound(what="task", sought=second)
            nonce, task = incident.nonce, found
        else:
            task = await tasks.get(connection, first)
            nonce = task.nonce
            looked = await step_plan(connection, task.incident_id or "", task.step_id)
            if click.verb == Verb.TASK_CHECK and looked is not None:
                nonce = looked.nonce
    if not store.same_nonce(nonce, click.nonce):
        raise BadInput(reason="stale-card")
    if task.state is not TaskState.OPEN:
        raise Conflict(reason="task-ended")
    return task


async def _finish(parts: Parts, task: Task, click: Click, state: TaskState, note: str) -> None:
    """Ends the task; a human task of the playbook ends its step as well, so that the incident's cards know."""
    now = parts.now()
    if task.incident_id is not None and isinstance(ENTRY_BY_ID.get(task.step_id), HumanTask):
        async with parts.database.read() as connection:
            incident = await store.get(connection, task.incident_id)
        waived = state is TaskState.WAIVED
        words = f"Waived. {note}" if waived else f"Done by hand. {note}".strip()
        outcome = Outcome(State.SKIPPED if waived else State.DONE, words)
        await guided.record(parts.ledger, incident, task.step_id, outcome, click.actor, task.id, now)
    async with parts.database.write() as connection:
        if not await tasks.finish(connection, task.id, click.actor, now, state=state, note=note):
            raise Conflict(reason="task-ended")
    parts.posts.changed.set()


async def _answer(parts: Parts, task: Task, click: Click, viewer: Viewer) -> Answer:
    """The card that was pressed, as it is now: the list, the phase, or the task's own."""
    _, _, second = click.id.partition("/")
    if second == _LIST:
        personal = click.conversation.kind is ConversationKind.PERSONAL
        return CardAnswer(tasks_card(await list_view(parts, None, viewer, personal=personal)))
    if second:
        from_phase = await phases.shown(parts, click.id, viewer=viewer)
        if from_phase is not None:
            return from_phase
    return CardAnswer(task_card(await view_of(parts, task.id, viewer=viewer)))


# -- the list --------------------------------------------------------------------------------------------------------


async def command(parts: Parts, message: Message, asked: Tasks) -> Card:
    """The open tasks of one incident, or of all."""
    standing = await parts.access.require(message.actor, Permission.INCIDENT_READ, message.conversation)
    incident = await asked_about(parts, message, asked.incident) if asked.incident else None
    personal = message.conversation.kind is ConversationKind.PERSONAL
    viewer = Viewer(message.actor, standing.permissions)
    return tasks_card(await list_view(parts, incident, viewer, personal=personal))


async def list_view(parts: Parts, incident: Incident | None, viewer: Viewer, *, personal: bool) -> TasksView:
    """The list for this person. What is done where others see it has no button in a personal chat."""
    now = parts.now()
    async with parts.database.read() as connection:
        found = await tasks.open_tasks(connection, incident.id if incident else None)
        ids = dict.fromkeys(task.incident_id for task in found[:_MOST_LISTED])
        incidents = {each: await store.get(connection, each) for each in ids if each is not None}
    groups = []
    for incident_id in ids:
        lines = []
        for task in found[:_MOST_LISTED]:
            if task.incident_id != incident_id:
                continue
            permission = _may_run(parts, task)
            may = permission in viewer.permissions and not (personal and permission in ONLY_IN_CHANNELS)
            button = Button("Done", Verb.TASK_DONE, f"{task.id}/{_LIST}", task.nonce)
            lines.append(
                TaskLine(
                    title=task.title,
                    assignee=task.assignee.name if task.assignee else None,
                    due_at=task.due_at,
                    overdue=task.due_at is not None and task.due_at <= now,
                    buttons=(button,) if may else (),
                )
            )
        groups.append(TaskGroup(_about(incidents[incident_id] if incident_id else None), tuple(lines)))
    return TasksView(groups=tuple(groups), more=max(len(found) - _MOST_LISTED, 0))


# -- the reminder ----------------------------------------------------------------------------------------------------


async def remind(parts: Parts) -> int:
    """Puts the card of each task that is due into its incident's thread, once per due time; returns how many."""
    now = parts.now()
    async with parts.database.read() as connection:
        found = [task for task in await tasks.due(connection, now) if task.incident_id is not None]
    count = 0
    for task in found:
        async with parts.database.write() as connection:
            incident = await store.get(connection, task.incident_id or "")
            if incident.state is IncidentState.OPEN and await tasks.reminded(connection, task, now):
                assert task.due_at is not None
                stamp = task.due_at.astimezone(UTC).strftime("%Y%m%dT%H%M%S%f")
                await _want_card(parts, connection, incident, task, f"task:{task.id}:due:{stamp}")
                count += 1
    return count


async def answer_to_post(parts: Parts, key: str) -> Card:
    """The card of the post with this key: the task's own, or a reminder of it."""
    _, task_id, *due = key.split(":")
    return task_card(await view_of(parts, task_id, reminder=bool(due)))
