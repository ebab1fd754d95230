"""The end of an incident: what is done and open, closing with a reason, read only from then on, and the way back."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from dialogs import close
from dialogs.commands import Close, Reopen
from dialogs.handlers import VERBS
from dialogs.render import incident_view
from dialogs.turn import CardAnswer, Click, Message
from dialogs.turns import Turns
from dialogs.verbs import Verb
from services import tasks
from services.access import Permission
from services.approvals import PlanKind
from services.database import Database, tables
from services.errors import BadInput, Conflict, NotAllowed
from services.incidents import closing, store
from services.incidents.closing import Balance
from services.incidents.model import IncidentState, Phase
from services.playbook import guided
from services.playbook.step import Outcome, State
from services.posts import PostKind
from services.tasks import TaskState
from tests.dialogs.desk import DialogDesk
from tests.services.fakes import CHANNEL, PERSONAL, actor, subject
from tests.services.playbook.bench import ADELE, ALEX, THE_LOCK, Things

MEGAN, ZOE = actor("megan"), actor("zoe")
REASON = "Tracked elsewhere."


@pytest.fixture
async def desk(database: Database) -> DialogDesk:
    """A locked account, and doors to shut."""
    doors = Things(id="shut-doors", phase=Phase.STRENGTHEN)
    desk = await DialogDesk.start(database, steps=(*THE_LOCK, doors.step()))
    await desk.bench.locked()
    desk.bench.clock.pass_by(minutes=5)
    async with database.write() as connection:
        found = {"investigation": {"nonce": "one", "done": True}, "eviction": {"kind": "evict", "steps": {}}}
        await store.update(connection, desk.bench.incident_id, **found)
    return desk


async def _close(desk: DialogDesk, reason: str = REASON, by: Any = ALEX, where: Any = CHANNEL) -> str:
    incident = await desk.bench.incident()
    inputs = {"reason": reason} if reason else {}
    click = Click(by, where, "activity", Verb.CLOSE_CONFIRM.value, 1, incident.id, incident.nonce, inputs)
    answer = await VERBS[Verb.CLOSE_CONFIRM](desk.parts, click)
    assert isinstance(answer, CardAnswer)
    return str(answer.card)


async def _balance(desk: DialogDesk) -> Balance:
    async with desk.parts.database.read() as connection:
        incident = await store.get(connection, desk.bench.incident_id)
        return await closing.balance_of(connection, incident, desk.parts.steps)


def _said(text: str, by: Any = ALEX, where: Any = CHANNEL) -> Message:
    return Message(by, where, f"activity-{text}", text)


async def test_the_balance_says_what_is_done_waived_and_open(desk: DialogDesk) -> None:
    incident = await desk.bench.incident()
    now = desk.bench.clock()
    for step_id, state, reason in (
        ("warn-colleagues", State.SKIPPED, "Waived. Nobody got mail."),
        ("shut-doors", State.FAILED, "The door is stuck."),
        ("some-check", State.NOT_EVALUATED, "No licence."),
    ):
        await guided.record(desk.parts.ledger, incident, step_id, Outcome(state, reason), ADELE, step_id, now)
    balance = await _balance(desk)
    done = [line.title for line in balance.done]
    assert {"Block sign-in", "Revoke sessions", "Scramble password"} <= set(done)
    assert [(line.reason, line.who) for line in balance.waived] == [("Waived. Nobody got mail.", "Adele")]
    assert ("Some check", "No licence.") in [(line.title, line.reason) for line in balance.not_evaluated]
    assert "Shut things: The door is stuck." in [line.title for line in balance.still_open]
    assert any(line.title == "Recover: not begun" for line in balance.still_open) or not [
        entry for entry in desk.parts.steps if entry.phase is Phase.RECOVER
    ]
    assert "The account was locked less than a minute after the incident was opened." in balance.lessons


async def test_the_command_puts_one_card_into_the_thread(desk: DialogDesk) -> None:
    thread = (await desk.bench.incident()).conversation
    for _ in range(2):
        assert await close.command(desk.parts, _said("close", where=thread), Close()) is None
    elsewhere = await close.command(desk.parts, _said("close IR-0001"), Close("IR-0001"))
    assert elsewhere is None or "thread of IR-0001" in str(elsewhere)
    query = sa.select(tables.posts.c.subject_key).where(tables.posts.c.kind == PostKind.CLOSING.value)
    async with desk.parts.database.read() as connection:
        assert len(list((await connection.execute(query)).scalars())) == 1
    view = await close.view_of(desk.parts, desk.bench.incident_id)
    assert (view.reason_input, view.buttons[0].title) == ("reason", "Close all the same")


async def test_with_something_open_it_is_closed_only_with_a_reason(desk: DialogDesk) -> None:
    with pytest.raises(BadInput) as refused:
        await _close(desk, "  ")
    assert refused.value.data["reason"] == "reason-missing"
    card = await _close(desk)
    assert REASON in card
    assert "Closed by " in card
    incident = await desk.bench.incident()
    assert incident.state is IncidentState.CLOSED
    event, data = (await desk.bench.events())[-1]
    assert (event, data["reason"], data["by"]) == ("incident:closed", REASON, "Alex")
    assert data["open"]
    view = await incident_view(desk.parts, incident.id)
    assert (view.phase, view.buttons, view.next_step) == ("Closed", (), "This incident is closed.")
    with pytest.raises(Conflict):
        await _close(desk)


async def test_what_was_left_to_do_by_hand_is_waived_with_the_same_reason(desk: DialogDesk) -> None:
    async with desk.parts.database.write() as connection:
        task = await tasks.want(
            connection, "k", step_id="s", title="T", instructions=("Do.",), now=desk.bench.clock(), due_at=None,
            incident_id=desk.bench.incident_id,
        )  # fmt: skip
    await _close(desk)
    async with desk.parts.database.read() as connection:
        ended = await tasks.get(connection, task.id)
    assert (ended.state, ended.done_by) == (TaskState.WAIVED, ALEX)
    assert REASON in ended.note


@pytest.mark.parametrize(("by", "where"), [(ALEX, PERSONAL), (ADELE, CHANNEL), (ZOE, CHANNEL), (MEGAN, CHANNEL)])
async def test_only_a_responder_closes_and_where_others_see_it(desk: DialogDesk, by: Any, where: Any) -> None:
    with pytest.raises(NotAllowed):
        await _close(desk, by=by, where=where)
    with pytest.raises(NotAllowed):
        await close.command(desk.parts, _said("close", by, where), Close("IR-0001"))
    with pytest.raises(NotAllowed):
        await close.reopen(desk.parts, _said("reopen", by, where), Reopen("IR-0001"))


async def test_what_waits_or_runs_comes_to_its_end_first(desk: DialogDesk) -> None:
    incident = await desk.bench.incident()
    undo = await desk.parts.runner.undo_plan(incident.id)
    asked = await desk.parts.approvals.ask(incident.id, incident.nonce, ALEX, CHANNEL, kind=PlanKind.UNDO, plans=undo)
    with pytest.raises(Conflict) as waits:
        await _close(desk)
    await desk.parts.approvals.approve(asked.id, asked.nonce, ADELE, CHANNEL)
    with pytest.raises(Conflict) as runs:
        await _close(desk)
    assert (waits.value.data["reason"], runs.value.data["reason"]) == ("other-question-waits", "step-running")


async def test_every_button_of_a_closed_incident_is_refused_but_those_that_only_show(desk: DialogDesk) -> None:
    await _close(desk)
    incident = await desk.bench.incident()
    turns = Turns(desk.parts)
    reading = {Verb.CHOOSE, Verb.REPORT_GET, Verb.REPORT_SHOW, Verb.VERDICT_SHOW, Verb.VIEW}
    for verb in (Verb.LOCK_ASK, Verb.EVICT_REVIEW, Verb.UNDO_REVIEW, Verb.LOOK_AGAIN, Verb.PHASE_SHOW, Verb.CLOSE_SHOW):
        assert verb not in reading
        click = Click(ALEX, CHANNEL, "activity", verb.value, 1, incident.id, incident.nonce)
        with pytest.raises(Conflict) as refused:
            await turns._refuse_if_closed(verb, click)
        assert refused.value.data["reason"] == "incident-closed"
    for verb, target in ((Verb.STEP_PLAN, f"{incident.id}/shut-doors"), (Verb.TASK_SHOW, f"{incident.id}/x")):
        with pytest.raises(Conflict):
            await turns._refuse_if_closed(verb, Click(ALEX, CHANNEL, "a", verb.value, 1, target, incident.nonce))
    for verb in reading - {Verb.VIEW}:
        await turns._refuse_if_closed(verb, Click(ALEX, CHANNEL, "a", verb.value, 1, incident.id, incident.nonce))


async def test_the_subject_of_a_closed_incident_is_no_suspect_any_more(desk: DialogDesk) -> None:
    access = desk.parts.access
    with pytest.raises(NotAllowed) as refused:
        await access.require(MEGAN, Permission.INCIDENT_READ, CHANNEL)
    assert refused.value.data["reason"] == "subject-of-incident"
    await _close(desk)
    with pytest.raises(NotAllowed) as no_role:
        await access.require(MEGAN, Permission.INCIDENT_READ, CHANNEL)
    assert no_role.value.data["reason"] == "no-role"


async def test_a_reopened_incident_is_looked_at_anew(desk: DialogDesk) -> None:
    await _close(desk)
    before = await desk.bench.incident()
    card = await close.reopen(desk.parts, _said("reopen IR-0001"), Reopen("IR-0001"))
    assert "Open again" in str(card)
    incident = await desk.bench.incident()
    assert (incident.state, incident.plan, incident.investigation["done"]) == (IncidentState.OPEN, {}, False)
    assert incident.nonce != before.nonce
    started = [key for _, key in desk.bench.durable.started[-2:]]
    assert started == [f"{incident.id}:{incident.nonce}", f"{incident.id}:{incident.investigation['nonce']}"]
    assert (await desk.bench.events())[-1][0] == "incident:reopened"
    with pytest.raises(Conflict):
        await close.reopen(desk.parts, _said("reopen IR-0001"), Reopen("IR-0001"))


async def test_two_incidents_about_one_account_are_never_open(desk: DialogDesk) -> None:
    await _close(desk)
    await store.open_incident(desk.parts.database, subject(), ALEX, CHANNEL, desk.bench.clock())
    with pytest.raises(Conflict) as refused:
        await close.reopen(desk.parts, _said("reopen IR-0001"), Reopen("IR-0001"))
    assert refused.value.data["reason"] == "incident-open-already"


async def test_a_press_on_a_closed_incident_is_answered_in_words(desk: DialogDesk) -> None:
    await _close(desk)
    incident = await desk.bench.incident()
    turns = Turns(desk.parts)
    click = Click(ALEX, CHANNEL, "activity", Verb.LOOK_AGAIN.value, 1, incident.id, incident.nonce)
    await turns.on_click(click)
    (key,) = await desk.parts.requests.unfinished()
    await turns.handle(key)
    request = await desk.parts.requests.get(key)
    assert request is not None
    assert "closed and read only" in str(request.answer)
    assert (await desk.bench.incident()).investigation["nonce"] == "one"
