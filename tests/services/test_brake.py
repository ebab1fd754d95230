"""The brake: who is stopped, what is taken back, and that work goes on after it."""

from __future__ import annotations

import pytest

from services import approvals, brake
from services.access import WITH_EFFECTS, Access, Permission
from services.approvals import ApprovalState, PlanKind
from services.channel import Conversation
from services.database import Database
from services.errors import Conflict, NotAllowed, Stopped
from services.plain_words import explain
from tests.services.fakes import CHANNEL, GROUP, PERSONAL, Clock, FakeM365, actor, settings
from tests.services.test_approvals import ADELE, ALEX, Desk, desk

__all__ = ["desk"]
ZOE = actor("zoe")


async def _stop(database: Database) -> None:
    async with database.write() as connection:
        await brake.put_on(connection, ZOE, "drill", Clock()())


async def test_a_stop_holds_until_it_is_taken_off(database: Database) -> None:
    await _stop(database)
    async with database.write() as connection:
        again = await brake.put_on(connection, ALEX, "me too", Clock()())
        assert (again.by, again.reason) == (ZOE, "drill")
        assert (await brake.take_off(connection, ALEX, Clock()())) == again
        assert await brake.current(connection) is None
        with pytest.raises(Conflict, match="not-stopped"):
            await brake.take_off(connection, ALEX, Clock()())


async def test_what_happens_often_asks_now_and_then_and_sees_a_stop_all_the_same(database: Database) -> None:
    often, sometimes = brake.Brake(database), brake.Brake(database, recent_seconds=3600)
    await sometimes.insist()
    await _stop(database)
    await sometimes.insist()  # it has looked within the hour
    with pytest.raises(Stopped):
        await often.insist()
    sometimes.look_again()
    with pytest.raises(Stopped):
        await sometimes.insist()
    late = brake.Brake(database, recent_seconds=0.001)
    for _ in range(2):  # a stop is never remembered as none
        with pytest.raises(Stopped):
            await late.insist()


async def test_what_leads_to_effects_is_refused_by_name_and_reading_goes_on(database: Database) -> None:
    access = Access(settings(), FakeM365.staffed().typed, database)
    await _stop(database)
    with pytest.raises(NotAllowed) as refused:
        await access.require(ALEX, Permission.ACCOUNT_CONTAIN, CHANNEL)
    assert refused.value.data == {"reason": "stopped", "by": ZOE.name, "why": "drill"}
    assert explain(refused.value).what == f"All work was stopped by {ZOE.name}: drill."
    await access.require(ALEX, Permission.ACCOUNT_CONTAIN, CHANNEL, harmless=True)
    for where in (CHANNEL, GROUP, PERSONAL):
        await access.require(ALEX, Permission.INCIDENT_READ, where)
        await access.require(ALEX, Permission.REPORT_TAKE, where)
    assert frozenset({Permission.ACCOUNT_CONTAIN, Permission.APPROVAL_DECIDE, Permission.BLAST_SEND}) == WITH_EFFECTS


async def test_questions_are_taken_back_and_nobody_asks_decides_or_locks_by_rule(desk: Desk) -> None:
    asked = await desk.ask()
    async with desk.database.write() as connection:
        await brake.put_on(connection, ZOE, "", desk.clock())
        assert await approvals.cancel_waiting(connection, ZOE, desk.clock()) == 1
    assert (await desk.now(asked)).state is ApprovalState.CANCELLED
    with pytest.raises(NotAllowed, match="stopped"):
        await desk.ask()
    with pytest.raises(Stopped):
        await desk.approvals.approve_by_rule(desk.incident.id, actor("rule:risk:high"))
    async with desk.database.write() as connection:
        await brake.take_off(connection, ADELE, desk.clock())
    assert (await desk.ask()).state is ApprovalState.WAITING


async def test_an_approval_is_not_decided_while_all_is_stopped(desk: Desk) -> None:
    asked = await desk.ask(kind=PlanKind.LOCK)
    where: Conversation = CHANNEL
    async with desk.database.write() as connection:
        await brake.put_on(connection, ZOE, "", desk.clock())
    with pytest.raises(NotAllowed, match="stopped"):
        await desk.approvals.approve(asked.id, asked.nonce, ALEX, where)
    assert (await desk.now(asked)).state is ApprovalState.WAITING
