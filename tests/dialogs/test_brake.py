"""Stop and resume from the chat: who may, what cards and timelines say, what is refused meanwhile and what is not."""

from __future__ import annotations

import json

import pytest

from dialogs import brake, lock
from dialogs.commands import Resume, Stop
from dialogs.render import incident_view
from dialogs.turn import Click, Message
from dialogs.verbs import Verb
from services import approvals
from services import brake as rows
from services.access import POLICY, WITH_EFFECTS, Access, Role
from services.approvals import ApprovalState
from services.channel import Actor
from services.database import Database
from services.errors import Conflict, NotAllowed, Stopped
from services.incidents import store, timeline
from services.incidents.report.words import event
from tests.dialogs.desk import DialogDesk
from tests.services.fakes import CHANNEL, actor

ALEX, ADELE, ZOE = actor("alex"), actor("adele"), actor("zoe")
STOP = Stop("wrong account")


@pytest.fixture
async def desk(database: Database) -> DialogDesk:
    """Zoe is an administrator; Alex has asked for a lock."""
    desk = await DialogDesk.start(database)
    access: Access = desk.parts.access
    access._groups = {**access._groups, Role.ADMINISTRATOR: ("administrators",)}
    desk.bench.m365.directory.groups["administrators"] = {"zoe"}
    await desk.bench.propose()
    await lock.ask(desk.parts, await _click(desk, Verb.LOCK_ASK))
    return desk


def _message(by: Actor) -> Message:
    return Message(by, CHANNEL, "1", "stop")


async def _click(desk: DialogDesk, verb: Verb) -> Click:
    async with desk.parts.database.read() as connection:
        incident = await store.get(connection, desk.bench.incident_id)
    return Click(ALEX, CHANNEL, "2", verb.value, 1, incident.id, incident.nonce)


async def _lines(desk: DialogDesk) -> list[str]:
    async with desk.parts.database.read() as connection:
        return [event(line) for line in await timeline.read(connection, desk.bench.incident_id)]


async def test_nobody_but_an_administrator_stops_or_resumes(desk: DialogDesk) -> None:
    for by in (ALEX, ADELE):
        with pytest.raises(NotAllowed, match="no-role"):
            await brake.command(desk.parts, _message(by), STOP)
    await brake.command(desk.parts, _message(ZOE), STOP)
    with pytest.raises(NotAllowed, match="no-role"):
        await brake.command(desk.parts, _message(ALEX), Resume())


async def test_a_stop_says_by_whom_and_why_on_every_card_and_in_every_open_incident(desk: DialogDesk) -> None:
    said = json.dumps(await brake.command(desk.parts, _message(ZOE), STOP))
    assert "All work was stopped by Zoe: wrong account." in said
    assert "Questions taken back: 1." in said
    view = await incident_view(desk.parts, desk.bench.incident_id)
    assert view.notice == "All work was stopped by Zoe: wrong account."
    assert (await _lines(desk))[-1] == "The question was taken back."
    assert "All work was stopped by Zoe. Why: wrong account" in await _lines(desk)
    again = json.dumps(await brake.command(desk.parts, _message(ZOE), Stop("another reason")))
    assert "wrong account" in again

    said = json.dumps(await brake.command(desk.parts, _message(ZOE), Resume()))
    assert "What was taken back has to be asked for again." in said
    assert (await _lines(desk))[-1] == "All work goes on. Said by Zoe."
    assert (await incident_view(desk.parts, desk.bench.incident_id)).notice is None
    with pytest.raises(Conflict, match="not-stopped"):
        await brake.command(desk.parts, _message(ZOE), Resume())


async def test_looking_and_saying_no_go_on_and_what_leads_to_effects_does_not(desk: DialogDesk) -> None:
    async with desk.parts.database.write() as connection:  # the row alone: the question still waits
        await rows.put_on(connection, ZOE, "", desk.parts.now())
        waiting = await approvals.waiting_of(connection, desk.bench.incident_id)
    assert waiting is not None
    with pytest.raises(Stopped):
        await desk.parts.approvals.approve(waiting.id, waiting.nonce, ALEX, CHANNEL)
    ended = await desk.parts.approvals.cancel(waiting.id, waiting.nonce, ALEX, CHANNEL)
    assert ended.state is ApprovalState.CANCELLED
    with pytest.raises(Stopped):
        await lock.ask(desk.parts, await _click(desk, Verb.LOCK_ASK))
    await desk.parts.gates.start(desk.bench.incident_id, ALEX, CHANNEL)
    for permission in WITH_EFFECTS & POLICY[Role.RESPONDER]:
        await desk.parts.access.require(ALEX, permission, CHANNEL, harmless=True)
        with pytest.raises(Stopped):
            await desk.parts.access.require(ALEX, permission, CHANNEL)
