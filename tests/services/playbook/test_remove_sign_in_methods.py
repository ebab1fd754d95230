from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.errors import Conflict, MissingPermission
from services.playbook.remove_sign_in_methods import STEP
from services.playbook.step import NoUndo, Plan, Rule, State
from simulator.clock import stamp
from simulator.graph.sign_in_methods import ALTERNATE_MOBILE, EMAIL, KINDS, MOBILE
from simulator.stories import STORIES, evicted
from simulator.tenant import User
from tests.services.playbook.tenancy import Tenancy, settled, tenancy

PASSWORD = "#microsoft.graph.passwordAuthenticationMethod"  # a kind of method


@pytest.fixture
async def tenant() -> AsyncIterator[Tenancy]:
    async with tenancy() as made:
        yield made


def add(tenant: Tenancy, user: User, kind: str, key: str, *, days: float = 200, **more: str) -> None:
    at = stamp(tenant.sim.world.clock.now() - timedelta(days=days))
    user.methods.append({"@odata.type": f"#microsoft.graph.{kind}", "id": key, "createdDateTime": at} | more)


async def remove(tenant: Tenancy, who: str, plan: Plan) -> list[str]:
    """Removes as the runner does: in order, and what conflicts once more after the others. Returns what conflicted."""
    assert STEP.apply is not None
    ctx = await tenant.context(who, locked=True)
    later = []
    for change in plan.changes:
        try:
            await STEP.apply(ctx, change)
        except Conflict:
            later.append(change)
    for change in later:
        await STEP.apply(ctx, change)
    return [change.item for change in later]


async def test_the_intruders_methods_are_marked_and_go_first_and_the_default_goes_last(tenant: Tenancy) -> None:
    tenant.tell("method-and-device")
    joni = tenant.user("joni.sherman2")
    plan = await tenant.plan(STEP, "joni.sherman2")
    fresh = [change for change in plan.changes if "New: within the time" in change.what]
    assert fresh == list(plan.changes[:2])
    assert {"SM-A145F", "j.sherman.help@outlook-mail.example"} == {change.data["label"] for change in fresh}
    assert all(change.data["fresh"] for change in fresh)
    assert len(plan.changes) == len(joni.methods) - 1
    conflicts = await remove(tenant, "joni.sherman2", plan)
    assert conflicts == [f"microsoftAuthenticatorAuthenticationMethod:{fresh_id(plan)}"]
    assert [method["@odata.type"] for method in joni.methods] == [PASSWORD]
    assert {"authenticator", "reset-mail"}.isdisjoint(evicted(STORIES["method-and-device"], tenant.sim.world))
    assert settled(await tenant.plan(STEP, "joni.sherman2")) == (
        State.ALREADY_SO,
        "Nothing to remove. No sign-in method is registered.",
    )


def fresh_id(plan: Plan) -> str:
    return next(str(change.data["id"]) for change in plan.changes if change.data["label"] == "SM-A145F")


async def test_the_second_number_goes_before_the_first(tenant: Tenancy) -> None:
    megan = tenant.user("megan")
    add(tenant, megan, "phoneAuthenticationMethod", MOBILE, phoneNumber="+1 4255550100", phoneType="mobile", days=1)
    add(
        tenant,
        megan,
        "phoneAuthenticationMethod",
        ALTERNATE_MOBILE,
        phoneNumber="+1 4255550101",
        phoneType="alternateMobile",
    )
    plan = await tenant.plan(STEP, "megan")
    assert plan.changes[0].data["id"] == ALTERNATE_MOBILE
    assert "+1 4255550101 (alternateMobile), registered" in plan.changes[0].what
    await tenant.make(STEP, "megan", plan)
    assert [method["@odata.type"] for method in megan.methods] == [PASSWORD]


