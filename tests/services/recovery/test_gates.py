"""Checking, waiving and asking: fresh readings, an approver with a reason, and never the one who asks."""

from __future__ import annotations

import pytest

from services.channel import Actor
from services.database import Database
from services.errors import BadInput, Conflict, NotAllowed
from services.incidents import store
from services.incidents.model import IncidentState
from services.playbook import guided
from services.playbook.gate import Gate, LineState, Waiver
from services.playbook.ledger import RunKind
from services.playbook.step import Change, Outcome, Plan, State
from services.recovery import waivers
from services.recovery.gates import CHECK, Checked, GateState, gate_as_kept, newest
from tests.services.fakes import CHANNEL, PERSONAL, actor
from tests.services.playbook.bench import ADELE, ALEX
from tests.services.recovery.desk import RecoveryDesk

DIEGO = actor("diego")
RULE = Plan((Change("1", "Inbox rule “.”", "On", "Removed"),))
WHY = "The owner wants to keep it."


async def desk_of(database: Database) -> RecoveryDesk:
    """A desk whose password is scrambled and whose partner was told."""
    desk = await RecoveryDesk.start(database)
    incident = await desk.bench.incident()
    for step_id in ("scramble-password", "contact-partner"):
        done = Outcome(State.DONE, "Done.")
        await guided.record(desk.bench.ledger, incident, step_id, done, ALEX, f"cause-{step_id}", desk.bench.clock())
    return desk


async def kept(desk: RecoveryDesk) -> tuple[Checked, Gate]:
    async with desk.bench.database.read() as connection:
        checked = await newest(connection, desk.bench.incident_id)
        gate = await gate_as_kept(connection, desk.bench.incident_id)
    assert checked is not None
    assert gate is not None
    return checked, gate


async def check(desk: RecoveryDesk, by: Actor = ALEX) -> tuple[Checked, Gate]:
    """A whole check."""
    async with desk.bench.database.read() as connection:
        before = await newest(connection, desk.bench.incident_id)
    await desk.gates.start(desk.bench.incident_id, by, CHANNEL, before.nonce if before else None)
    assert await desk.run_jobs(CHECK, desk.gates.check)
    return await kept(desk)


async def waive(desk: RecoveryDesk, line: str, by: Actor = ADELE, reason: str = WHY, nonce: str | None = None) -> None:
    checked, _ = await kept(desk)
    await desk.gates.waive(desk.bench.incident_id, nonce or checked.nonce, by, CHANNEL, line, reason)


async def test_a_check_reads_everything_and_leaves_runs_behind(database: Database) -> None:
    desk = await desk_of(database)
    checked, gate = await check(desk)
    assert checked.state is GateState.LOOKED
    assert gate.is_open
    runs = [run for run in await desk.bench.runs() if run.cause == checked.nonce]
    assert {run.step_id for run in runs} == {"check-inbox-rules", "check-forwarding", "check-delegates",
                                            "check-devices", "check-mail-flow"}  # fmt: skip
    assert {run.kind for run in runs} == {RunKind.READ}
    assert "gate:checked" in [event for event, _ in await desk.bench.events()]


async def test_a_check_that_is_run_again_after_a_kill_ends_once(database: Database) -> None:
    desk = await desk_of(database)
    await desk.gates.start(desk.bench.incident_id, ALEX, CHANNEL)
    [key] = await desk.gates.pending()
    await desk.gates.check(key)
    await desk.gates.check(key)
    assert await desk.gates.pending() == []
    assert [event for event, _ in await desk.bench.events()].count("gate:checked") == 1


async def test_what_is_left_shuts_the_gate_until_somebody_answers_for_it(database: Database) -> None:
    desk = await desk_of(database)
    desk.script.plans["remove-inbox-rules"] = RULE
    checked, gate = await check(desk)
    assert [line.key for line in gate.shut] == ["rules"]
    with pytest.raises(Conflict, match="gate-not-open"):
        await desk.gates.may_ask(desk.bench.incident_id, checked.nonce, ALEX)
    await waive(desk, "rules")
    _, gate = await kept(desk)
    [line] = [line for line in gate.lines if line.state is LineState.WAIVED]
    assert line.waiver is not None
    assert (line.waiver.by.name, line.waiver.reason) == ("Adele", WHY)
    await desk.gates.may_ask(desk.bench.incident_id, checked.nonce, ALEX)
    assert "gate:waived" in [event for event, _ in await desk.bench.events()]


async def test_who_waived_may_not_ask_and_who_asked_may_not_waive(database: Database) -> None:
    desk = await desk_of(database)
    desk.script.plans["remove-inbox-rules"] = RULE
    checked, _ = await check(desk)
    await waive(desk, "rules", by=DIEGO)
    with pytest.raises(NotAllowed, match="waiver-author-may-not-ask"):
        await desk.gates.may_ask(desk.bench.incident_id, checked.nonce, DIEGO)
    async with database.read() as connection:
        [held] = await waivers.of(connection, desk.bench.incident_id)
    assert isinstance(held, Waiver)
    # Even if they slipped through: at the execution the waiver of who asked does not count.
    ctx = await desk.context(cause="approval", asked_by="diego", decided_by=ADELE)
    assert await desk.past.closed_gate(ctx) == "Inbox rules are clean: no."
    ctx = await desk.context(cause="approval", asked_by="alex", decided_by=ADELE)
    assert await desk.past.closed_gate(ctx) is None


