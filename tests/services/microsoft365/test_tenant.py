"""The areas against the simulated tenant: real msal, the real SDK, real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.errors import (
    AuthBroken,
    Conflict,
    Gone,
    MissingPermission,
    MissingRole,
    OnPremises,
    Throttled,
    UnknownOutcome,
    UpstreamDown,
)
from services.incidents.subjects import recognise
from services.microsoft365 import GRAPH_NEEDS, Microsoft365, Tokens, open_microsoft365
from services.microsoft365.accounts import Account
from services.microsoft365.mailbox import AutomaticReplies
from services.microsoft365.sign_in_methods import in_order_of_removal
from services.secrets import new_password
from services.settings import Settings
from simulator.faults import Fault, Kind, When
from simulator.server import Simulator


def settings_of(sim: Simulator, **changes: object) -> Settings:
    values = {name.removeprefix("IRBOT_").lower(): value for name, value in sim.environment().items()}
    return Settings(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture
async def settings(sim: Simulator) -> Settings:
    return settings_of(sim)


@pytest.fixture
async def tokens(settings: Settings) -> AsyncIterator[Tokens]:
    made = Tokens(settings)
    yield made
    await made.close()


@pytest.fixture
async def m365(settings: Settings, tokens: Tokens) -> AsyncIterator[Microsoft365]:
    opened = await open_microsoft365(settings, tokens)
    yield opened
    await opened.close()


async def the(m365: Microsoft365, name: str) -> Account:
    (account,) = await m365.directory.find_accounts(name if "@" in name else f"{name}@contoso.com")
    return account


@pytest.mark.parametrize(
    "sought",
    [
        "megan@contoso.com",
        "MEGAN@CONTOSO.COM",
        "megan",
        "megan@contoso.onmicrosoft.com",
        "smtp:megan@contoso.com",
        "miriam.o'connor@contoso.com",
        "jose@contoso.com",
        "ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com",
        "ravi@fabrikam.com",
        "invoices@contoso.com",
    ],
)
async def test_a_name_finds_exactly_one_account(m365: Microsoft365, sought: str) -> None:
    (found,) = await m365.directory.find_accounts(sought)
    assert (await m365.directory.find_accounts(found.id)) == (found,)


@pytest.mark.parametrize("sought", ["nobody@contoso.com", "' or 1 eq 1 or userPrincipalName eq '", "%", "*"])
async def test_what_is_nobodys_name_finds_nobody(m365: Microsoft365, sought: str) -> None:
    assert await m365.directory.find_accounts(sought) == ()


async def test_a_slip_of_the_finger_is_near(m365: Microsoft365) -> None:
    assert [account.upn for account in await m365.directory.nearest_accounts("megn@contoso.com", 3)] == [
        "megan@contoso.com"
    ]
    joni = [account.upn for account in await m365.directory.nearest_accounts("joni sherman", 2)]
    assert sorted(joni) == ["joni.sherman2@contoso.com", "joni@contoso.com"]


async def test_an_account_is_locked_and_read_back(sim: Simulator, m365: Microsoft365) -> None:
    megan = await the(m365, "megan")
    password = new_password()
    await m365.directory.block_sign_in(megan.id)
    await m365.directory.revoke_sessions(megan.id)
    await m365.directory.set_password(megan.id, password, change_at_next_sign_in=False)
    after = await m365.directory.account(megan.id)
    assert not after.account_enabled
    assert after.sessions_valid_from is not None
    assert megan.sessions_valid_from is not None
    assert after.sessions_valid_from > megan.sessions_valid_from
    assert sim.world.tenant.user("megan").active_sessions() == []
    assert password.reveal() not in repr([entry.to_json() for entry in sim.world.journal])
    await m365.directory.allow_sign_in(megan.id)
    assert (await m365.directory.account(megan.id)).account_enabled


async def test_the_owner_of_a_role_assignable_group_is_an_administrator(
    sim: Simulator, m365: Microsoft365, settings: Settings
) -> None:
    joni = await the(m365, "joni")
    assert not (await recognise(m365, settings, joni.id))[0].privileged
    sim.world.tenant.group("Exchange Operators").owners.append(joni.id)
    assert (await recognise(m365, settings, joni.id))[0].privileged


async def test_a_synced_account_is_changed_on_premises(m365: Microsoft365) -> None:
    patti = await the(m365, "patti")
    assert patti.synced
    with pytest.raises(OnPremises):
        await m365.directory.block_sign_in(patti.id)
    await m365.directory.revoke_sessions(patti.id)


@pytest.mark.parametrize(
    ("name", "privileged"), [("isaiah", True), ("emergency1", True), ("lee", True), ("megan", False), ("alex", False)]
)
async def test_administrators_are_known(m365: Microsoft365, name: str, privileged: bool) -> None:
    roles = await m365.directory.directory_roles((await the(m365, name)).id)
    assert roles.is_privileged is privileged
    assert roles.eligible is not None


async def test_groups_count_through_groups(m365: Microsoft365, settings: Settings) -> None:
    adele = await the(m365, "adele")
    (approvers,), (responders,) = settings.approver_groups, settings.responder_groups
    assert await m365.directory.groups_of(adele.id, [approvers, responders]) == {approvers}
    people = await m365.directory.people_in(approvers, 50)
    assert {account.upn for account in people.accounts} >= {"adele@contoso.com", "diego@contoso.com"}
    assert people.complete


async def test_without_the_role_an_administrator_is_out_of_reach(sim: Simulator, m365: Microsoft365) -> None:
    sim.world.set_directory_roles()
    isaiah = await the(m365, "isaiah")
    with pytest.raises(MissingRole):
        await m365.directory.block_sign_in(isaiah.id)
    with pytest.raises(MissingRole):
        await m365.directory.set_password((await the(m365, "megan")).id, new_password(), change_at_next_sign_in=True)


async def test_the_organisation_and_its_licences_are_known(m365: Microsoft365) -> None:
    assert (await m365.directory.organization()).default_domain == "contoso.com"
    assert await m365.licences.has_plan("AAD_PREMIUM_P2")
    assert not await m365.licences.has_plan("NO_SUCH_PLAN")


async def test_sign_in_methods_are_removed(m365: Microsoft365) -> None:
    megan = await the(m365, "megan")
    methods = await m365.sign_in_methods.list(megan.id)
    for _ in range(2):  # the default one waits until the others are gone
        for method in in_order_of_removal(await m365.sign_in_methods.list(megan.id)):
            try:
                await m365.sign_in_methods.remove(megan.id, method)
            except Conflict as error:
                assert error.data["reason"] == "default-sign-in-method"  # noqa: PT017
    assert len(methods) > 1
    assert [method.is_password for method in await m365.sign_in_methods.list(megan.id)] == [True]


async def test_a_method_removed_twice_is_gone(m365: Microsoft365) -> None:
    megan = await the(m365, "megan")
    method = in_order_of_removal(await m365.sign_in_methods.list(megan.id))[0]
    try:
        await m365.sign_in_methods.remove(megan.id, method)
    except Conflict:
        pytest.skip("the only method is the default one")
    with pytest.raises(Gone):
        await m365.sign_in_methods.remove(megan.id, method)


# What each function of an area needs -------------------------------------------------------------------------------

Call = Callable[[Microsoft365, Account, Settings], Awaitable[object]]
SINCE = datetime.now(UTC) - timedelta(days=5)
NOW = datetime.now(UTC)
# How each function is called that the tenant can serve from its first day, by its name in the table of needs.
CALLS: dict[str, Call] = {
    "alerts.about": lambda m, a, s: m.alerts.about(a, SINCE),
    "audit.changes_by": lambda m, a, s: m.audit.changes_by(a.id, SINCE, 10),
    "audit.changes_of": lambda m, a, s: m.audit.changes_of(a.id, SINCE, 10),
    "audit.find": lambda m, a, s: m.audit.find("IR-1"),
    "audit.submit": lambda m, a, s: m.audit.submit("IR-1", SINCE, NOW, upns=[a.upn], operations=["New-InboxRule"]),
    "consents.assignments_of": lambda m, a, s: m.consents.assignments_of(a.id),
    "consents.grants_of": lambda m, a, s: m.consents.grants_of(a.id),
    "devices.managed_of": lambda m, a, s: m.devices.managed_of(a.id),
    "devices.of_account": lambda m, a, s: m.devices.of_account(a.id),
    "directory.account": lambda m, a, s: m.directory.account(a.id),
    "directory.allow_sign_in": lambda m, a, s: m.directory.allow_sign_in(a.id),
    "directory.app_roles_of": lambda m, a, s: m.directory.app_roles_of(a.id),
    "directory.block_sign_in": lambda m, a, s: m.directory.block_sign_in(a.id),
    "directory.directory_roles": lambda m, a, s: m.directory.directory_roles(a.id),
    "directory.find_accounts": lambda m, a, s: m.directory.find_accounts(a.upn),
    "directory.groups_of": lambda m, a, s: m.directory.groups_of(a.id, s.approver_groups),
    "directory.nearest_accounts": lambda m, a, s: m.directory.nearest_accounts("meg", 3),
    "directory.organization": lambda m, a, s: m.directory.organization(),
    "directory.people_in": lambda m, a, s: m.directory.people_in(s.approver_groups[0], 9),
    "directory.revoke_sessions": lambda m, a, s: m.directory.revoke_sessions(a.id),
    "directory.set_password": lambda m, a, s: m.directory.set_password(
        a.id, new_password(), change_at_next_sign_in=True
    ),
    "licences.of_account": lambda m, a, s: m.licences.of_account(a.id),
    "licences.of_tenant": lambda m, a, s: m.licences.of_tenant(),
    "mail_flow.received_by": lambda m, a, s: m.mail_flow.received_by(a.upn, SINCE, NOW, 10),
    "mail_flow.sent_by": lambda m, a, s: m.mail_flow.sent_by(a.upn, SINCE, NOW, 10),
    "mailbox.inbox_rules": lambda m, a, s: m.mailbox.inbox_rules(a.id),
    "mailbox.set_automatic_replies": lambda m, a, s: m.mailbox.set_automatic_replies(
        a.id, AutomaticReplies("disabled", "none", "", "")
    ),
    "mailbox.settings": lambda m, a, s: m.mailbox.settings(a.id),
    "messages.in_folder": lambda m, a, s: m.messages.in_folder(a.id, "sentitems", SINCE, 10),
    "messages.search": lambda m, a, s: m.messages.search(a.id, ["invoice"], 10),
    "messages.send": lambda m, a, s: m.messages.send(a.id, [a.upn], "Hello", "<p>x</p>", mark="k-1"),
    "messages.lying_in": lambda m, a, s: m.messages.lying_in(a.id, ["<1@contoso.com>"]),
    "messages.reports": lambda m, a, s: m.messages.reports(a.id, SINCE, 10),
    "messages.sent_marks": lambda m, a, s: m.messages.sent_marks(a.id, SINCE, NOW, 10),
    "on_premises.account": lambda m, a, s: m.on_premises.account("S-1-5-21-1-2-3-4"),
    "policies.access_policies": lambda m, a, s: m.policies.access_policies(),
    "policies.security_defaults": lambda m, a, s: m.policies.security_defaults(),
    "policies.set_per_user_mfa": lambda m, a, s: m.policies.set_per_user_mfa(a.id, "enforced"),
    "policies.users_may_consent": lambda m, a, s: m.policies.users_may_consent(),
    "risk.confirm_compromised": lambda m, a, s: m.risk.confirm_compromised(a.id),
    "risk.detections": lambda m, a, s: m.risk.detections(a.id, SINCE, 10),
    "risk.dismiss": lambda m, a, s: m.risk.dismiss(a.id),
    "risk.of_account": lambda m, a, s: m.risk.of_account(a.id),
    "scores.latest": lambda m, a, s: m.scores.latest(),
    "scores.recommendations": lambda m, a, s: m.scores.recommendations(5),
    "sign_in_methods.create_pass": lambda m, a, s: m.sign_in_methods.create_pass(a.id, minutes=60, usable_once=True),
    "sign_in_methods.list": lambda m, a, s: m.sign_in_methods.list(a.id),
    "sign_in_methods.per_user_mfa": lambda m, a, s: m.sign_in_methods.per_user_mfa(a.id),
    "sign_in_methods.registration": lambda m, a, s: m.sign_in_methods.registration(a.id),
    "sign_ins.from_address": lambda m, a, s: m.sign_ins.from_address("203.0.113.7", SINCE, 10),
    "sign_ins.interactive": lambda m, a, s: m.sign_ins.interactive(a.id, SINCE, 10),
    "sign_ins.with_tokens": lambda m, a, s: m.sign_ins.with_tokens(a.id, SINCE, 10),
    "teams_apps.catalogue_id": lambda m, a, s: m.teams_apps.catalogue_id("00000000-0000-0000-0000-000000000001"),
    "teams_apps.installation": lambda m, a, s: m.teams_apps.installation(a.id, "00000000-0000-0000-0000-000000000001"),
}


def grant_exactly(sim: Simulator, permissions: Iterable[str]) -> None:
    sim.world.bot.permissions.clear()
    sim.world.bot.permissions.update(permissions)
    sim.world.tokens.expire_all()


@pytest.mark.parametrize("name", CALLS)
async def test_the_declared_permissions_are_enough_and_a_missing_one_is_named(
    sim: Simulator, m365: Microsoft365, settings: Settings, name: str
) -> None:
    needs, call = GRAPH_NEEDS[name], CALLS[name]
    megan = await the(m365, "megan")
    grant_exactly(sim, needs)
    await call(m365, megan, settings)
    grant_exactly(sim, ())
    with pytest.raises(MissingPermission) as caught:
        await call(m365, megan, settings)
    named = caught.value.data["permissions"]
    assert isinstance(named, list)
    assert named
    assert set(named) <= set(needs)


@pytest.mark.parametrize("name", [name for name in CALLS if len(GRAPH_NEEDS[name]) > 1])
async def test_one_missing_permission_is_the_one_that_is_named(
    sim: Simulator, m365: Microsoft365, settings: Settings, name: str
) -> None:
    """Some permissions stand in for each other: where the call works without one, nothing is to be said."""
    megan = await the(m365, "megan")
    told: dict[str, list[str]] = {}
    for missing in GRAPH_NEEDS[name]:
        grant_exactly(sim, set(GRAPH_NEEDS[name]) - {missing})
        try:
            answer = await CALLS[name](m365, megan, settings)
            if getattr(answer, "eligible_reason", None) is not None:
                told[missing] = ["RoleEligibilitySchedule.Read.Directory"]
        except MissingPermission as error:
            named = error.data["permissions"]
            assert isinstance(named, list)
            told[missing] = named
    assert told == {missing: [missing] for missing in told}


# When the tenant is not well ---------------------------------------------------------------------------------------


async def test_a_refused_token_is_renewed_without_anybody_noticing(sim: Simulator, m365: Microsoft365) -> None:
    megan = await the(m365, "megan")
    sim.world.tokens.expire_all()
    assert (await m365.directory.account(megan.id)).id == megan.id


@pytest.mark.parametrize(
    "fault",
    [
        Fault(service="graph", kind=Kind.HTML502),
        Fault(service="graph", status=503, retry_after=0),
        Fault(service="graph", status=429, code="TooManyRequests", retry_after=0),
        Fault(service="graph", kind=Kind.DROP),
    ],
    ids=["an HTML page", "unavailable", "throttled", "a dropped line"],
)
async def test_a_read_outlives_a_moment_of_trouble(sim: Simulator, m365: Microsoft365, fault: Fault) -> None:
    megan = await the(m365, "megan")
    sim.world.faults.add(fault)
    assert (await m365.directory.account(megan.id)).id == megan.id


async def test_a_line_that_breaks_after_the_effect_leaves_the_outcome_unknown(
    sim: Simulator, m365: Microsoft365
) -> None:
    megan = await the(m365, "megan")
    sim.world.faults.add(Fault(service="graph", method="PATCH", kind=Kind.DROP, when=When.AFTER))
    with pytest.raises(UnknownOutcome):
        await m365.directory.block_sign_in(megan.id)
    assert not (await m365.directory.account(megan.id)).account_enabled


@pytest.mark.parametrize(("verb", "expected"), [("account", UpstreamDown), ("block_sign_in", UnknownOutcome)])
async def test_a_service_that_hangs_is_given_up(
    sim: Simulator, tokens: Tokens, verb: str, expected: type[Exception]
) -> None:
    patient = settings_of(sim, call_timeout_seconds=0.2)
    m365 = await open_microsoft365(patient, tokens)
    megan = sim.world.tenant.user("megan")
    sim.world.faults.add(Fault(service="graph", kind=Kind.HANG, times=None))
    call = asyncio.create_task(getattr(m365.directory, verb)(megan.id))
    _, late = await asyncio.wait({call}, timeout=4 if expected is UpstreamDown else 60)
    if late:  # a read is tried again for a while: enough of it is seen when the first tries have been given up
        call.cancel()
        assert expected is UpstreamDown
        assert len(sim.world.journal.entries(service="graph")) > 1
    else:
        assert isinstance(call.exception(), expected)
    await m365.close()


async def test_a_tenant_that_throttles_for_long_is_left_in_peace(sim: Simulator, m365: Microsoft365) -> None:
    megan = await the(m365, "megan")
    sim.world.faults.add(Fault(service="graph", status=429, code="TooManyRequests", retry_after=600, times=None))
    with pytest.raises(Throttled) as caught:
        await m365.directory.account(megan.id)
    assert caught.value.retry_after == 600


async def test_a_wrong_secret_is_said_to_be(sim: Simulator) -> None:
    tokens = Tokens(settings_of(sim, app_secret="not-the-secret"))
    with pytest.raises(AuthBroken) as caught:
        await tokens.token("https://graph.microsoft.com/.default")
    assert str(caught.value.data["aadsts"]).startswith("AADSTS")
    assert "not-the-secret" not in repr(caught.value)
    await tokens.close()


async def test_a_certificate_works_as_well(sim: Simulator) -> None:
    values: dict[str, Any] = {
        name.removeprefix("IRBOT_").lower(): value for name, value in sim.environment(certificate=True).items()
    }
    tokens = Tokens(Settings(**values))
    assert await tokens.token("https://graph.microsoft.com/.default")
    await tokens.close()
