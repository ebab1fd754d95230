"""The watch begins by itself, looks when it is due, once however many processes there are, and says what is new."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from services.approvals import PlanKind
from services.channel import Actor
from services.database import Database, tables
from services.errors import BadInput, Conflict, NotAllowed
from services.incidents import store
from services.incidents.model import IncidentState
from services.playbook import guided, unblock_sending
from services.playbook.step import Change, Finding, Outcome, Plan, Severity, State
from services.recovery import looks
from services.recovery.looks import Look, LookKind, LookState
from services.recovery.watch import LOOK
from tests.services.fakes import CHANNEL, actor
from tests.services.playbook.bench import ADELE, ALEX
from tests.services.recovery.desk import CLEAN, RecoveryDesk

BACK = Plan(settled=Outcome(State.DONE, "1 rule."), findings=(Finding("7", Severity.ALARM, "Inbox rule “..”"),))


async def watched(database: Database, *own: Any) -> RecoveryDesk:
    """A desk whose lock was carried out, and whose watch knows what was there."""
    desk = await RecoveryDesk.start(database, *own)
    await desk.carried_out()
    await desk.watch.keep_up()
    return desk


async def every(desk: RecoveryDesk) -> tuple[Look, ...]:
    async with desk.bench.database.read() as connection:
        return await looks.of(connection, desk.bench.incident_id)


async def due(desk: RecoveryDesk) -> int:
    """Starts and carries out what is due; how many looks that were."""
    await desk.watch.keep_up()
    return await desk.run_jobs(LOOK, desk.watch.look)


async def alarms(desk: RecoveryDesk) -> list[str]:
    async with desk.bench.database.read() as connection:
        query = sa.select(tables.posts.c.summary).where(tables.posts.c.kind == "alarm")
        return list((await connection.execute(query)).scalars())


async def test_it_begins_once_by_itself_and_says_until_when(database: Database) -> None:
    desk = await watched(database)
    await desk.watch.keep_up()
    rows = await every(desk)
    hours = [(row.due_at - rows[0].due_at).total_seconds() / 3600 for row in rows]
    assert hours == [0, 1, 24, 72, 96, 120]
    assert rows[0].state is LookState.LOOKED
    run = await desk.bench.run("watch-for-return")
    assert run.state is State.ACCEPTED
    assert run.reason.startswith("Watching until")
    assert [event for event, _ in await desk.bench.events()].count("watch:started") == 1


async def test_an_eviction_begins_it_anew_with_what_is_there_then(database: Database) -> None:
    desk = await watched(database)
    await desk.carried_out(PlanKind.EVICT)
    await desk.watch.keep_up()
    rows = await every(desk)
    first = [row for row in rows if row.cause == rows[0].cause]
    second = [row for row in rows if row not in first]
    assert {row.state for row in first if row.number > 0} == {LookState.CANCELLED}
    assert {row.state for row in second if row.number > 0} == {LookState.WAITING}


async def test_what_is_known_at_the_start_waits_for_the_investigation(database: Database) -> None:
    desk = await RecoveryDesk.start(database)
    await desk.carried_out()
    async with database.write() as connection:
        running = {"nonce": "n", "done": False}
        await store.update(connection, desk.bench.incident_id, investigation=running)
    await desk.watch.keep_up()
    assert (await every(desk))[0].state is LookState.WAITING
    async with database.write() as connection:
        await store.update(connection, desk.bench.incident_id, investigation={**running, "done": True})
    await desk.watch.keep_up()
    assert (await every(desk))[0].state is LookState.LOOKED


async def test_a_look_without_news_is_a_line_in_the_timeline_and_no_alarm(database: Database) -> None:
    desk = await watched(database)
    assert await due(desk) == 0
    desk.bench.clock.pass_by(hours=1, minutes=1)
    assert await due(desk) == 1
    assert await alarms(desk) == []
    assert "watch:looked" in [event for event, _ in await desk.bench.events()]


async def test_what_comes_back_raises_one_alarm_and_a_new_round_of_checks(database: Database) -> None:
    desk = await watched(database)
    desk.script.plans["check-inbox-rules"] = BACK
    desk.bench.clock.pass_by(hours=1, minutes=1)
    assert await due(desk) == 1
    assert await alarms(desk) == ["IR-0001: New inbox rule: Inbox rule “..”"]
    assert (await desk.bench.incident()).investigation["done"] is False
    desk.bench.clock.pass_by(hours=23)
    assert await due(desk) == 1
    assert len(await alarms(desk)) == 1
    desk.script.plans.clear()
    desk.bench.clock.pass_by(hours=48)
    assert await due(desk) == 1
    desk.script.plans["check-inbox-rules"] = BACK
    desk.bench.clock.pass_by(hours=24)
    assert await due(desk) == 1
    assert len(await alarms(desk)) == 2  # it went, and it came back


async def test_an_account_that_a_sync_enables_again_is_an_alarm_with_a_new_lock_to_ask_for(
    database: Database,
) -> None:
    desk = await RecoveryDesk.start(database)
    incident = await desk.bench.incident()
    blocked = Outcome(State.DONE, "Blocked.")
    await guided.record(desk.bench.ledger, incident, "block-sign-in", blocked, ALEX, "cause", desk.bench.clock())
    await desk.carried_out()
    await desk.watch.keep_up()
    desk.bench.clock.pass_by(hours=2)
    assert await due(desk) == 1  # Megan's account is enabled in this tenant
    [alarm] = await alarms(desk)
    assert "Sign-in is allowed again" in alarm
    assert (await desk.bench.incident()).plan["kind"] == PlanKind.LOCK.value


async def test_what_could_not_be_read_is_kept_with_the_look(database: Database) -> None:
    desk = await watched(database)
    desk.script.plans["review-sign-ins"] = Plan(settled=Outcome(State.NOT_EVALUATED, "No licence."))
    desk.bench.clock.pass_by(hours=2)
    await due(desk)
    look = next(row for row in await every(desk) if row.number == 1)
    assert look.result["unread"] == {"sign-ins": "No licence."}


async def test_two_processes_make_one_look(database: Database) -> None:
    desk = await watched(database)
    desk.bench.clock.pass_by(hours=2)

    async def claim() -> list[Look]:
        async with database.write() as connection:
            return await looks.claim_due(connection, desk.bench.clock())

    first, second = await asyncio.gather(claim(), claim())
    [look] = [*first, *second]
    assert await desk.watch.pending() == [look.id]


async def test_a_look_that_is_run_again_after_a_kill_tells_once(database: Database) -> None:
    desk = await watched(database)
    desk.script.plans["check-inbox-rules"] = BACK
    desk.bench.clock.pass_by(hours=2)
    await desk.watch.keep_up()
    [look_id] = await desk.watch.pending()
    await desk.watch.look(look_id)
    await desk.watch.look(look_id)
    assert len(await alarms(desk)) == 1
    assert [event for event, _ in await desk.bench.events()].count("watch:alarmed") == 1


async def test_after_a_long_pause_one_look_takes_the_place_of_all_that_were_missed(database: Database) -> None:
    desk = await watched(database)
    desk.bench.clock.pass_by(hours=80)
    assert await due(desk) == 1
    states = [row.state for row in await every(desk)]
    assert states == [
        LookState.LOOKED, LookState.MISSED, LookState.MISSED, LookState.LOOKED, LookState.WAITING, LookState.WAITING,
    ]  # fmt: skip


async def test_it_goes_on_when_the_incident_is_closed_and_ends_on_its_day(database: Database) -> None:
    desk = await watched(database)
    async with database.write() as connection:
        await store.update(connection, desk.bench.incident_id, state=IncidentState.CLOSED.value)
    desk.bench.clock.pass_by(hours=100)
    desk.script.plans["remove-sign-in-methods"] = Plan((Change("phone:1", "Phone", "Registered", "Removed"),))
    assert await due(desk) == 1
    assert len(await alarms(desk)) == 1
    assert (await desk.bench.incident()).investigation["done"] is True  # a closed incident is left alone
    desk.bench.clock.pass_by(hours=21)
    assert await due(desk) == 1
    run = await desk.bench.run("watch-for-return")
    assert run.state is State.DONE
    assert "1 look found something new" in run.reason


async def test_a_look_that_fails_for_our_own_reason_has_seen_nothing(database: Database) -> None:
    desk = await watched(database)
    desk.bench.clock.pass_by(hours=2)
    await desk.watch.keep_up()
    [look_id] = await desk.watch.pending()
    await desk.watch.gave_up(look_id, "abc")
    look = next(row for row in await every(desk) if row.id == look_id)
    assert look.state is LookState.FAILED
    assert "abc" in look.result["unread"]["account"]
    desk.script.plans["check-inbox-rules"] = BACK
    desk.bench.clock.pass_by(hours=23)
    await due(desk)
    assert len(await alarms(desk)) == 1


async def test_somebody_looks_at_once_and_the_schedule_stays(database: Database) -> None:
    desk = await watched(database)
    rows = await every(desk)
    for who, wrong in ((ADELE, NotAllowed), (actor("megan"), NotAllowed)):
        with pytest.raises(wrong):
            await _look_now(desk, rows[0].nonce, who)
    with pytest.raises(BadInput):
        await _look_now(desk, "another", ALEX)
    await _look_now(desk, rows[0].nonce, ALEX)
    with pytest.raises(Conflict):
        await _look_now(desk, rows[0].nonce, ALEX)
    assert await desk.run_jobs(LOOK, desk.watch.look) == 1
    desk.bench.clock.pass_by(hours=2)
    assert await due(desk) == 1
    assert [row.due_at for row in await every(desk) if row.number in range(1, 6)] == [row.due_at for row in rows[1:]]


async def _look_now(desk: RecoveryDesk, nonce: str, who: Actor) -> None:
    await desk.watch.look_now(desk.bench.incident_id, nonce, who, CHANNEL)


# -- a release from the list of restricted senders ---------------------------------------------------------------------


async def _released(desk: RecoveryDesk) -> None:
    incident = await desk.bench.incident()
    accepted = Outcome(State.ACCEPTED, "Microsoft said yes.")
    step_id = unblock_sending.STEP.id
    await guided.record(desk.bench.ledger, incident, step_id, accepted, ALEX, "approval", desk.bench.clock())
    await desk.watch.keep_up()


@pytest.mark.parametrize("shows", [True, False])
async def test_a_release_is_looked_at_until_it_shows_or_a_day_is_over(database: Database, shows: bool) -> None:
    desk = await RecoveryDesk.start(database)
    listed = Plan((Change("sender", "megan@contoso.com", "May not send", "May send"),))
    desk.script.plans["unblock-sending"] = CLEAN if shows else listed
    await _released(desk)
    desk.bench.clock.pass_by(minutes=20)
    assert await due(desk) == 1
    run = await desk.bench.run(unblock_sending.STEP.id)
    assert run.state is (State.DONE if shows else State.ACCEPTED)
    desk.bench.clock.pass_by(hours=25)
    assert await due(desk) == (0 if shows else 1)
    run = await desk.bench.run(unblock_sending.STEP.id)
    assert run.state is (State.DONE if shows else State.FAILED)
    async with database.read() as connection:
        left = await looks.of(connection, desk.bench.incident_id, LookKind.SENDING)
    assert not any(row.state is LookState.WAITING for row in left)