@pytest.mark.parametrize(("who", "reason"), [("alex", "no-role"), ("zoe", "no-role"), ("megan", "subject-of-incident")])
async def test_only_an_approver_waives_and_never_the_owner(database: Database, who: str, reason: str) -> None:
    desk = await desk_of(database)
    desk.script.plans["remove-inbox-rules"] = RULE
    await check(desk)
    with pytest.raises(NotAllowed, match=reason):
        await waive(desk, "rules", by=actor(who))
    assert not (await kept(desk))[1].is_open


async def test_a_waiver_needs_a_reason_a_shut_line_and_the_card_as_it_is(database: Database) -> None:
    desk = await desk_of(database)
    desk.script.plans["remove-inbox-rules"] = RULE
    await check(desk)
    with pytest.raises(BadInput, match="reason-missing"):
        await waive(desk, "rules", reason=" ok ")
    with pytest.raises(BadInput, match="input-too-long"):
        await waive(desk, "rules", reason="x" * 501)
    with pytest.raises(Conflict, match="gate-line-not-shut"):
        await waive(desk, "forwarding")
    with pytest.raises(Conflict, match="gate-line-not-shut"):
        await waive(desk, "no-such-line")
    with pytest.raises(BadInput, match="stale-card"):
        await waive(desk, "rules", nonce="another")


async def test_a_new_rule_beside_the_waived_one_shuts_the_gate_again(database: Database) -> None:
    desk = await desk_of(database)
    desk.script.plans["remove-inbox-rules"] = RULE
    await check(desk)
    await waive(desk, "rules")
    more = (*RULE.changes, Change("2", "Inbox rule “..”", "On", "Removed"))
    desk.script.plans["remove-inbox-rules"] = Plan(more)
    ctx = await desk.context(cause="approval", asked_by="alex")
    assert await desk.past.closed_gate(ctx) == "Inbox rules are clean: no."
    assert not (await check(desk))[1].is_open


async def test_a_check_is_asked_for_by_a_responder_in_a_channel_once_at_a_time(database: Database) -> None:
    desk = await desk_of(database)
    for who, where in ((ADELE, CHANNEL), (actor("megan"), CHANNEL), (ALEX, PERSONAL)):
        with pytest.raises(NotAllowed):
            await desk.gates.start(desk.bench.incident_id, who, where)
    await desk.gates.start(desk.bench.incident_id, ALEX, CHANNEL)
    async with database.read() as connection:
        checked = await newest(connection, desk.bench.incident_id)
    assert checked is not None
    with pytest.raises(Conflict, match="step-running"):
        await desk.gates.start(desk.bench.incident_id, ALEX, CHANNEL, checked.nonce)
    with pytest.raises(Conflict, match="step-running"):
        await desk.gates.may_ask(desk.bench.incident_id, checked.nonce, ALEX)


async def test_a_closed_incident_has_no_gate_to_check(database: Database) -> None:
    desk = await desk_of(database)
    async with database.write() as connection:
        await store.update(connection, desk.bench.incident_id, state=IncidentState.CLOSED.value)
    with pytest.raises(Conflict, match="incident-closed"):
        await desk.gates.start(desk.bench.incident_id, ALEX, CHANNEL)


async def test_a_check_that_fails_for_our_own_reason_can_be_started_again(database: Database) -> None:
    desk = await desk_of(database)
    await desk.gates.start(desk.bench.incident_id, ALEX, CHANNEL)
    [key] = await desk.gates.pending()
    await desk.gates.gave_up(key, "abc")
    async with database.read() as connection:
        checked = await newest(connection, desk.bench.incident_id)
    assert checked is not None
    assert checked.state is GateState.FAILED
    with pytest.raises(Conflict, match="gate-not-checked"):
        await desk.gates.may_ask(desk.bench.incident_id, checked.nonce, ALEX)
    assert (await check(desk))[1].is_open


async def test_an_account_that_was_enabled_by_hand_ends_the_giving_back(database: Database) -> None:
    desk = await desk_of(database)
    incident = await desk.bench.incident()
    by_hand = Outcome(State.NEEDS_ON_PREMISES, "Enable it there.")
    await guided.record(desk.bench.ledger, incident, "unlock-sign-in", by_hand, ALEX, "approval", desk.bench.clock())
    desk.bench.clock.pass_by(minutes=5)
    await check(desk)  # Megan's account is enabled
    assert (await desk.bench.run("unlock-sign-in")).state is State.DONE
    assert (await desk.bench.run("re-enable")).state is State.DONE
