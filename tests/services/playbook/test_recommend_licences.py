"""A free licence that is owned goes to whom it helps, on approval; nothing is bought, and nothing else is taken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest

from services.playbook.licence_offers import PRODUCTS
from services.playbook.planner import outcome_of
from services.playbook.recommend_licences import STEP
from services.playbook.step import Finding, Outcome, Plan, State, Undo
from simulator.config import SimulatorConfig
from simulator.licences import SKUS
from tests.services.playbook.tenancy import Tenancy, settled, tenancy


@pytest.fixture
async def home() -> AsyncIterator[Tenancy]:
    """Everybody has E3; the organisation owns more than that, which nobody has."""
    async with tenancy(SimulatorConfig(licences=("SPE_E3",), audit_query_seconds=0)) as made:
        made.sim.world.tenant.licences |= {"ADALLOM_STANDALONE", "ATP_ENTERPRISE"}
        yield made


def finding(plan: Plan, key: str) -> Finding:
    return next(each for each in plan.findings if each.key == key)


def the(home: Tenancy, who: str, sku: str) -> str:
    return f"{home.user(who).id}:{SKUS[sku].sku_id}"


async def test_the_account_and_the_vips_get_what_lies_free_and_lose_it_by_the_undo(home: Tenancy) -> None:
    before = {who: home.user(who).licences for who in ("megan", "lynne")}
    plan = await home.plan(STEP, "megan")
    assert {change.item for change in plan.changes} == {
        the(home, who, sku) for who in ("megan", "lynne") for sku in ("ADALLOM_STANDALONE", "ATP_ENTERPRISE")
    }
    assert finding(plan, "product:cloud-apps").data["state"] == "unassigned"
    await home.make(STEP, "megan", plan)
    assert set(home.user("megan").licences) == {"SPE_E3", "ADALLOM_STANDALONE", "ATP_ENTERPRISE"}
    assert settled(await home.plan(STEP, "megan"))[0] is State.ALREADY_SO
    await home.undo(STEP, "megan", plan)
    assert {who: home.user(who).licences for who in before} == before


async def test_of_a_large_licence_only_what_is_lacking_is_switched_on() -> None:
    async with tenancy(SimulatorConfig(licences=("SPE_E3",))) as home:
        home.sim.world.tenant.licences.add("SPE_E5")
        plan = await home.plan(STEP, "jose")
        mine = [change for change in plan.changes if change.item.startswith(home.user("jose").id)]
        assert [change.item for change in mine] == [the(home, "jose", "SPE_E5")]
        await home.make(STEP, "jose", replace(plan, changes=tuple(mine)))
        held = {each.part_number: each.plans for each in await home.m365.licences.of_account(home.user("jose").id)}
        assert held["SPE_E5"] == {"ADALLOM_S_STANDALONE", "ATP_ENTERPRISE", "THREAT_INTELLIGENCE"}
        await home.undo(STEP, "jose", replace(plan, changes=tuple(mine)))
        assert home.user("jose").licences == ("SPE_E3",)


async def test_one_free_unit_is_proposed_once(home: Tenancy) -> None:
    home.sim.world.tenant.bought = {"ADALLOM_STANDALONE": 1, "ATP_ENTERPRISE": 0}
    plan = await home.plan(STEP, "megan")
    assert [change.item for change in plan.changes] == [the(home, "megan", "ADALLOM_STANDALONE")]


async def test_nothing_free_is_nothing_to_give(home: Tenancy) -> None:
    home.sim.world.tenant.bought = {"ADALLOM_STANDALONE": 0, "ATP_ENTERPRISE": 0}
    state, reason = settled(await home.plan(STEP, "megan"))
    assert state is State.ALREADY_SO
    assert "in use" in reason


async def test_what_is_not_owned_is_recommended_and_never_bought() -> None:
    async with tenancy(SimulatorConfig(licences=("SPE_E3",))) as home:
        plan = await home.plan(STEP, "megan")
        state, reason = settled(plan)
        assert state is State.ALREADY_SO
        assert "Not owned: Microsoft Defender for Cloud Apps, Microsoft Defender for Office 365" in reason
        found = finding(plan, "product:defender-office")
        assert found.data["state"] == "missing"
        assert "never buys" in found.reasons[0]


async def test_who_has_it_needs_nothing() -> None:
    async with tenancy() as home:
        plan = await home.plan(STEP, "megan")
        assert settled(plan)[0] is State.ALREADY_SO
        assert {each.data["state"] for each in plan.findings} == {"assigned"}


async def test_a_person_without_a_country_is_refused_and_told_why(home: Tenancy) -> None:
    for who in ("megan", "lynne"):
        home.user(who).properties["usageLocation"] = None
    state, reason = settled(await home.plan(STEP, "megan"))
    assert state is State.REFUSED
    assert "usage location" in reason
    home.user("lynne").properties["usageLocation"] = "US"
    plan = await home.plan(STEP, "megan")
    assert all(change.item.startswith(home.user("lynne").id) for change in plan.changes)
    assert "Megan Bowen" in finding(plan, f"country:{home.user('megan').id}").title


async def test_what_microsoft_does_not_give_is_refused_with_the_likely_reason(home: Tenancy) -> None:
    plan = await home.plan(STEP, "megan")
    home.sim.world.tenant.bought = {"ADALLOM_STANDALONE": 0, "ATP_ENTERPRISE": 0}
    ctx = await home.context("megan")
    assert STEP.apply is not None
    with pytest.raises(Exception, match="conflict") as caught:
        await STEP.apply(ctx, plan.changes[0])
    outcome = outcome_of(STEP, ctx, caught.value, reading=False)  # type: ignore[arg-type]  # it is one of ours
    assert outcome.state is State.REFUSED
    assert "No licence is free" in outcome.reason


async def test_where_a_step_was_blind_it_is_said_what_would_have_been_seen(home: Tenancy) -> None:
    async def ended() -> Mapping[str, Outcome]:
        return {
            "review-activity": Outcome(State.NOT_EVALUATED, "No licence."),
            "trace-sent-mail": Outcome(State.DONE, ""),
        }

    plan = await STEP.plan(replace(await home.context("megan"), ended=ended))
    cloud = finding(plan, "product:cloud-apps")
    assert any(each.startswith("What was opened and shared could not be checked") for each in cloud.reasons)
    office = finding(plan, "product:defender-office")
    assert any(each.startswith("Nothing in this incident was left unchecked") for each in office.reasons)


async def test_an_undo_for_somebody_who_is_gone_has_nothing_to_do(home: Tenancy) -> None:
    plan = await home.plan(STEP, "megan")
    mine = tuple(change for change in plan.changes if change.item.startswith(home.user("lynne").id))
    ctx = await home.context("megan")
    del home.sim.world.tenant.users[home.user("lynne").id]
    assert isinstance(STEP.undo, Undo)
    for change in mine:
        await STEP.undo.apply(ctx, change)
        assert await STEP.undo.verify(ctx, change)


def test_a_product_is_known_by_name_or_by_id() -> None:
    for product in PRODUCTS:
        assert product.plans
        assert product.shows
