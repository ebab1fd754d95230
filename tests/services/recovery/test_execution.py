"""Giving an account back through the runner: the gate is looked at again then, and no pass is shown twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from services.approvals import Approval, PlanKind
from services.database import Database
from services.microsoft365.policies import ALL_USERS, AccessPassPolicy
from services.playbook import block_sign_in, guided, issue_access_pass, unlock_sign_in
from services.playbook.step import Change, Outcome, Plan, State
from services.recovery.following import Following
from tests.services.playbook.bench import ALEX, Killed
from tests.services.recovery.desk import CODE, RecoveryDesk

RULE = Plan((Change("1", "Inbox rule “.”", "On", "Removed"),))


class _Policies:
    """The tenant gives passes to everybody."""

    async def access_passes(self) -> AccessPassPolicy:
        return AccessPassPolicy(on=True, minutes=60, once_only=False, for_groups=(ALL_USERS,), not_for_groups=())


async def desk_of(database: Database) -> RecoveryDesk:
    """Megan is blocked, everything is clean."""
    desk = await RecoveryDesk.start(database, block_sign_in.STEP, issue_access_pass.STEP, unlock_sign_in.STEP)
    cast("Any", desk.bench.m365).policies = _Policies()
    accounts = desk.bench.m365.directory.accounts
    accounts["megan"] = replace(accounts["megan"], account_enabled=False)
    incident = await desk.bench.incident()
    for step_id in ("scramble-password", "contact-partner"):
        done = Outcome(State.DONE, "Done.")
        await guided.record(desk.bench.ledger, incident, step_id, done, ALEX, f"cause-{step_id}", desk.bench.clock())
    return desk


async def approved(desk: RecoveryDesk) -> Approval:
    """Asked for by Alex, approved by Adele."""
    steps = [issue_access_pass.STEP, unlock_sign_in.STEP]
    plans = await desk.planner.plans(await desk.context(asked_by="alex"), steps)
    assert all(plan.changes for plan in plans.values())
    return await desk.bench.approved(PlanKind.STEPS, plans)


async def test_the_account_comes_back_and_the_giving_back_ends(database: Database) -> None:
    desk = await desk_of(database)
    approval = await approved(desk)
    await desk.runner.execute(approval.id)
    assert desk.bench.m365.directory.accounts["megan"].account_enabled
    assert desk.courier.shown == [("chat-adele", CODE)]
    states = await desk.bench.states()
    assert states["issue-access-pass"] is states["unlock-sign-in"] is State.DONE
    following = Following(database, desk.bench.ledger, desk.bench.clock)
    for _ in range(2):
        await following.keep_up()
    ended = [run for run in await desk.bench.runs() if run.step_id == "re-enable"]
    assert [(run.state, run.reason) for run in ended] == [(State.DONE, "The account is given back.")]


async def test_what_was_given_back_is_not_offered_to_be_undone_twice(database: Database) -> None:
    desk = await desk_of(database)
    accounts = desk.bench.m365.directory.accounts
    accounts["megan"] = replace(accounts["megan"], account_enabled=True)
    block = await block_sign_in.STEP.plan(await desk.context())
    locked = await desk.bench.approved(PlanKind.LOCK, {block_sign_in.STEP.id: block})
    await desk.runner.execute(locked.id)
    assert set(await desk.runner.undo_plan(desk.bench.incident_id)) == {"block-sign-in"}
    desk.bench.clock.pass_by(minutes=5)
    await desk.runner.execute((await approved(desk)).id)
    assert set(await desk.runner.undo_plan(desk.bench.incident_id)) == {"issue-access-pass", "unlock-sign-in"}


async def test_what_came_after_the_approval_keeps_the_account_locked(database: Database) -> None:
    desk = await desk_of(database)
    approval = await approved(desk)
    desk.script.plans["remove-inbox-rules"] = RULE
    await desk.runner.execute(approval.id)
    assert not desk.bench.m365.directory.accounts["megan"].account_enabled
    assert desk.courier.shown == []
    run = await desk.bench.run("unlock-sign-in")
    assert run.state is State.REFUSED
    assert "Inbox rules are clean: no." in run.reason
    await Following(database, desk.bench.ledger, desk.bench.clock).keep_up()
    assert (await desk.bench.run("re-enable")).state is State.REFUSED


async def test_a_process_that_dies_while_it_shows_the_pass_leaves_none_and_says_so(database: Database) -> None:
    desk = await desk_of(database)
    approval = await approved(desk)
    desk.courier.fail["show"] = Killed()
    with pytest.raises((Killed, BaseExceptionGroup)):
        await desk.runner.execute(approval.id)
    assert desk.methods.held
    del desk.courier.fail["show"]
    await desk.runner.execute(approval.id)
    assert desk.methods.held == []
    assert desk.courier.shown == []
    run = await desk.bench.run("issue-access-pass")
    assert run.state is State.FAILED
    assert "it was deleted. Ask for a new one." in run.reason
    assert (await desk.bench.run("unlock-sign-in")).state is State.DONE


async def test_the_pass_that_was_just_made_does_not_shut_the_gate(database: Database) -> None:
    desk = await desk_of(database)
    approval = await approved(desk)
    await desk.runner.execute(approval.id)
    passes = tuple(
        Change(method.id, "Temporary Access Pass", "Registered", "Removed", data={"kind": method.kind, "id": method.id})
        for method in desk.methods.held
    )
    desk.script.plans["remove-sign-in-methods"] = Plan(passes)
    assert await desk.past.closed_gate(await desk.context(asked_by="alex")) is None
