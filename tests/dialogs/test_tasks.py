"""What people do by hand: the card, the list, the tick, the waiver, and one reminder for each due time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from dialogs import tasks as dialog
from dialogs.commands import Tasks
from dialogs.facts import Viewer
from dialogs.handlers import VERBS
from dialogs.turn import CardAnswer, Click, Message
from dialogs.verbs import Verb
from services import tasks
from services.access import Permission
from services.database import tables
from services.errors import BadInput, Conflict, NotAllowed
from services.playbook import by_hand
from services.posts import PostKind
from services.tasks import Task, TaskState
from tests.dialogs.desk import DialogDesk
from tests.services.fakes import CHANNEL, PERSONAL, actor
from tests.services.playbook.bench import ADELE, ALEX

ZOE = actor("zoe")
ALL = frozenset(Permission)


async def _want(desk: DialogDesk, key: str = "k", hours: float = 24, title: str = "Call the bank") -> Task:
    async with desk.parts.database.write() as connection:
        return await tasks.want(
            connection,
            key,
            step_id="call-bank",
            title=title,
            instructions=("Ask for a recall.",),
            now=desk.bench.clock(),
            due_at=desk.bench.clock() + timedelta(hours=hours),
            incident_id=desk.bench.incident_id,
        )


async def _press(
    desk: DialogDesk, verb: Verb, task: Task, *, suffix: str = "", by: Any = ALEX, where: Any = CHANNEL, **inputs: str
) -> str:
    click = Click(by, where, "activity", verb.value, 1, f"{task.id}{suffix}", task.nonce, inputs)
    answer = await VERBS[verb](desk.parts, click)
    assert isinstance(answer, CardAnswer)
    return str(answer.card)


async def _now(desk: DialogDesk, task: Task) -> Task:
    async with desk.parts.database.read() as connection:
        return await tasks.get(connection, task.id)


async def _posts(desk: DialogDesk) -> list[str]:
    query = sa.select(tables.posts.c.subject_key).where(tables.posts.c.kind == PostKind.TASK.value)
    async with desk.parts.database.read() as connection:
        return sorted((await connection.execute(query)).scalars())


async def test_a_task_is_ticked_off_with_name_time_and_note(desk: DialogDesk) -> None:
    task = await _want(desk)
    card = await _press(desk, Verb.TASK_DONE, task, note="Recalled.")
    assert "Done by Alex" in card
    assert "Recalled." in card
    ended = await _now(desk, task)
    assert (ended.state, ended.done_by, ended.note) == (TaskState.DONE, ALEX, "Recalled.")
    with pytest.raises(Conflict):
        await _press(desk, Verb.TASK_DONE, task)


async def test_only_an_approver_waives_and_says_why(desk: DialogDesk) -> None:
    task = await _want(desk)
    with pytest.raises(NotAllowed):
        await _press(desk, Verb.TASK_WAIVE, task, note="Why not.")
    with pytest.raises(BadInput) as refused:
        await _press(desk, Verb.TASK_WAIVE, task, by=ADELE, note=" ")
    assert refused.value.data["reason"] == "reason-missing"
    assert "Waived by Adele" in await _press(desk, Verb.TASK_WAIVE, task, by=ADELE, note="No money moved.")
    assert (await _now(desk, task)).state is TaskState.WAIVED


@pytest.mark.parametrize(("by", "where"), [(ALEX, PERSONAL), (ADELE, CHANNEL), (ZOE, CHANNEL)])
async def test_a_tick_needs_the_right_person_in_the_right_place(desk: DialogDesk, by: Any, where: Any) -> None:
    task = await _want(desk)
    for verb in (Verb.TASK_DONE, Verb.TASK_TAKE):
        with pytest.raises(NotAllowed):
            await _press(desk, verb, task, by=by, where=where)
    assert (await _now(desk, task)).state is TaskState.OPEN


async def test_a_forged_button_does_nothing(desk: DialogDesk) -> None:
    task = await _want(desk)
    click = Click(ALEX, CHANNEL, "activity", Verb.TASK_DONE.value, 1, task.id, "forged")
    with pytest.raises(BadInput):
        await VERBS[Verb.TASK_DONE](desk.parts, click)
    with pytest.raises(BadInput):  # nothing to look at: it is not about something on-premises
        await _press(desk, Verb.TASK_CHECK, task)


async def test_somebody_takes_it_and_the_card_says_who(desk: DialogDesk) -> None:
    task = await _want(desk)
    card = await _press(desk, Verb.TASK_TAKE, task)
    assert "For Alex" in card
    assert "I take it" not in card


async def test_the_list_shows_open_tasks_by_incident_and_person(desk: DialogDesk) -> None:
    late = await _want(desk, "a", hours=-1, title="Call the bank")
    await _want(desk, "b", hours=5, title="Look at the PC")
    await _press(desk, Verb.TASK_TAKE, late)
    message = Message(ALEX, CHANNEL, "activity", "tasks")
    card = str(await dialog.command(desk.parts, message, Tasks()))
    for words in ("2 open tasks", "IR-0001 · Megan", "Call the bank", "For Alex", "overdue since", "Nobody has taken"):
        assert words in card
    after = await _press(desk, Verb.TASK_DONE, late, suffix="/list")
    assert "1 open task" in after
    assert "Call the bank" not in after
    with pytest.raises(NotAllowed):
        await dialog.command(desk.parts, Message(ZOE, CHANNEL, "activity", "tasks"), Tasks())


async def test_in_a_personal_chat_the_list_only_shows(desk: DialogDesk) -> None:
    await _want(desk)
    view = await dialog.list_view(desk.parts, None, Viewer(ALEX, ALL), personal=True)
    assert [line.buttons for group in view.groups for line in group.lines] == [()]
    view = await dialog.list_view(desk.parts, None, Viewer(ALEX, ALL), personal=False)
    assert [len(line.buttons) for group in view.groups for line in group.lines] == [1]


async def test_what_is_due_reminds_once_for_each_due_time(desk: DialogDesk) -> None:
    task = await _want(desk, hours=2)
    assert await dialog.remind(desk.parts) == 0
    desk.bench.clock.pass_by(hours=3)
    assert await dialog.remind(desk.parts) == 1
    assert await dialog.remind(desk.parts) == 0
    (key,) = await _posts(desk)
    assert key.startswith(f"task:{task.id}:due:")
    assert "this is due" in str(await dialog.answer_to_post(desk.parts, key))
    assert [event for event, _ in await desk.bench.events()].count("task:reminded") == 1


async def test_a_task_on_premises_is_looked_at_again(desk: DialogDesk) -> None:
    step = next(step for step in desk.parts.steps if step.id == "block-sign-in")
    incident = await desk.bench.incident()
    async with desk.parts.database.write() as connection:
        task = await by_hand.want_on_premises(
            connection, incident, step, "Disable megan there.", desk.parts.settings, desk.bench.clock()
        )
    view = await dialog.view_of(desk.parts, task.id)
    assert view.instructions[0] == "Disable megan there."
    assert [button.title for button in view.buttons] == ["Check again", "Done", "I take it", "Waive"]
    assert "Looking now." in await _press(desk, Verb.TASK_CHECK, task)
    await desk.bench.m365.directory.block_sign_in("megan")
    for key in await desk.parts.on_demand.pending():
        await desk.parts.on_demand.plan(key)
    ended = await _now(desk, task)
    assert (ended.state, ended.note) == (TaskState.DONE, "Checked. Sign-in was blocked before.")
