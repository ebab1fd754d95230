from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NoReturn

import pytest
import sqlalchemy as sa

from services import brake
from services.approvals import ApprovalState, PlanKind, plans_to_json
from services.database import Database, tables
from services.errors import (
    AuthBroken,
    BadInput,
    Bug,
    Conflict,
    Gone,
    IRBotError,
    MissingLicence,
    MissingPermission,
    MissingRole,
    OnPremises,
    Throttled,
    UnknownOutcome,
    UpstreamDown,
)
from services.microsoft365.accounts import DirectoryRole, Roles
from services.playbook.ledger import EffectState, RunKind
from services.playbook.step import Change, Outcome, Plan, State
from tests.services.fakes import APPROVERS, RESPONDERS, account, actor, settings
from tests.services.playbook.bench import Killed, RunnerBench, Things

GLOBAL_ADMINISTRATOR = Roles((DirectoryRole("62e90394", "Global Administrator", "/", None),), (), None, False)


def _raises(error: BaseException) -> Callable[[str], NoReturn]:
    def fail(item: str) -> NoReturn:
        raise error

    return fail


def _raises_always(error: BaseException) -> Callable[[], NoReturn]:
    def fail() -> NoReturn:
        raise error

    return fail


async def _dies(work: Awaitable[object]) -> None:
    """The work ends because the process was killed in the middle."""
    with pytest.raises(BaseExceptionGroup) as ended:
        await work
    assert ended.value.subgroup(Killed) is not None


# -- doing what was approved -------------------------------------------------------------------------------------------


async def test_the_lock_is_done_read_back_and_written_down(database: Database) -> None:
    bench = await RunnerBench.start(database)
    approval = await bench.locked()
    assert approval.state is ApprovalState.USED
    locked = {"block-sign-in", "revoke-sessions", "scramble-password"}
    assert {step for step, state in (await bench.states()).items() if state is State.DONE} >= locked
    directory = bench.m365.directory
    assert [directory.called(name) for name in ("block_sign_in", "revoke_sessions", "set_password")] == [1, 1, 1]
    assert not directory.accounts["megan"].account_enabled
    events = [(event, data.get("item")) for event, data in await bench.events() if event.startswith("effect")]
    for item in ("sign-in", "sessions", "password"):
        of_item = [event for event, about in events if about == item]
        assert of_item == ["effect:attempted", "effect:succeeded"]
    assert (await bench.incident()).plan["kind"] == PlanKind.NONE


async def test_stopped_before_the_execution_nothing_is_done_and_the_approval_is_void(database: Database) -> None:
    bench = await RunnerBench.start(database)
    await bench.propose()
    approval = await bench.approved()
    async with database.write() as connection:
        await brake.put_on(connection, actor("zoe"), "", bench.clock())
    await bench.runner.execute(approval.id)
    ended = await bench.now(approval)
    assert ended.state is ApprovalState.VOID
    assert actor("zoe").name in (ended.reason or "")
    assert bench.m365.directory.called("block_sign_in") == 0


async def test_stopped_in_the_middle_no_further_effect_is_made(database: Database) -> None:
    bench = await RunnerBench.start(database)
    directory = bench.m365.directory
    block = directory.block_sign_in

    async def and_stop(*values: object, **options: object) -> None:
        await block(*values, **options)  # type: ignore[arg-type]
        async with database.write() as connection:
            await brake.put_on(connection, actor("zoe"), "", bench.clock())

    directory.block_sign_in = and_stop  # type: ignore[method-assign]
    await bench.locked()
    assert (directory.called("revoke_sessions"), directory.called("set_password")) == (0, 0)
    states = await bench.states()
    assert states["block-sign-in"] is State.DONE
    assert states["revoke-sessions"] is states["scramble-password"] is State.REFUSED


async def test_executing_twice_does_nothing_twice(database: Database) -> None:
    bench = await RunnerBench.start(database)
    approval = await bench.locked()
    before = await bench.events()
    await bench.runner.execute(approval.id)
    assert await bench.events() == before
    assert await bench.runner.pending_executions() == []


async def test_what_waits_is_not_executed(database: Database) -> None:
    things = Things()
    bench = await RunnerBench.start(database, [things.step()])
    await bench.propose()
    incident = await bench.incident()
    asked = await bench.approvals.ask(
        incident.id, incident.nonce, incident.opened_by, incident.conversation, kind=PlanKind.LOCK
    )
    await bench.runner.execute(asked.id)
    assert things.applied == []


