from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from services.database import Database
from services.incidents import store, timeline
from services.playbook.ledger import EffectState, Ledger, Run, RunKind, effects_of, findings_of, runs_of
from services.playbook.step import Change, Finding, Outcome, Plan, Severity, State
from tests.services.fakes import CHANNEL, NOW, VAULT, actor, subject

CHANGE = Change("sign-in", "Sign-in", "Allowed", "Blocked", seen="2026", data={"was": [1, None]})
PLAN = Plan((CHANGE,))


@pytest.fixture
async def incident_id(database: Database) -> str:
    incident, _ = await store.open_incident(database, subject(), actor("alex"), CHANNEL, NOW)
    return incident.id


async def _begin(database: Database, incident_id: str, cause: str = "c", kind: RunKind = RunKind.APPLY) -> Run:
    run, _ = await Ledger(database, VAULT).begin(incident_id, "block-sign-in", kind, cause, PLAN, actor("adele"), NOW)
    return run


async def _events(database: Database, incident_id: str) -> list[str]:
    async with database.read() as connection:
        return [entry.event for entry in await timeline.read(connection, incident_id)]


async def test_one_cause_has_one_run_of_a_step_even_at_once(database: Database, incident_id: str) -> None:
    ledgers = [Ledger(database, VAULT) for _ in range(8)]
    found = await asyncio.gather(
        *(each.begin(incident_id, "s", RunKind.APPLY, "c", PLAN, actor("adele"), NOW) for each in ledgers)
    )
    assert sum(new for _, new in found) == 1
    assert len({run.id for run, _ in found}) == 1
    assert (await _events(database, incident_id)).count("step:started") == 1
    _, new = await Ledger(database, VAULT).begin(incident_id, "s", RunKind.APPLY, "other", PLAN, actor("adele"), NOW)
    assert new


async def test_a_run_reads_back_the_same(database: Database, incident_id: str) -> None:
    run = await _begin(database, incident_id)
    async with database.read() as connection:
        assert await runs_of(connection, incident_id) == (run,)
    assert (run.state, run.plan, run.actor, run.kind) == (State.RUNNING, PLAN, actor("adele"), RunKind.APPLY)


async def test_runs_that_begin_at_the_same_time_stay_in_order(database: Database, incident_id: str) -> None:
    begun = tuple([(await _begin(database, incident_id, f"c-{number}")).id for number in range(12)])
    async with database.read() as connection:
        assert tuple(run.id for run in await runs_of(connection, incident_id)) == begun


async def test_runs_stay_in_order_though_the_clock_is_set_back(database: Database, incident_id: str) -> None:
    ledger, begun = Ledger(database, VAULT), []
    for number, hours in enumerate((0, 3, 0, -2, 1)):
        at = NOW + timedelta(hours=hours)
        run, _ = await ledger.begin(incident_id, "s", RunKind.APPLY, f"c-{number}", PLAN, actor("adele"), at)
        begun.append(run.id)
    async with database.read() as connection:
        assert [run.id for run in await runs_of(connection, incident_id)] == begun


async def test_the_first_end_stays(database: Database, incident_id: str) -> None:
    ledger, run = Ledger(database, VAULT), await _begin(database, incident_id)
    await ledger.end(run, Outcome(State.DONE, "First."), NOW, {"piece": [1]})
    await ledger.end(run, Outcome(State.FAILED, "Second."), NOW, {"piece": [2]})
    async with database.read() as connection:
        (kept,) = await runs_of(connection, incident_id)
    assert (kept.state, kept.reason) == (State.DONE, "First.")
    assert (await _events(database, incident_id))[-2:] == ["evidence:kept", "step:ended"]


