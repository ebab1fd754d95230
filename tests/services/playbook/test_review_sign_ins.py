from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from services.errors import MissingPermission
from services.playbook.review_sign_ins import STEP
from services.playbook.sign_in_score import judgement_of
from services.playbook.step import Finding, Plan, Severity
from simulator.config import SimulatorConfig
from simulator.faults import Fault
from simulator.stories import STORIES, Told
from simulator.tenant import User
from tests.services.playbook.tenancy import Tenancy, settled, tenancy

LOUD = (Severity.WARNING, Severity.ALARM)
INTRUDERS = {
    "consent-phishing": Severity.WARNING,
    "global-administrator": Severity.ALARM,
    "guest": Severity.ALARM,
    "invoice-fraud": Severity.WARNING,
    "mass-phishing": Severity.ALARM,
    "method-and-device": Severity.ALARM,
    "shared-mailbox": Severity.ALARM,
    "synced-account": Severity.ALARM,
    "token-replay": Severity.ALARM,
}


@pytest.fixture
async def tenant() -> AsyncIterator[Tenancy]:
    async with tenancy() as made:
        yield made


async def look(tenant: Tenancy, told: Told) -> Plan:
    return await tenant.plan(STEP, tenant.sim.world.tenant.users[told.account_id])


def loud(plan: Plan) -> list[Finding]:
    return [finding for finding in plan.findings if finding.severity in LOUD]


def place(plan: Plan, ip: str) -> Finding:
    (found,) = [each for each in plan.findings if each.key == f"address:{ip}"]
    return found


def sign_in(tenant: Tenancy, user: User, ago: timedelta, **more: Any) -> None:
    """A line of the log, from the user's own managed laptop unless said otherwise."""
    managed = {"deviceId": "d-1", "displayName": "LAPTOP", "operatingSystem": "Windows11", "browser": "Edge 142.0"}
    detail = more.pop("device", managed | {"isManaged": True, "isCompliant": True})
    known = {"deviceDetail": detail}
    world = tenant.sim.world
    world.tenant.records.add_sign_in(user, world.clock.now() - ago, **(known | more))


STRANGE = {"deviceId": "", "displayName": "", "operatingSystem": "Linux", "browser": "Chrome 118.0"}


@pytest.mark.parametrize("story", INTRUDERS)
async def test_the_intruders_address_is_found_and_no_other(tenant: Tenancy, story: str) -> None:
    told = tenant.tell(story)
    plan = await look(tenant, told)
    ip = STORIES[story].intruder.ip
    assert place(plan, ip).severity is INTRUDERS[story]
    assert ip in place(plan, ip).data["addresses"]
    assert {ip} == {each.key.partition(":")[2] for each in loud(plan) if each.key.startswith("address:")}


async def test_a_journey_a_vpn_and_typing_errors_are_notes(tenant: Tenancy) -> None:
    plan = await look(tenant, tenant.tell("clean"))
    assert loud(plan) == []
    assert {finding.data["place"] for finding in plan.findings} == {"Lisbon, PT", "Amsterdam, NL"}
    reasons = " ".join(reason for finding in plan.findings for reason in finding.reasons)
    assert "own managed device" in reasons
    assert "your organisation trusts" in reasons


async def test_a_stolen_token_is_told_by_what_it_says_of_its_device(tenant: Tenancy) -> None:
    plan = await look(tenant, tenant.tell("token-replay"))
    found = place(plan, "203.0.113.90")
    assert "tokens were used" in found.title
    for words in ("nobody signed in by hand", "runs Linux", "nobody travels that fast", "behaves oddly"):
        assert any(words in reason for reason in found.reasons), words
    assert "password" not in {finding.key for finding in plan.findings}


async def test_colleagues_from_the_same_address_are_named_each(tenant: Tenancy) -> None:
    plan = await look(tenant, tenant.tell("synced-account"))
    joni = tenant.user("joni")
    (other,) = [finding for finding in plan.findings if finding.key.startswith("other:")]
    assert (other.severity, other.data["account_id"], other.data["upn"]) == (Severity.WARNING, joni.id, joni.upn)
    (tried,) = [finding for finding in plan.findings if finding.key == "others-tried"]
    assert tried.severity is Severity.WARNING
    assert len(tried.data["upns"]) > 5