# -- killed in the middle ----------------------------------------------------------------------------------------------


async def test_killed_between_intent_and_effect_it_is_done_once(database: Database) -> None:
    things = Things(before=_raises(Killed()))
    bench = await RunnerBench.start(database, [things.step()])
    await bench.propose()
    approval = await bench.approved()
    await _dies(bench.runner.execute(approval.id))
    assert await bench.effects("shut-things") == {"a": EffectState.INTENDED}
    assert await bench.runner.pending_executions() == [approval.id]
    things.before = lambda item: None
    await bench.runner.execute(approval.id)
    assert things.applied == ["a"]
    assert await bench.effects("shut-things") == {"a": EffectState.SENT}
    assert (await bench.states())["shut-things"] is State.DONE


async def test_killed_after_the_effect_it_is_found_and_not_repeated(database: Database) -> None:
    things = Things(after=_raises(Killed()))
    bench = await RunnerBench.start(database, [things.step()])
    await bench.propose()
    approval = await bench.approved()
    await _dies(bench.runner.execute(approval.id))
    things.after = lambda item: None
    await bench.runner.execute(approval.id)
    assert things.applied == ["a"]
    assert await bench.effects("shut-things") == {"a": EffectState.SHOWN}
    assert (await bench.states())["shut-things"] is State.DONE


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("method", ["block_sign_in", "revoke_sessions", "set_password"])
async def test_each_step_of_the_lock_survives_a_kill(database: Database, method: str, when: str) -> None:
    bench = await RunnerBench.start(database)
    await bench.propose()
    approval = await bench.approved()
    directory = bench.m365.directory
    whole = getattr(directory, method)

    async def die(object_id: str, *values: object, **options: object) -> None:
        if when == "after":
            await whole(object_id, *values, **options)
        raise Killed

    setattr(directory, method, die)
    await _dies(bench.runner.execute(approval.id))
    setattr(directory, method, whole)
    await bench.runner.execute(approval.id)
    assert [directory.called(name) for name in ("block_sign_in", "revoke_sessions", "set_password")] == [1, 1, 1]
    states = await bench.states()
    assert [states[step] for step in ("block-sign-in", "revoke-sessions", "scramble-password")] == [State.DONE] * 3
    assert (await bench.now(approval)).state is ApprovalState.USED


async def test_killed_before_the_comparison_it_is_compared_when_resumed(database: Database) -> None:
    things = Things()
    bench = await RunnerBench.start(database, [things.step()])
    await bench.propose()
    approval = await bench.approved()

    def die() -> None:
        raise Killed

    things.on_plan = die
    await _dies(bench.runner.execute(approval.id))
    things.on_plan = lambda: None
    things.value = "Half open"
    await bench.runner.execute(approval.id)
    assert things.applied == []
    assert (await bench.states())["shut-things"] is State.REFUSED


async def test_killed_among_several_items_only_what_is_left_is_done(database: Database) -> None:
    things = Things(open=dict.fromkeys("abc", True))

    def die(item: str) -> None:
        if item == "b":
            raise Killed

    things.before = die
    bench = await RunnerBench.start(database, [things.step()])
    await bench.propose()
    approval = await bench.approved()
    await _dies(bench.runner.execute(approval.id))
    things.before = lambda item: None
    things.open["c"] = False  # somebody else has shut it meanwhile
    await bench.runner.execute(approval.id)
    assert things.applied == ["a", "b"]
    assert (await bench.states())["shut-things"] is State.DONE


# -- no answer, and refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("really_done", "state"), [(True, State.DONE), (False, State.UNKNOWN)])
async def test_without_an_answer_the_cloud_is_asked(database: Database, really_done: bool, state: State) -> None:
    things = Things(shuts=really_done, after=_raises(UnknownOutcome(service="graph")))
    bench = await RunnerBench.start(database, [things.step()])
    await bench.locked()
    assert things.applied == ["a"]
    assert await bench.effects("shut-things") == {"a": EffectState.UNKNOWN}
    run = await bench.run("shut-things")
    assert run.state is state
    assert run.reason


async def test_a_yes_that_does_not_show_is_accepted_and_no_more(database: Database) -> None:
    things = Things(shuts=False)
    bench = await RunnerBench.start(database, [things.step()])
    await bench.locked()
    assert (await bench.states())["shut-things"] is State.ACCEPTED