async def test_every_kind_is_named_and_removed_but_the_password(tenant: Tenancy) -> None:
    megan = tenant.user("megan")
    for place, (kind, _, _) in KINDS.items():
        add(tenant, megan, kind, EMAIL if place == "emailMethods" else f"{place}-1", displayName=place)
    plan = await tenant.plan(STEP, "megan")
    assert not [change.what for change in plan.changes if "unknown kind" in change.what]
    ctx = await tenant.context("megan", locked=True)
    assert STEP.apply is not None
    # The pace of the real service is kept by the Graph client, and it takes its time; a few kinds are enough here.
    chosen = [change for change in plan.changes if change.data["kind"].startswith(("fido2", "email", "hardware"))]
    assert len(chosen) == 3
    for change in chosen:
        await STEP.apply(ctx, change)
    left = {method["@odata.type"].removeprefix("#microsoft.graph.") for method in megan.methods}
    assert left.isdisjoint({change.data["kind"] for change in chosen})
    assert PASSWORD in {method["@odata.type"] for method in megan.methods}


async def test_a_kind_that_nobody_knows_is_shown_and_left_to_people(tenant: Tenancy) -> None:
    add(tenant, tenant.user("megan"), "brainWaveAuthenticationMethod", "b1")
    plan = await tenant.plan(STEP, "megan")
    (unknown,) = [change for change in plan.changes if "unknown kind" in change.what]
    assert "by hand in Entra" in unknown.what
    assert STEP.apply is not None
    with pytest.raises(Conflict) as raised:
        await STEP.apply(await tenant.context("megan", locked=True), unknown)
    assert raised.value.data["reason"] == "method-cannot-be-removed"


async def test_the_default_stays_while_another_was_left_out(tenant: Tenancy) -> None:
    add(tenant, tenant.user("megan"), "softwareOathAuthenticationMethod", "s1")
    plan = await tenant.plan(STEP, "megan")
    default = next(change for change in plan.changes if change.data["kind"].startswith("microsoftAuth"))
    ctx = await tenant.context("megan", locked=True)
    assert STEP.apply is not None
    with pytest.raises(Conflict) as raised:
        await STEP.apply(ctx, default)
    outcome = STEP.explain(ctx, raised.value)
    assert outcome is not None
    assert "default method" in outcome.reason
    assert STEP.explain(ctx, Conflict(reason="locked")) is None


async def test_a_method_that_is_gone_counts_as_removed(tenant: Tenancy) -> None:
    plan = await tenant.plan(STEP, "megan")
    megan = tenant.user("megan")
    megan.methods[:] = [method for method in megan.methods if method["@odata.type"] == PASSWORD]
    await tenant.make(STEP, "megan", plan)
    assert tenant.writes() == []


async def test_a_guest_has_nothing_here(tenant: Tenancy) -> None:
    guest = tenant.sim.world.tenant.find_user("ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com")
    assert guest is not None
    state, reason = settled(await tenant.plan(STEP, guest))
    assert state is State.ALREADY_SO
    assert "home organisation" in reason


async def test_methods_that_cannot_be_read_are_not_called_none(tenant: Tenancy) -> None:
    tenant.sim.world.withdraw("UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All")
    ctx = await tenant.context("megan")
    with pytest.raises(MissingPermission):
        await STEP.plan(ctx)


def test_nothing_is_promised_that_cannot_be_kept() -> None:
    assert isinstance(STEP.undo, NoUndo)
    assert STEP.approval is Rule.SECOND_PERSON


async def test_nothing_is_removed_while_somebody_can_sign_in(tenant: Tenancy) -> None:
    plan = await tenant.plan(STEP, "megan")
    ctx = await tenant.context("megan")
    assert STEP.apply is not None
    with pytest.raises(Conflict) as raised:
        await STEP.apply(ctx, plan.changes[0])
    outcome = STEP.explain(ctx, raised.value)
    assert outcome is not None
    assert outcome.state is State.REFUSED
    assert "Block sign-in first" in outcome.reason
    assert tenant.writes() == []


@pytest.mark.parametrize(("state", "said"), [("disabled", False), ("enabled", True), ("enforced", True)])
async def test_app_passwords_are_left_to_people_where_there_can_be_any(tenant: Tenancy, state: str, said: bool) -> None:
    tenant.user("megan").per_user_mfa = state
    plan = await tenant.plan(STEP, "megan")
    assert any("App passwords" in sentence for sentence in plan.unread) is said
