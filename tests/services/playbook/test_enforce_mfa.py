"""Everybody gives a second factor, in the one way that fits the licences, and nobody is locked out by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from services.approvals import PlanKind
from services.database import Database
from services.errors import Conflict, IRBotError, NotAllowed
from services.playbook import mfa_truth
from services.playbook.enforce_mfa import NAME, STEP
from services.playbook.mfa_truth import about
from services.playbook.planner import outcome_of
from services.playbook.step import Change, Finding, Plan, Rule, Severity, State, Undo
from simulator.config import SimulatorConfig
from simulator.graph.policies import Json
from tests.services.fakes import CHANNEL
from tests.services.playbook.bench import ADELE, ALEX, RunnerBench
from tests.services.playbook.tenancy import Tenancy, settled, tenancy

BASIC = SimulatorConfig(licences=("O365_BUSINESS_ESSENTIALS",))
REPORTING = "enabledForReportingButNotEnforced"


@pytest.fixture
async def home() -> AsyncIterator[Tenancy]:
    async with tenancy() as made:
        yield made


@pytest.fixture
async def basic() -> AsyncIterator[Tenancy]:
    async with tenancy(BASIC) as made:
        yield made


def policies(home: Tenancy) -> list[Json]:
    return list(home.sim.world.tenant.records.access_policies.values())


def add(home: Tenancy, name: str = "MFA for all", **changes: Any) -> Json:
    """A policy that somebody else made."""
    row: Json = {
        "id": f"id of {name} {len(policies(home))}",
        "displayName": name,
        "state": "enabled",
        "conditions": {
            "users": {"includeUsers": ["All"]},
            "applications": {"includeApplications": ["All"]},
            "clientAppTypes": ["all"],
        },
        "grantControls": {"operator": "OR", "builtInControls": ["mfa"]},
        "createdDateTime": "2026-01-01T00:00:00Z",
    } | changes
    home.sim.world.tenant.records.access_policies[row["id"]] = row
    return row


def emergency(home: Tenancy) -> str:
    return home.user("emergency1").id


def without(home: Tenancy, **changes: Any) -> None:
    home.settings = home.settings.model_copy(update=changes)


def finding(plan: Plan, key: str) -> Finding:
    return next(each for each in plan.findings if each.key == key)


async def refused(home: Tenancy, change: Change) -> tuple[State, str]:
    assert STEP.apply is not None
    ctx = await home.context("megan")
    with pytest.raises(IRBotError) as caught:
        await STEP.apply(ctx, change)
    outcome = outcome_of(STEP, ctx, caught.value, reading=False)
    return outcome.state, outcome.reason


# -- with Entra ID P1 ----------------------------------------------------------------------------------------------


async def test_a_policy_of_our_own_first_only_reports_and_leaves_break_glass_out(home: Tenancy) -> None:
    plan = await home.plan(STEP, "megan")
    (change,) = plan.changes
    assert (change.item, change.before, change.after) == ("create-policy", "Not there", "Reporting only")
    assert "Emergency Access 1" in change.what
    await home.make(STEP, "megan", plan)
    (made,) = policies(home)
    assert (made["displayName"], made["state"]) == (NAME, REPORTING)
    users = made["conditions"]["users"]
    assert (users["includeUsers"], users["excludeUsers"]) == (["All"], [emergency(home)])
    assert users["excludeRoles"]
    assert made["grantControls"]["builtInControls"] == ["mfa"]
    await home.undo(STEP, "megan", plan)
    assert policies(home) == []


async def test_the_next_plan_puts_it_in_force_and_its_undo_lets_it_report_again(home: Tenancy) -> None:
    await home.make(STEP, "megan", await home.plan(STEP, "megan"))
    plan = await home.plan(STEP, "megan")
    (change,) = plan.changes
    assert (change.before, change.after) == ("Reporting only", "In force")
    await home.make(STEP, "megan", plan)
    assert policies(home)[0]["state"] == "enabled"
    assert settled(await home.plan(STEP, "megan"))[0] is State.ALREADY_SO
    await home.undo(STEP, "megan", plan)
    assert policies(home)[0]["state"] == REPORTING


async def test_an_undo_of_both_moves_deletes_our_policy_once_it_is_out_of_force(home: Tenancy) -> None:
    first = await home.plan(STEP, "megan")
    await home.make(STEP, "megan", first)
    second = await home.plan(STEP, "megan")
    await home.make(STEP, "megan", second)
    ctx = await home.context("megan")
    assert isinstance(STEP.undo, Undo)
    with pytest.raises(Conflict):
        await STEP.undo.apply(ctx, first.changes[0])
    await home.undo(STEP, "megan", second)
    await home.undo(STEP, "megan", first)
    assert policies(home) == []
    assert await STEP.undo.verify(ctx, second.changes[0])


async def test_what_somebody_moved_on_is_not_taken_back(home: Tenancy) -> None:
    plan = await home.plan(STEP, "megan")
    await home.make(STEP, "megan", plan)
    (made,) = policies(home)
    made["state"] = "enabled"
    ctx = await home.context("megan")
    assert isinstance(STEP.undo, Undo)
    with pytest.raises(Conflict) as caught:
        await STEP.undo.apply(ctx, plan.changes[0])
    outcome = outcome_of(STEP, ctx, caught.value, reading=False)
    assert outcome.state is State.REFUSED
    assert "in force" in outcome.reason
    assert policies(home) == [made]


async def test_a_plan_tells_how_many_it_touches_and_how_many_could_not_answer(home: Tenancy) -> None:
    grady = home.user("grady")
    grady.methods = [each for each in grady.methods if "password" in each["@odata.type"]]
    isaiah = home.user("isaiah")
    isaiah.methods = []
    plan = await home.plan(STEP, "megan")
    found = finding(plan, "registration")
    assert found.severity is Severity.WARNING
    assert any("Isaiah Langer" in each for each in found.reasons)
    enabled = sum(user.enabled for user in home.sim.world.tenant.users.values())
    assert f"{enabled - 1} people are asked" in plan.changes[0].what
    report = await home.m365.sign_in_methods.registrations(1000)
    none = sum(not each.mfa_registered for each in report if each.id != emergency(home))
    assert f"{none} of them have none registered" in plan.changes[0].what


async def test_without_a_break_glass_account_nothing_is_proposed(home: Tenancy) -> None:
    without(home, break_glass_users=(), break_glass_groups=())
    state, reason = settled(await home.plan(STEP, "megan"))
    assert state is State.REFUSED
    assert "IRBOT_BREAK_GLASS_USERS" in reason


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"break_glass_users": ("nobody@contoso.com",)}, "no such account"),
        ({"break_glass_groups": ("11111111-2222-3333-4444-555555555555",)}, "no such group"),
    ],
)
async def test_a_break_glass_name_that_leads_nowhere_protects_nobody(
    home: Tenancy, changes: dict[str, Any], words: str
) -> None:
    without(home, **changes)
    state, reason = settled(await home.plan(STEP, "megan"))
    assert state is State.REFUSED
    assert words in reason


async def test_a_break_glass_account_that_cannot_sign_in_is_none(home: Tenancy) -> None:
    home.user("emergency1").properties["accountEnabled"] = False
    state, reason = settled(await home.plan(STEP, "megan"))
    assert state is State.REFUSED
    assert "can sign in" in reason


async def test_a_compromised_break_glass_account_is_not_left_out(home: Tenancy) -> None:
    state, reason = settled(await home.plan(STEP, "emergency1"))
    assert state is State.REFUSED
    assert "keep its door open" in reason


async def test_break_glass_groups_are_left_out_as_groups(home: Tenancy) -> None:
    group = home.sim.world.tenant.group("Security Leads")
    without(home, break_glass_users=(), break_glass_groups=(group.id,))
    plan = await home.plan(STEP, "megan")
    assert "Adele Vance" in plan.changes[0].what
    await home.make(STEP, "megan", plan)
    assert policies(home)[0]["conditions"]["users"]["excludeGroups"] == [group.id]


async def test_a_policy_of_somebody_else_that_asks_everybody_is_enough_and_stays(home: Tenancy) -> None:
    other = add(home)
    state, reason = settled(await home.plan(STEP, "megan"))
    assert state is State.ALREADY_SO
    assert "MFA for all" in reason
    assert policies(home) == [other]


@pytest.mark.parametrize(
    "changes",
    [
        {"state": REPORTING},
        {"state": "disabled"},
        {"grantControls": {"operator": "OR", "builtInControls": ["block"]}},
        {"grantControls": {"operator": "OR", "builtInControls": ["mfa", "compliantDevice"]}},
        {"conditions": {"users": {"includeUsers": ["someone"]}, "applications": {"includeApplications": ["All"]}}},
        {"conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["one"]}}},
        {
            "conditions": {
                "users": {"includeUsers": ["All"]},
                "applications": {"includeApplications": ["All"]},
                "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]},
            }
        },
    ],
)
async def test_a_policy_of_somebody_else_that_does_not_ask_everybody_is_not_enough(
    home: Tenancy, changes: dict[str, Any]
) -> None:
    other = add(home, **changes)
    plan = await home.plan(STEP, "megan")
    assert [change.item for change in plan.changes] == ["create-policy"]
    await home.make(STEP, "megan", plan)
    await home.undo(STEP, "megan", plan)
    assert policies(home) == [other]


async def test_our_policy_that_somebody_changed_is_left_alone(home: Tenancy) -> None:
    await home.make(STEP, "megan", await home.plan(STEP, "megan"))
    (ours,) = policies(home)
    ours["conditions"]["applications"]["excludeApplications"] = ["payroll"]
    state, reason = settled(await home.plan(STEP, "megan"))
    assert state is State.REFUSED
    assert "Somebody changed" in reason


async def test_our_policy_without_its_exclusion_is_not_put_in_force(home: Tenancy) -> None:
    await home.make(STEP, "megan", await home.plan(STEP, "megan"))
    policies(home)[0]["conditions"]["users"]["excludeUsers"] = []
    state, reason = settled(await home.plan(STEP, "megan"))
    assert state is State.REFUSED
    assert "Emergency Access 1" in reason


async def test_two_policies_of_our_name_are_for_a_person_to_sort_out(home: Tenancy) -> None:
    add(home, NAME, state=REPORTING)
    add(home, NAME, state=REPORTING)
    assert settled(await home.plan(STEP, "megan"))[0] is State.REFUSED


async def test_our_policy_that_was_switched_off_reports_first_again(home: Tenancy) -> None:
    await home.make(STEP, "megan", await home.plan(STEP, "megan"))
    policies(home)[0]["state"] = "disabled"
    (change,) = (await home.plan(STEP, "megan")).changes
    assert (change.before, change.after) == ("Switched off", "Reporting only")


async def test_a_policy_of_our_name_that_turns_up_meanwhile_is_not_taken_for_ours(home: Tenancy) -> None:
    plan = await home.plan(STEP, "megan")
    add(home, NAME, grantControls={"operator": "OR", "builtInControls": ["block"]})
    await refused(home, plan.changes[0])
    assert len(policies(home)) == 1


async def test_a_policy_that_is_gone_cannot_be_put_in_force(home: Tenancy) -> None:
    await home.make(STEP, "megan", await home.plan(STEP, "megan"))
    plan = await home.plan(STEP, "megan")
    home.sim.world.tenant.records.access_policies.clear()
    assert (await refused(home, plan.changes[0]))[0] is State.FAILED


async def test_nobody_closes_a_door_for_everybody_alone(database: Database) -> None:
    bench = await RunnerBench.start(database, [STEP])
    incident = await bench.incident()
    plans = {STEP.id: Plan((Change("create-policy", "Policy", "Not there", "Reporting only"),))}
    asked = await bench.approvals.ask(incident.id, incident.nonce, ALEX, CHANNEL, kind=PlanKind.STEPS, plans=plans)
    assert asked.rule is Rule.SECOND_PERSON
    with pytest.raises(NotAllowed) as caught:
        await bench.approvals.approve(asked.id, asked.nonce, ALEX, CHANNEL)
    assert caught.value.data["reason"] == "requester-may-not-approve"
    approved = await bench.approvals.approve(asked.id, asked.nonce, ADELE, CHANNEL)
    assert approved.decided_by == ADELE


# -- without it ----------------------------------------------------------------------------------------------------


async def test_without_premium_security_defaults_go_on_and_back_to_what_they_were(basic: Tenancy) -> None:
    plan = await basic.plan(STEP, "megan")
    (change,) = plan.changes
    assert (change.item, change.before, change.after) == ("security-defaults", "Off", "On")
    assert "old mail programs" in change.what
    assert "is not known" in finding(plan, "registration").title
    await basic.make(STEP, "megan", plan)
    assert basic.sim.world.tenant.records.security_defaults["isEnabled"] is True
    assert settled(await basic.plan(STEP, "megan"))[0] is State.ALREADY_SO
    await basic.undo(STEP, "megan", plan)
    assert basic.sim.world.tenant.records.security_defaults["isEnabled"] is False


async def test_security_defaults_that_are_on_are_enough_with_premium_as_well(home: Tenancy) -> None:
    home.sim.world.tenant.records.security_defaults["isEnabled"] = True
    assert settled(await home.plan(STEP, "megan"))[0] is State.ALREADY_SO


async def test_what_entra_does_not_let_stand_beside_policies_is_refused(basic: Tenancy) -> None:
    plan = await basic.plan(STEP, "megan")
    add(basic)
    state, reason = await refused(basic, plan.changes[0])
    assert state is State.REFUSED
    assert "Conditional Access" in reason


async def test_policies_that_a_lapsed_licence_left_behind_forbid_security_defaults(
    basic: Tenancy, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = await mfa_truth.truth_of(await basic.context("megan"))
    add(basic, "Left behind")
    async with tenancy() as licensed:
        add(licensed, "Left behind")
        left = await licensed.m365.policies.access_policies()

    async def lapsed(ctx: object) -> mfa_truth.Truth:
        return replace(truth, policies=left)

    monkeypatch.setattr("services.playbook.enforce_mfa.truth_of", lapsed)
    state, reason = settled(await basic.plan(STEP, "megan"))
    assert state is State.REFUSED
    assert "Left behind" in reason


# -- what is shown -------------------------------------------------------------------------------------------------


async def test_per_user_states_are_shown_and_never_changed(home: Tenancy) -> None:
    home.user("megan").per_user_mfa = "enforced"
    plan = await home.plan(STEP, "megan")
    found = finding(plan, "per-user")
    assert "on for 1 of 2 accounts" in found.title
    assert any("never both" in each for each in found.reasons)
    await home.make(STEP, "megan", plan)
    assert home.user("megan").per_user_mfa == "enforced"
    assert not [entry for entry in home.writes() if "requirements" in entry.path]


async def test_todays_policies_are_shown_with_whom_they_leave_out(home: Tenancy) -> None:
    users = {"includeUsers": ["All"], "excludeUsers": ["a", "b"]}
    conditions = {"users": users, "applications": {"includeApplications": ["one"]}, "clientAppTypes": ["all"]}
    row = add(home, "MFA at payroll", conditions=conditions)
    found = finding(await home.plan(STEP, "megan"), f"policy:{row['id']}")
    assert found.title == "MFA at payroll: in force"
    assert found.reasons == ("For all users, at some apps only", "It leaves out 2 users, groups or roles")


async def test_what_cannot_be_read_stops_the_plan_by_name(home: Tenancy) -> None:
    home.sim.world.withdraw("AuditLog.Read.All")
    ctx = await home.context("megan")
    with pytest.raises(IRBotError) as caught:
        await STEP.plan(ctx)
    outcome = outcome_of(STEP, ctx, caught.value, reading=True)
    assert outcome.state is State.NOT_EVALUATED
    assert "AuditLog.Read.All" in outcome.reason


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0"), (99, "99"), (100, "about 100"), (1_234, "about 1,200"), (49_961, "about 50,000")]
)
def test_large_numbers_are_rounded_so_that_a_new_colleague_voids_no_approval(count: int, shown: str) -> None:
    assert about(count) == shown