class Later(Things):
    """What is asked of something that may be switched off."""

    def change(self, item: str) -> Change:
        return replace(super().change(item), later=True)


async def test_nobody_waits_for_what_is_done_by_something_that_may_be_off(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    things = Later(shuts=False)
    bench = await RunnerBench.start(database, [things.step()])
    monkeypatch.setattr(bench.runner, "_settings", settings(verify_patience_seconds=3600))
    await bench.locked()
    assert (await bench.states())["shut-things"] is State.ACCEPTED
    assert things.applied == ["a"]


STATES: list[tuple[IRBotError, State]] = [
    (OnPremises(), State.NEEDS_ON_PREMISES),
    (MissingLicence(licence="P2"), State.NOT_EVALUATED),
    (MissingPermission(permissions=["User.Read.All"]), State.REFUSED),
    (MissingRole(roles=["User Administrator"]), State.REFUSED),
    (Throttled(3.0), State.FAILED),
    (UpstreamDown(service="graph"), State.FAILED),
    (AuthBroken(), State.FAILED),
    (Gone(), State.FAILED),
    (BadInput(reason="password-refused"), State.FAILED),
    (Conflict(reason="locked"), State.FAILED),
    (Bug(), State.FAILED),
]


async def test_each_refusal_ends_in_its_state_and_stops_no_other_step(database: Database) -> None:
    refused = [Things(id=f"step-{number}", before=_raises(error)) for number, (error, _) in enumerate(STATES)]
    last = Things(id="last")
    bench = await RunnerBench.start(database, [things.step() for things in (*refused, last)])
    approval = await bench.locked()
    states = await bench.states()
    assert [states[f"step-{number}"] for number in range(len(STATES))] == [state for _, state in STATES]
    assert states["last"] is State.DONE
    assert approval.state is ApprovalState.USED
    for number in range(len(STATES)):
        run = await bench.run(f"step-{number}")
        assert run.reason
        assert await bench.effects(run.step_id) == {"a": EffectState.FAILED}


async def test_a_refused_item_stops_no_other_and_is_named(database: Database) -> None:
    def not_b(item: str) -> None:
        if item == "b":
            raise MissingRole(roles=["Keeper"])

    things = Things(open={"a": True, "b": True, "c": True}, before=not_b)
    bench = await RunnerBench.start(database, [things.step()])
    await bench.locked()
    run = await bench.run("shut-things")
    assert things.open == {"a": False, "b": True, "c": False}
    assert run.state is State.REFUSED
    for words in ("Not done: Thing b", "Keeper", "Done and checked: 2 of 3"):
        assert words in run.reason
    effects = await bench.effects("shut-things")
    assert effects == {"a": EffectState.SENT, "b": EffectState.FAILED, "c": EffectState.SENT}


async def test_what_another_item_stands_in_the_way_of_is_tried_again_after_it(database: Database) -> None:
    things = Things(open={"default": True, "b": True, "c": True})

    def default_goes_last(item: str) -> None:
        if item == "default" and (things.open["b"] or things.open["c"]):
            raise Conflict(reason="default-sign-in-method")

    things.before = default_goes_last
    bench = await RunnerBench.start(database, [things.step()])
    await bench.locked()
    assert things.applied == ["b", "c", "default"]
    assert (await bench.run("shut-things")).state is State.DONE
    assert set((await bench.effects("shut-things")).values()) == {EffectState.SENT}


async def test_what_stays_in_conflict_is_refused(database: Database) -> None:
    things = Things(open={"a": True, "b": True}, before=lambda item: _conflict() if item == "a" else None)
    bench = await RunnerBench.start(database, [things.step()])
    await bench.locked()
    run = await bench.run("shut-things")
    assert (run.state, things.open) == (State.FAILED, {"a": True, "b": False})
    assert "Not done: Thing a" in run.reason


def _conflict() -> None:
    raise Conflict(reason="locked")


async def test_a_step_may_put_a_refusal_into_its_own_words(database: Database) -> None:
    own = Outcome(State.NEEDS_ON_PREMISES, "Shut it in the cellar.")
    things = Things(before=_raises(Bug()), own_words=own)
    bench = await RunnerBench.start(database, [things.step()])
    await bench.locked()
    run = await bench.run("shut-things")
    assert Outcome(run.state, run.reason) == own


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_fault_of_our_own_stops_no_other_step_and_ends_when_given_up(database: Database, when: str) -> None:
    broken, sound = Things(id="broken", **{when: _raises(KeyError("ours"))}), Things(id="sound")  # type: ignore[arg-type]
    bench = await RunnerBench.start(database, [broken.step(), sound.step()])
    await bench.propose()
    approval = await bench.approved()
    for _ in range(2):
        with pytest.raises(ExceptionGroup):
            await bench.runner.execute(approval.id)
        if when == "after":
            break
    assert sound.applied == ["a"]
    assert (await bench.states()) | {"broken": None} == {"sound": State.DONE, "broken": None}
    await bench.runner.execution_gave_up(approval.id, "number-7")
    run = await bench.run("broken")
    assert run.state is State.UNKNOWN
    assert "number-7" in run.reason
    assert (await bench.now(approval)).state is ApprovalState.VOID
    assert sound.applied == ["a"]
    incident = await bench.incident()
    assert ("prepare", f"{incident.id}:{incident.nonce}") in bench.durable.started
    await bench.runner.execution_gave_up(approval.id, "again")
    assert "number-7" in (await bench.run("broken")).reason


# -- the world moved ---------------------------------------------------------------------------------------------------


async def test_what_is_so_already_needs_no_effect(database: Database) -> None:
    things = Things()
    bench = await RunnerBench.start(database, [things.step()])
    await bench.propose()
    things.open["a"] = False
    await bench.locked()
    run = await bench.run("shut-things")
    assert (run.state, run.reason, things.applied) == (State.ALREADY_SO, "All is shut.", [])


async def test_another_change_than_the_approved_one_is_refused(database: Database) -> None:
    things, other = Things(), Things(id="other")
    bench = await RunnerBench.start(database, [things.step(), other.step()])
    await bench.propose()
    things.value = "Half open"
    await bench.locked()
    assert (await bench.states()) == {"shut-things": State.REFUSED, "other": State.DONE}
    assert things.applied == []


async def test_what_was_settled_when_it_was_approved_stays_undone(database: Database) -> None:
    things, other = Things(open={"a": False}), Things(id="other")
    bench = await RunnerBench.start(database, [things.step(), other.step()])
    await bench.propose()
    things.open["a"] = True
    await bench.locked()
    assert (await bench.states())["shut-things"] is State.REFUSED
    assert things.applied == []


# -- what a plan does not list any more --------------------------------------------------------------------------------


async def test_what_could_not_be_looked_at_again_is_not_called_done(database: Database) -> None:
    things = Things(open={"a": True, "b": True})
    bench = await RunnerBench.start(database, [things.step()])
    await bench.propose()
    things.unlisted, things.unread = {"b"}, ("Boxes were not read.",)
    await bench.locked()
    run = await bench.run("shut-things")
    assert things.applied == ["a"]
    assert run.state is State.NOT_EVALUATED
    assert run.reason == "Not done: Thing b. Boxes were not read. Done and checked: 1 of 2."


async def test_what_was_not_listed_and_shows_all_the_same_is_done(database: Database) -> None:
    things = Things(open={"a": True, "b": True})
    bench = await RunnerBench.start(database, [things.step()])
    await bench.propose()
    things.unlisted, things.unread, things.open["b"] = {"b"}, ("Boxes were not read.",), False
    await bench.locked()
    run = await bench.run("shut-things")
    assert (run.state, run.reason) == (State.DONE, "Checked. Thing a: Shut. Boxes were not read.")


async def test_what_nobody_proposes_any_more_and_stands_open_is_refused(database: Database) -> None:
    things = Things()
    bench = await RunnerBench.start(database, [things.step()])
    await bench.propose()
    things.unlisted = {"a"}
    await bench.locked()
    run = await bench.run("shut-things")
    assert (run.state, things.applied) == (State.REFUSED, [])
    assert run.reason == "The account has changed since this was approved. Ask again."


async def test_what_was_not_listed_and_cannot_be_read_is_not_evaluated(database: Database) -> None:
    things = Things(before_verify=_raises(MissingRole(roles=["Keeper"])))
    bench = await RunnerBench.start(database, [things.step()])
    await bench.propose()
    things.unlisted = {"a"}
    await bench.locked()
    run = await bench.run("shut-things")
    assert run.state is State.NOT_EVALUATED
    assert "Keeper" in run.reason


async def test_what_cannot_be_read_after_a_kill_hides_nothing_that_was_done_before_it(database: Database) -> None:
    things = Things(open=dict.fromkeys("abc", True))

    def die(item: str) -> None:
        if item == "b":
            raise Killed

    things.after = die
    bench = await RunnerBench.start(database, [things.step()])
    await bench.propose()
    approval = await bench.approved()
    await _dies(bench.runner.execute(approval.id))
    things.on_plan = _raises_always(UpstreamDown(service="Exchange"))
    await bench.runner.execute(approval.id)
    run = await bench.run("shut-things")
    assert things.open == {"a": False, "b": False, "c": True}
    assert run.state is State.NOT_EVALUATED
    for words in ("Not done: Thing c.", "Done and checked: 2 of 3."):
        assert words in run.reason


async def _becomes(bench: RunnerBench, what: str) -> None:
    directory = bench.m365.directory
    match what:
        case "privileged":
            directory.roles["megan"] = GLOBAL_ADMINISTRATOR
        case "unreadable":
            directory.fail["directory_roles"] = UpstreamDown(service="graph")
        case "requester lost the role":
            directory.groups[RESPONDERS].discard("alex")
        case "requester is disabled":
            directory.accounts["alex"] = account("alex", account_enabled=False)
        case "roles cannot be looked up":
            directory.fail["groups_of"] = UpstreamDown(service="graph")


@pytest.mark.parametrize(
    "what",
    [
        "privileged",
        "unreadable",
        "requester lost the role",
        "requester is disabled",
        "roles cannot be looked up",
    ],
)
async def test_an_approval_that_does_not_fit_any_more_is_void(database: Database, what: str) -> None:
    things = Things()
    bench = await RunnerBench.start(database, [things.step()])
    await bench.propose()
    approval = await bench.approved()
    await _becomes(bench, what)
    await bench.runner.execute(approval.id)
    ended = await bench.now(approval)
    assert ended.state is ApprovalState.VOID
    assert ended.reason
    assert things.applied == []
    assert await bench.runs() == ()
    incident = await bench.incident()
    assert incident.plan == {}
    assert bench.durable.started[-1] == ("prepare", f"{incident.id}:{incident.nonce}")


async def test_a_decider_who_lost_the_role_has_not_decided(database: Database) -> None:
    things = Things()
    bench = await RunnerBench.start(database, [things.step()])
    bench.m365.directory.roles["megan"] = GLOBAL_ADMINISTRATOR
    await bench.propose()
    approval = await bench.approved()
    assert approval.decided_by is not None
    assert approval.decided_by.object_id == "adele"
    bench.m365.directory.groups[APPROVERS].discard("adele")
    await bench.runner.execute(approval.id)
    assert (await bench.now(approval)).state is ApprovalState.VOID
    assert things.applied == []


@pytest.mark.parametrize("part", ["target_id", "plan", "kind"])
async def test_a_row_that_was_changed_behind_our_back_is_void(database: Database, part: str) -> None:
    things = Things()
    bench = await RunnerBench.start(database, [things.step()])
    await bench.propose()
    approval = await bench.approved()
    other = {
        "target_id": "zoe",
        "plan": plans_to_json({"shut-things": Plan((replace(things.change("a"), item="b"),))}),
        "kind": PlanKind.UNDO.value,
    }
    async with database.write() as connection:
        await connection.execute(sa.update(tables.approvals).values(**{part: other[part]}))
    await bench.runner.execute(approval.id)
    assert (await bench.now(approval)).state is ApprovalState.VOID
    assert (things.applied, things.undone) == ([], [])


async def test_a_world_that_cannot_be_read_leaves_the_approval_for_later(database: Database) -> None:
    things = Things()
    bench = await RunnerBench.start(database, [things.step()])
    await bench.propose()
    approval = await bench.approved()
    bench.m365.directory.fail["account"] = UpstreamDown(service="graph")
    with pytest.raises(UpstreamDown):
        await bench.runner.execute(approval.id)
    assert (await bench.now(approval)).state in {ApprovalState.APPROVED}
    bench.m365.directory.fail.clear()
    await bench.runner.execute(approval.id)
    assert things.applied == ["a"]


async def test_without_the_lease_there_is_no_effect(database: Database) -> None:
    things, other = Things(), Things(id="other")
    bench = await RunnerBench.start(database, [things.step(), other.step()])
    await bench.propose()
    approval = await bench.approved()
    bench.durable.lease = False
    with pytest.raises(ExceptionGroup):
        await bench.runner.execute(approval.id)
    assert (things.applied, other.applied) == ([], [])
    bench.durable.lease = True
    await bench.runner.execute(approval.id)
    assert (things.applied, other.applied) == (["a"], ["a"])
    assert (await bench.now(approval)).state is ApprovalState.USED


# -- trying again ------------------------------------------------------------------------------------------------------


async def test_only_what_did_not_work_is_proposed_again(database: Database) -> None:
    bad, good = Things(id="bad", before=_raises(Throttled(1.0))), Things(id="good")
    bench = await RunnerBench.start(database, [bad.step(), good.step()])
    await bench.locked()
    incident = await bench.incident()
    assert incident.plan["kind"] == PlanKind.LOCK
    assert list(incident.plan["steps"]) == ["bad"]
    bad.before = lambda item: None
    bench.clock.pass_by(minutes=1)
    await bench.locked()
    assert (bad.applied, good.applied) == (["a"], ["a"])
    assert (await bench.states()) == {"bad": State.DONE, "good": State.DONE}


# -- undoing -----------------------------------------------------------------------------------------------------------


async def test_what_we_did_is_put_back_once(database: Database) -> None:
    things = Things(open={"a": True, "b": False})
    bench = await RunnerBench.start(database, [things.step()])
    await bench.locked()
    plans = await bench.runner.undo_plan(bench.incident_id)
    assert [(each.item, each.before, each.after) for each in plans["shut-things"].changes] == [("a", "Shut", "Open")]
    approval = await bench.undone()
    assert (things.undone, things.open) == (["a"], {"a": True, "b": False})
    assert approval.state is ApprovalState.USED
    run = await bench.run("shut-things")
    assert (run.kind, run.state) == (RunKind.UNDO, State.UNDONE)
    assert await bench.runner.undo_plan(bench.incident_id) == {}


async def test_what_was_so_before_us_is_never_put_back(database: Database) -> None:
    bench = await RunnerBench.start(database)
    bench.m365.directory.accounts["megan"] = account("megan", account_enabled=False)
    await bench.locked()
    assert (await bench.states())["block-sign-in"] is State.ALREADY_SO
    assert "block-sign-in" not in await bench.runner.undo_plan(bench.incident_id)


async def test_what_was_refused_has_nothing_to_put_back(database: Database) -> None:
    things = Things(before=_raises(MissingRole()))
    bench = await RunnerBench.start(database, [things.step()])
    await bench.locked()
    assert await bench.runner.undo_plan(bench.incident_id) == {}


async def test_a_second_round_does_not_forget_what_the_first_one_did(database: Database) -> None:
    things = Things()
    bench = await RunnerBench.start(database, [things.step()])
    await bench.locked()
    async with database.write() as connection:
        await connection.execute(sa.update(tables.incidents).values(plan={}))
    bench.clock.pass_by(minutes=1)
    await bench.locked()
    assert (await bench.states())["shut-things"] is State.ALREADY_SO
    assert list(await bench.runner.undo_plan(bench.incident_id)) == ["shut-things"]
    await bench.undone()
    assert things.undone == ["a"]


async def test_an_undo_that_failed_can_be_tried_again(database: Database) -> None:
    things = Things(before_undo=_raises(Throttled(1.0)))
    bench = await RunnerBench.start(database, [things.step()])
    await bench.locked()
    await bench.undone()
    assert (await bench.states())["shut-things"] is State.FAILED
    things.before_undo = lambda item: None
    await bench.undone()
    assert (things.undone, (await bench.states())["shut-things"]) == (["a"], State.UNDONE)


async def test_what_somebody_put_back_already_needs_no_effect(database: Database) -> None:
    things = Things()
    bench = await RunnerBench.start(database, [things.step()])
    await bench.locked()
    things.open["a"] = True
    await bench.undone()
    assert (things.undone, (await bench.states())["shut-things"]) == ([], State.UNDONE)


async def test_after_an_undo_the_lock_can_be_done_again(database: Database) -> None:
    things = Things()
    bench = await RunnerBench.start(database, [things.step()])
    await bench.locked()
    await bench.undone()
    bench.clock.pass_by(minutes=1)
    await bench.locked()
    assert things.applied == ["a", "a"]
    await bench.undone()
    assert things.undone == ["a", "a"]


def test_every_error_that_a_service_may_give_is_tried() -> None:
    from services import errors

    tried = {type(error) for error, _ in STATES} | {UnknownOutcome}
    of_services = {
        each for each in vars(errors).values() if isinstance(each, type) and each.__mro__[1:2] == (errors.Unavailable,)
    }
    assert of_services <= tried
