"""The later phases as people meet them: the headline's buttons, a card for each phase, plans, asking."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from cards.views import ButtonStyle, PhaseLine, Tone
from dialogs import phases
from dialogs.facts import Viewer
from dialogs.handlers import VERBS
from dialogs.publisher import Publisher
from dialogs.render import incident_view
from dialogs.turn import CardAnswer, Click
from dialogs.verbs import Verb
from services import approvals
from services.access import Permission
from services.approvals import Approval, ApprovalState, PlanKind
from services.database import Database, tables
from services.errors import BadInput, Conflict, NotAllowed
from services.incidents import store
from services.incidents.model import LATER, Phase
from services.playbook import GUIDED, STEPS, guided
from services.playbook.ledger import RunKind
from services.playbook.step import Finding, Outcome, Plan, Risk, Rule, Severity, State, Step
from services.posts import Post, PostKind
from tests.dialogs.desk import DialogDesk
from tests.services.fakes import CHANNEL, PERSONAL, actor
from tests.services.playbook.bench import ADELE, ALEX, THE_LOCK, Things

ZOE = actor("zoe")
CHECKS = [step for step in STEPS if step.phase is Phase.SCOPE and step.risk is Risk.READ]


def _check() -> Step:
    async def look(ctx: object) -> Plan:
        return Plan(settled=Outcome(State.DONE, "Looked."))

    base = Things(id="check-things", phase=Phase.RECOVER).step()
    return replace(base, changes=(), risk=Risk.READ, approval=Rule.NONE, plan=look, apply=None, verify=None)


@pytest.fixture
def doors() -> Things:
    return Things(id="shut-doors", phase=Phase.STRENGTHEN, open={"a": True, "b": True})


@pytest.fixture
async def desk(database: Database, doors: Things) -> DialogDesk:
    """A locked account of which nothing is to be removed, with a check to recover and doors to shut."""
    desk = await DialogDesk.start(database, steps=(*THE_LOCK, _check(), doors.step()))
    await desk.bench.locked()
    await _round(desk)
    desk.bench.clock.pass_by(minutes=1)
    return desk


async def _round(desk: DialogDesk, **values: Any) -> None:
    """The investigation is done, and found nothing to remove."""
    async with desk.parts.database.write() as connection:
        found = {"investigation": {"nonce": "one", "done": True}, "eviction": {"kind": "evict", "steps": {}}} | values
        await store.update(connection, desk.bench.incident_id, **found)


async def _press(
    desk: DialogDesk, verb: Verb, target: str, nonce: str, *, by: Any = ALEX, where: Any = CHANNEL, **inputs: str
) -> dict[str, Any]:
    click = Click(by, where, "activity", verb.value, 1, target, nonce, inputs)
    answer = await VERBS[verb](desk.parts, click)
    assert isinstance(answer, CardAnswer)
    return answer.card


async def _show(desk: DialogDesk, phase: Phase, **more: Any) -> dict[str, Any]:
    incident = await desk.bench.incident()
    return await _press(desk, Verb.PHASE_SHOW, f"{incident.id}/{phase.value}", incident.nonce, **more)


async def _lines(desk: DialogDesk, phase: Phase, *permissions: Permission) -> dict[str, PhaseLine]:
    viewer = Viewer(ALEX, frozenset(permissions)) if permissions else None
    view = await phases.view_of(desk.parts, desk.bench.incident_id, phase, viewer=viewer)
    return {line.title: line for line in view.lines}


async def _posts(desk: DialogDesk, kind: PostKind) -> list[str]:
    query = sa.select(tables.posts.c.subject_key).where(tables.posts.c.kind == kind.value)
    async with desk.parts.database.read() as connection:
        return list((await connection.execute(query)).scalars())


async def _drawn(desk: DialogDesk, kind: PostKind) -> list[str]:
    """The cards of these posts, as the publisher draws them for everybody."""
    due: tuple[Post, ...] = await desk.parts.posts.due(desk.parts.now())
    return [str(await Publisher(desk.parts)._draw(post)) for post in due if post.kind is kind]


async def _plan(desk: DialogDesk) -> None:
    """The button is pressed and the job has run."""
    incident = await desk.bench.incident()
    line = (await _lines(desk, Phase.STRENGTHEN))["Shut things"]
    await _press(desk, Verb.STEP_PLAN, f"{incident.id}/shut-doors", line.buttons[0].nonce)
    await _work(desk)


async def _work(desk: DialogDesk) -> None:
    for key in await desk.parts.on_demand.pending():
        await desk.parts.on_demand.plan(key)


# -- the headline ----------------------------------------------------------------------------------------------------


async def _headline(desk: DialogDesk) -> tuple[list[str], str | None, str]:
    view = await incident_view(desk.parts, desk.bench.incident_id)
    titles = [button.title for button in (*view.buttons, *view.more_buttons)]
    styled = next((b.title for b in view.buttons if b.style is ButtonStyle.POSITIVE), None)
    assert len(view.buttons) <= 5
    return titles, styled, view.next_step


async def test_the_headline_leads_through_the_phases_up_to_the_close(desk: DialogDesk, doors: Things) -> None:
    titles, styled, step = await _headline(desk)
    assert {"Inform people", "Recover", "Strengthen", "Close incident…"} <= set(titles)
    assert styled == "Inform people"
    assert "Press Inform people" in step
    await _show(desk, Phase.INFORM)
    assert (await _headline(desk))[1] == "Inform people"
    await _ended(desk, "contact-partner")
    what = "In the card Inform people: warn those who got the mail. Then press Recover."
    assert (await _headline(desk))[1:] == ("Inform people", what)
    await _ended(desk, "warn-colleagues", State.SKIPPED)
    assert (await _headline(desk))[1:] == ("Recover", "Give the account back safely. Press Recover.")
    await _show(desk, Phase.RECOVER)
    assert (await _headline(desk))[1] == "Recover"
    await _ended(desk, "re-enable")
    assert (await _headline(desk))[1] == "Strengthen"
    await _show(desk, Phase.STRENGTHEN)
    _, styled, step = await _headline(desk)
    assert styled != "Strengthen"
    assert "Still to do:" in step
    assert "in Strengthen" in step


async def test_the_headline_stays_on_giving_the_account_back_until_that_has_ended_well(desk: DialogDesk) -> None:
    await _show(desk, Phase.RECOVER)
    assert (await _headline(desk))[1] == "Inform people"  # nobody has begun it
    await _show(desk, Phase.INFORM)  # begun, and left as it is: whoever recovers has moved on
    await _show(desk, Phase.STRENGTHEN)
    back = ("Recover", "In the card Recover press Check the gate, then give the account back.")
    assert (await _headline(desk))[1:] == back
    await _ended(desk, "re-enable", State.FAILED)
    assert (await _headline(desk))[1:] == back
    desk.bench.clock.pass_by(minutes=1)
    await _ended(desk, "re-enable")
    assert "Still to do:" in (await _headline(desk))[2]


async def _ended(desk: DialogDesk, entry_id: str, state: State = State.DONE) -> None:
    """A conversation or a guided step has come to this end."""
    incident, now = await desk.bench.incident(), desk.parts.now()
    await guided.record(desk.bench.ledger, incident, entry_id, Outcome(state, "It ended."), ALEX, str(now), now)


async def test_a_running_watch_is_no_delay_that_needs_eyes(desk: DialogDesk) -> None:
    await _ended(desk, "watch-for-return", State.ACCEPTED)
    view = await incident_view(desk.parts, desk.bench.incident_id)
    assert [(line.state, line.tone) for line in view.steps if line.title == "Watch for a return"] == [
        ("watching", Tone.NEUTRAL)
    ]
    assert (await _lines(desk, Phase.RECOVER))["Watch for a return"].state == "watching"


async def test_the_way_back_stands_out_among_what_there_is_to_recover(desk: DialogDesk) -> None:
    lines = await _lines(desk, Phase.RECOVER)
    styled = [
        button.title for line in lines.values() for button in line.buttons if button.style is not ButtonStyle.DEFAULT
    ]
    assert styled == ["Check the gate"]


async def test_who_locks_is_not_offered_to_recover_before_it_is_decided_what_goes(desk: DialogDesk) -> None:
    left = {"kind": "evict", "steps": {"remove-forwarding": Plan((Things().change("a"),)).to_json()}}
    await _round(desk, eviction=left)
    titles, styled, _ = await _headline(desk)
    assert "Inform people" in titles
    assert not {"Recover", "Strengthen"} & set(titles)
    assert styled == "Remove what they left…"


def _left(step_id: str, **data: Any) -> dict[str, Any]:
    """An eviction that proposes one change of this step."""
    change = replace(Things().change("a"), data=data)
    return {"kind": "evict", "steps": {step_id: Plan((change,)).to_json()}}


async def _found(desk: DialogDesk, severity: Severity) -> None:
    check = await desk.bench.ledger.begin(
        desk.bench.incident_id, CHECKS[0].id, RunKind.READ, severity.value, Plan(), ALEX, desk.parts.now()
    )
    finding = Finding(severity.value, severity, "Something")
    await desk.bench.ledger.end(check[0], Outcome(State.DONE, ""), desk.parts.now(), {}, (finding,))


@pytest.mark.parametrize(
    ("step_id", "data"),
    [("preserve-mail", {}), ("switch-off-mail-protocols", {}), ("remove-sign-in-methods", {"fresh": False})],
)
async def test_precautions_alone_are_not_called_what_the_intruder_left(
    desk: DialogDesk, step_id: str, data: dict[str, Any]
) -> None:
    await _round(desk, eviction=_left(step_id, **data))
    await _found(desk, Severity.NOTE)
    titles, styled, step = await _headline(desk)
    assert step.startswith("Nothing suspicious was found in what could be checked.")
    assert styled == "What happened?"
    assert "Remove what they left…" in titles


async def test_nothing_is_left_open_where_every_check_was_made(desk: DialogDesk) -> None:
    await _round(desk, eviction=_left("preserve-mail"))
    for check in CHECKS:
        run, _ = await desk.bench.ledger.begin(
            desk.bench.incident_id, check.id, RunKind.READ, "one", Plan(), ALEX, desk.parts.now()
        )
        await desk.bench.ledger.end(run, Outcome(State.DONE, ""), desk.parts.now())
    assert (await _headline(desk))[2].startswith("Nothing suspicious was found. ")


@pytest.mark.parametrize("data", [{"fresh": True}, {}])
async def test_a_method_that_may_be_new_is_no_precaution(desk: DialogDesk, data: dict[str, Any]) -> None:
    await _round(desk, eviction=_left("remove-sign-in-methods", **data))
    assert (await _headline(desk))[1] == "Remove what they left…"


@pytest.mark.parametrize("severity", [Severity.WARNING, Severity.ALARM])
async def test_precautions_are_urgent_where_something_was_found(desk: DialogDesk, severity: Severity) -> None:
    await _round(desk, eviction=_left("preserve-mail"))
    await _found(desk, severity)
    _, styled, step = await _headline(desk)
    assert styled == "Remove what they left…"
    assert "Nothing suspicious" not in step


async def test_an_account_that_is_not_locked_is_informed_about_by_nobody(database: Database) -> None:
    desk = await DialogDesk.start(database)
    await desk.bench.propose()
    await _round(desk)
    titles, styled, _ = await _headline(desk)
    assert not {"Inform people", "Recover", "Strengthen"} & set(titles)
    assert styled == "Lock account…"


# -- the card of a phase ---------------------------------------------------------------------------------------------


async def test_a_phase_has_one_card_however_often_it_is_shown(desk: DialogDesk) -> None:
    for _ in range(2):
        answer = await _show(desk, Phase.STRENGTHEN)
    assert "stands in this thread" in str(answer)
    assert await _posts(desk, PostKind.PHASE) == [f"phase:{desk.bench.incident_id}:strengthen"]
    assert (await desk.bench.incident()).phase is Phase.STRENGTHEN
    events = [event for event, _ in await desk.bench.events()]
    assert events.count("phase:opened") == 1
    await _show(desk, Phase.RECOVER)
    assert (await desk.bench.incident()).phase is Phase.STRENGTHEN  # it never goes back


async def test_the_next_thing_to_do_stands_out_and_each_line_has_what_fits_it(desk: DialogDesk) -> None:
    recover = await _lines(desk, Phase.RECOVER)
    assert [button.title for button in recover["Shut things"].buttons] == ["Check"]
    strengthen = await _lines(desk, Phase.STRENGTHEN)
    assert [button.title for button in strengthen["Shut things"].buttons] == ["Plan…"]
    styles = [b.style for line in strengthen.values() for b in line.buttons]
    assert styles.count(ButtonStyle.POSITIVE) == 1


async def test_a_guided_step_opens_with_its_own_verb(desk: DialogDesk) -> None:
    for entry in GUIDED:
        assert entry.opens in set(Verb), f"{entry.id} opens with a verb that no dialog handles"
        assert Verb(entry.opens) in VERBS
        if entry.phase in LATER:
            line = (await _lines(desk, entry.phase))[entry.title]
            assert [button.verb for button in line.buttons] == [entry.opens]


async def test_who_may_not_do_it_sees_no_button(desk: DialogDesk) -> None:
    lines = await _lines(desk, Phase.STRENGTHEN, Permission.INCIDENT_READ)
    assert lines["Shut things"].buttons == ()
    with pytest.raises(NotAllowed):
        await _show(desk, Phase.STRENGTHEN, by=ZOE)


# -- checks and plans ------------------------------------------------------------------------------------------------


async def test_a_check_shows_that_it_runs_and_then_how_it_ended(desk: DialogDesk) -> None:
    incident = await desk.bench.incident()
    target = f"{incident.id}/check-things"
    assert "Running" in str(await _press(desk, Verb.STEP_CHECK, target, incident.nonce))
    await _work(desk)
    line = (await _lines(desk, Phase.RECOVER))["Shut things"]
    assert (line.state, line.reason, [b.title for b in line.buttons]) == ("done", "Looked.", ["Check again"])
    with pytest.raises(BadInput):  # the button of the first check has had its time
        await _press(desk, Verb.STEP_CHECK, target, incident.nonce)
    await _press(desk, Verb.STEP_CHECK, target, line.buttons[0].nonce)


async def test_a_plan_is_asked_for_item_by_item_and_done(desk: DialogDesk, doors: Things) -> None:
    await _plan(desk)
    (card,) = await _drawn(desk, PostKind.STEP_PLAN)
    assert "Ask for what is ticked" in card
    assert "Ask for all 2" in card
    incident = await desk.bench.incident()
    (key,) = await _posts(desk, PostKind.STEP_PLAN)
    nonce = key.rpartition(":")[2]
    target = f"{incident.id}/shut-doors"
    with pytest.raises(BadInput):
        await _press(desk, Verb.STEP_ASK, target, nonce)
    with pytest.raises(BadInput):
        await _press(desk, Verb.STEP_ASK, target, nonce, **{"shut-doors": "7"})
    answer = await _press(desk, Verb.STEP_ASK, target, nonce, **{"shut-doors": "1"})
    assert "It was asked for" in str(answer)
    approval = await _waiting(desk)
    assert (approval.kind, [c.item for c in approval.plans["shut-doors"].changes]) == (PlanKind.STEPS, ["b"])
    view = await incident_view(desk.parts, incident.id)
    assert view.approval is not None
    assert view.approval.title == "Shut things: Megan"
    assert [button.title for button in view.buttons] == ["Do it now", "Cancel"]
    assert (await _lines(desk, Phase.STRENGTHEN))["Shut things"].state == "waiting"

    await desk.parts.approvals.approve(approval.id, approval.nonce, ALEX, CHANNEL)
    desk.bench.clock.pass_by(minutes=1)
    await desk.parts.runner.execute(approval.id)
    assert doors.open == {"a": True, "b": False}
    assert "has had its time" in (await _drawn(desk, PostKind.STEP_PLAN))[0]
    with pytest.raises(BadInput):
        await _press(desk, Verb.STEP_ASK, target, nonce, **{"shut-doors": "0"})


async def test_all_of_a_long_plan_is_asked_for_at_once(desk: DialogDesk, doors: Things) -> None:
    doors.open = {f"mailbox {number:04}": True for number in range(3000)}
    await _plan(desk)
    (card,) = await _drawn(desk, PostKind.STEP_PLAN)
    assert "Ask for all 3,000" in card
    assert "more do not fit this card" in card
    (key,) = await _posts(desk, PostKind.STEP_PLAN)
    target = f"{desk.bench.incident_id}/shut-doors"
    await _press(desk, Verb.STEP_ASK_ALL, target, key.rpartition(":")[2])
    approval = await _waiting(desk)
    assert len(approval.plans["shut-doors"].changes) == 3000
    view = await incident_view(desk.parts, desk.bench.incident_id)
    assert len(view.changes) == 3000


async def test_while_another_question_waits_nothing_else_is_asked(desk: DialogDesk) -> None:
    await _plan(desk)
    incident = await desk.bench.incident()
    undo = await desk.parts.runner.undo_plan(incident.id)
    await desk.parts.approvals.ask(incident.id, incident.nonce, ALEX, CHANNEL, kind=PlanKind.UNDO, plans=undo)
    (key,) = await _posts(desk, PostKind.STEP_PLAN)
    with pytest.raises(Conflict) as refused:
        await _press(desk, Verb.STEP_ASK_ALL, f"{incident.id}/shut-doors", key.rpartition(":")[2])
    assert refused.value.data["reason"] == "other-question-waits"


@pytest.mark.parametrize("verb", [Verb.STEP_PLAN, Verb.STEP_ASK_ALL])
async def test_it_is_asked_where_others_see_it_by_who_may(desk: DialogDesk, verb: Verb) -> None:
    await _plan(desk)
    (key,) = await _posts(desk, PostKind.STEP_PLAN)
    target, nonce = f"{desk.bench.incident_id}/shut-doors", key.rpartition(":")[2]
    for by, where in ((ALEX, PERSONAL), (ADELE, CHANNEL), (ZOE, CHANNEL)):
        with pytest.raises(NotAllowed):
            await _press(desk, verb, target, nonce, by=by, where=where)


async def _waiting(desk: DialogDesk) -> Approval:
    async with desk.parts.database.read() as connection:
        found = await approvals.waiting_of(connection, desk.bench.incident_id)
    assert found is not None
    assert found.state is ApprovalState.WAITING
    return found
