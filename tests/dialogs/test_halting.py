"""A step that works off long lists: paused, gone on with and stopped from the card of its phase."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from dialogs.handlers import VERBS
from dialogs.turn import CardAnswer, Click
from dialogs.verbs import Verb
from services.bulk import Bulk, Entry, Halt, halt_of, undo_of
from services.channel import Actor
from services.database import Database
from services.errors import BadInput, NotAllowed
from services.incidents.model import Phase
from services.playbook.halting import steerable
from services.playbook.ledger import Run, RunKind
from services.playbook.step import Change, Outcome, Plan, State
from tests.dialogs.desk import DialogDesk
from tests.services.fakes import CHANNEL, NOW, actor
from tests.services.playbook.bench import ALEX, THE_LOCK, Things

ZOE = actor("zoe")


@pytest.fixture
async def desk(database: Database) -> DialogDesk:
    """A locked account, and a step that works off one list."""
    desk = await DialogDesk.start(database, steps=(*THE_LOCK, Things(id="shut-doors", phase=Phase.STRENGTHEN).step()))
    await desk.bench.locked()
    return desk


async def _entries() -> AsyncIterator[Mapping[tuple[str, str], Sequence[Entry]]]:
    lines = [Entry(f"box-{number}", "", "", before={"imap": True}, after={"imap": False}) for number in range(3)]
    yield {("imap-pop", "all"): lines}


async def _running(desk: DialogDesk, kind: RunKind = RunKind.APPLY) -> tuple[Run, str]:
    """A run of the step that is under way, and its list."""
    bulk = Bulk(desk.parts.database, owner="one", may_act=lambda: True, now=lambda: NOW)
    jobs = await bulk.freeze(_entries())
    job = jobs["imap-pop", "all"]
    plan = Plan((Change("list", "Doors", "open", "shut", data={"job": job.id, "digest": job.digest}),))
    run, _ = await desk.bench.ledger.begin(
        desk.bench.incident_id, "shut-doors", kind, "cause", plan, ALEX, desk.parts.now()
    )
    return run, job.id


async def _press(desk: DialogDesk, verb: Verb, run: str, by: Actor = ALEX) -> list[str]:
    """The titles of the buttons on the card that a press answers with."""
    target = f"{desk.bench.incident_id}/shut-doors"
    answer = await VERBS[verb](desk.parts, Click(by, CHANNEL, "activity", verb.value, 1, target, run, {}))
    assert isinstance(answer, CardAnswer)
    return [button["title"] for button in _buttons(answer.card)]


def _buttons(part: Any) -> list[dict[str, Any]]:
    if isinstance(part, list):
        return [found for each in part for found in _buttons(each)]
    if not isinstance(part, dict):
        return []
    own = [part] if part.get("type") == "Action.Execute" else []
    return own + [found for each in part.values() for found in _buttons(each)]


async def _nonce(desk: DialogDesk, run: Run) -> str:
    """What the buttons of the run carry now."""
    async with desk.parts.database.read() as connection:
        stands = await steerable(connection, run)
    assert stands is not None
    return stands.nonce


async def _halt(desk: DialogDesk, *jobs: str) -> Halt | None:
    async with desk.parts.database.read() as connection:
        return await halt_of(connection, jobs)


async def test_a_run_is_paused_gone_on_with_and_stopped_as_often_as_wanted(desk: DialogDesk) -> None:
    run, job = await _running(desk)
    nonces = []
    for _ in range(2):  # each time by another button: a press of one that was pressed before does nothing anew
        nonces.append(await _nonce(desk, run))
        assert await _press(desk, Verb.STEP_PAUSE, nonces[-1]) == ["Go on", "Stop here"]
        assert await _halt(desk, job) is Halt.PAUSED
        assert await _press(desk, Verb.STEP_PAUSE, nonces[-1]) == ["Go on", "Stop here"]
        nonces.append(await _nonce(desk, run))
        assert await _press(desk, Verb.STEP_RESUME, nonces[-1]) == ["Pause", "Stop here"]
        assert await _halt(desk, job) is Halt.NONE
    assert len(set(nonces)) == 4
    with pytest.raises(BadInput, match="stale-card"):
        await _press(desk, Verb.STEP_PAUSE, nonces[0])
    assert await _press(desk, Verb.STEP_STOP, nonces[0]) == []
    assert await _halt(desk, job) is Halt.STOPPED
    with pytest.raises(BadInput, match="stale-card"):
        await _press(desk, Verb.STEP_RESUME, nonces[-1])
    events = [event for event, _ in await desk.bench.events()]
    assert [event for event in events if event in {"step:paused", "step:resumed", "step:stopped"}] == [
        *("step:paused", "step:resumed") * 2,
        "step:stopped",
    ]


async def test_putting_back_is_steered_by_its_own_list(desk: DialogDesk) -> None:
    run, job = await _running(desk, RunKind.UNDO)
    with pytest.raises(BadInput, match="stale-card"):
        await _press(desk, Verb.STEP_PAUSE, run.id)
    assert (await _halt(desk, job), await _halt(desk, undo_of(job))) == (Halt.NONE, None)


async def test_a_run_that_is_over_or_another_one_is_not_steered(desk: DialogDesk) -> None:
    run, job = await _running(desk)
    for other in ("", "no-such-run", (await desk.bench.run("block-sign-in")).id):
        with pytest.raises(BadInput, match="stale-card"):
            await _press(desk, Verb.STEP_STOP, other)
    await desk.bench.ledger.end(run, Outcome(State.DONE, "All shut."), desk.parts.now())
    with pytest.raises(BadInput, match="stale-card"):
        await _press(desk, Verb.STEP_STOP, run.id)
    assert await _halt(desk, job) is Halt.NONE


async def test_whoever_may_not_run_the_step_may_not_steer_it(desk: DialogDesk) -> None:
    run, job = await _running(desk)
    for verb in (Verb.STEP_PAUSE, Verb.STEP_RESUME, Verb.STEP_STOP):
        with pytest.raises(NotAllowed):
            await _press(desk, verb, run.id, by=ZOE)
    assert await _halt(desk, job) is Halt.NONE