async def test_each_mark_of_an_effect_is_a_line_of_the_timeline(database: Database, incident_id: str) -> None:
    ledger, run = Ledger(database, VAULT), await _begin(database, incident_id)
    assert await ledger.effect(run, "sign-in") is None
    for state in (EffectState.INTENDED, EffectState.UNKNOWN, EffectState.SENT, EffectState.SHOWN, EffectState.FAILED):
        await ledger.mark(run, CHANGE, state, NOW, {"code": "x"})
        kept = await ledger.effect(run, "sign-in")
        assert kept is not None
        assert (kept.state, kept.change) == (state, CHANGE)
    async with database.read() as connection:
        assert len(await effects_of(connection, run.id)) == 1
    assert (await _events(database, incident_id))[-5:] == [
        "effect:attempted", "effect:unknown", "effect:succeeded", "effect:found", "effect:failed",
    ]  # fmt: skip


async def test_what_a_second_look_does_not_find_is_resolved_if_it_could_look_everywhere(
    database: Database, incident_id: str
) -> None:
    ledger = Ledger(database, VAULT)
    note, alarm = Finding("n", Severity.NOTE, "Note"), Finding("a", Severity.ALARM, "Alarm", ("Why.",), NOW, {"x": 1})

    async def look(cause: str, state: State, *findings: Finding) -> list[tuple[Finding, bool]]:
        run = await _begin(database, incident_id, cause, RunKind.READ)
        await ledger.end(run, Outcome(state, ""), NOW, findings=findings)
        async with database.read() as connection:
            found = await findings_of(connection, incident_id)
        return [(one.finding, one.resolved_at is not None) for one in found]

    assert await look("1", State.DONE, note, alarm) == [(alarm, False), (note, False)]
    assert await look("2", State.NOT_EVALUATED, note) == [(alarm, False), (note, False)]
    assert await look("3", State.DONE, note) == [(note, False), (alarm, True)]
    assert await look("4", State.DONE, note, alarm) == [(alarm, False), (note, False)]


async def test_what_a_plan_of_changes_found_on_the_way_is_kept_and_resolved(
    database: Database, incident_id: str
) -> None:
    ledger = Ledger(database, VAULT)
    first, second = Finding("a", Severity.WARNING, "A"), Finding("b", Severity.NOTE, "B")

    async def found() -> list[tuple[str, bool]]:
        async with database.read() as connection:
            return [
                (one.finding.key, one.resolved_at is not None) for one in await findings_of(connection, incident_id)
            ]

    await ledger.keep_plan(incident_id, "s", Plan((CHANGE,), findings=(first, second)), NOW)
    assert await found() == [("a", False), ("b", False)]
    await ledger.keep_plan(incident_id, "s", Plan((CHANGE,)), NOW)
    assert await found() == [("a", False), ("b", False)]
    unread = Plan(settled=Outcome(State.NOT_EVALUATED, ""), findings=(second,))
    await ledger.keep_plan(incident_id, "s", unread, NOW)
    assert await found() == [("a", False), ("b", False)]
    await ledger.keep_plan(incident_id, "s", Plan((CHANGE,), findings=(second,)), NOW)
    assert await found() == [("b", False), ("a", True)]


async def test_how_the_steps_of_an_incident_ended_is_told_by_their_last_run(
    database: Database, incident_id: str
) -> None:
    ledger = Ledger(database, VAULT)
    assert await ledger.ended(incident_id) == {}
    run = await _begin(database, incident_id)
    assert await ledger.ended(incident_id) == {}
    await ledger.end(run, Outcome(State.NOT_EVALUATED, "No licence."), NOW)
    assert await ledger.ended(incident_id) == {"block-sign-in": Outcome(State.NOT_EVALUATED, "No licence.")}
    again, _ = await ledger.begin(
        incident_id, "block-sign-in", RunKind.APPLY, "d", PLAN, actor("adele"), NOW + timedelta(minutes=1)
    )
    await ledger.end(again, Outcome(State.DONE, ""), NOW)
    assert await ledger.ended(incident_id) == {"block-sign-in": Outcome(State.DONE, "")}