async def test_whoever_signed_in_by_hand_knows_the_password(tenant: Tenancy) -> None:
    plan = await look(tenant, tenant.tell("shared-mailbox"))
    (password,) = [finding for finding in plan.findings if finding.key == "password"]
    assert password.severity is Severity.ALARM
    assert password.data["upn"] == "reception@contoso.com"
    assert any("IMAP4" in reason for reason in place(plan, "203.0.113.77").reasons)


async def test_many_wrong_passwords_that_led_to_nothing_are_a_warning(tenant: Tenancy) -> None:
    user = tenant.user("megan")
    for number in range(8):
        sign_in(tenant, user, timedelta(hours=5 - number / 10), ip_address="203.0.113.5", device=STRANGE, error=50126)
    found = place(await tenant.plan(STEP, "megan"), "203.0.113.5")
    assert found.severity is Severity.WARNING
    assert found.title.startswith("Tried to sign in")
    assert found.data["got_in"] is False


async def test_a_new_place_in_the_same_country_on_the_managed_device_is_a_note(tenant: Tenancy) -> None:
    user = tenant.user("grady")
    for day in range(2, 9):
        sign_in(tenant, user, timedelta(days=day))
    sign_in(tenant, user, timedelta(hours=3), ip_address="198.51.100.9", place=("Spokane", "US"))
    assert loud(await tenant.plan(STEP, "grady")) == []


async def test_without_the_licence_the_audit_log_stands_in_and_the_licence_is_named() -> None:
    async with tenancy(SimulatorConfig(licences=("O365_BUSINESS_ESSENTIALS",))) as tenant:
        plan = await look(tenant, tenant.tell("invoice-fraud"))
        assert settled(plan)[0].value == "not-evaluated"
        assert "Microsoft Entra ID P1" in settled(plan)[1]
        (found,) = plan.findings
        assert found.data["addresses"] == ["203.0.113.61"]


async def test_without_identity_protection_the_rest_is_judged_and_it_says_so() -> None:
    async with tenancy(SimulatorConfig(licences=("SPE_E3",))) as tenant:
        plan = await look(tenant, tenant.tell("mass-phishing"))
        assert "Risk could not be read" in settled(plan)[1]
        assert place(plan, "203.0.113.7").severity is Severity.ALARM


async def test_the_missing_permission_is_named(tenant: Tenancy) -> None:
    tenant.sim.world.withdraw("AuditLog.Read.All")
    with pytest.raises(MissingPermission) as caught:
        await tenant.plan(STEP, "megan")
    assert caught.value.data["permissions"] == ["AuditLog.Read.All"]


async def test_a_log_longer_than_what_was_read_is_not_evaluated(
    tenant: Tenancy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.playbook.sign_in_history._MOST", 5)
    plan = await look(tenant, tenant.tell("mass-phishing"))
    assert settled(plan)[0].value == "not-evaluated"


async def test_colleagues_who_could_not_be_looked_for_are_not_taken_for_clean(tenant: Tenancy) -> None:
    told = tenant.tell("mass-phishing")
    ctx = await tenant.context(tenant.sim.world.tenant.users[told.account_id])
    await judgement_of(ctx)
    tenant.sim.world.faults.add(Fault(service="graph", path="/auditLogs/signIns", status=403, times=10))
    plan = await STEP.plan(ctx)
    assert settled(plan)[0].value == "not-evaluated"
    assert "Other users" in settled(plan)[1]
    assert loud(plan)


async def test_few_calls_of_the_small_budget_are_made(tenant: Tenancy) -> None:
    told = tenant.tell("synced-account")
    tenant.sim.world.journal.clear()
    await look(tenant, told)
    asked = [entry for entry in tenant.sim.world.journal.entries(service="graph") if "signIns" in entry.path]
    assert len(asked) <= 5
