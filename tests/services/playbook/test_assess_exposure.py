from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.errors import Gone, MissingPermission
from services.playbook.assess_exposure import STEP, masked
from services.playbook.planner import outcome_of
from services.playbook.step import Severity
from tests.services.playbook.tenancy import Tenancy, settled, tenancy

SECRETS = ("GB33", "Winter2026", "533380006", "supplier portal", "refund")


@pytest.fixture
async def tenant() -> AsyncIterator[Tenancy]:
    async with tenancy() as made:
        yield made


def mail(tenant: Tenancy, subject: str, body: str, who: str = "grady") -> None:
    user = tenant.user(who)
    at = tenant.sim.world.clock.now() - timedelta(days=3)
    tenant.sim.world.tenant.records.add_message(
        user, at, subject=subject, sender="a@fabrikam.com", to=(user.upn,), body=body
    )


async def test_each_kind_is_counted_and_nothing_of_it_is_shown(tenant: Tenancy) -> None:
    tenant.tell("clean")
    plan = await tenant.plan(STEP, "jose")
    assert {finding.key: finding.data["count"] for finding in plan.findings} == {
        "payment": 1,
        "password": 1,
        "identity": 1,
    }
    assert {finding.severity for finding in plan.findings} == {Severity.NOTE}
    kept = json.dumps([plan.evidence, [[f.title, f.reasons, f.data] for f in plan.findings]], default=str)
    assert not [secret for secret in SECRETS if secret in kept]


async def test_other_languages_count_too(tenant: Tenancy) -> None:
    mail(tenant, "Unterlagen", "Anbei Gehaltsabrechnung und Personalausweis.")
    mail(tenant, "Данные", "Ваш пароль внутри.")
    plan = await tenant.plan(STEP, "grady")
    assert {finding.key for finding in plan.findings} == {"identity", "password", "personal"}


async def test_an_ordinary_mailbox_has_nothing_of_it_and_files_are_not_claimed(tenant: Tenancy) -> None:
    mail(tenant, "Lunch", "See you at noon.")
    plan = await tenant.plan(STEP, "grady")
    assert plan.findings == ()
    assert "nothing of that kind" in settled(plan)[1]
    assert "files were not searched" in settled(plan)[1]


async def test_more_than_is_counted_is_said(tenant: Tenancy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.playbook.assess_exposure._MOST", 3)
    for number in range(6):
        mail(tenant, f"Statement {number}", "Your IBAN.")
    (found,) = (await tenant.plan(STEP, "grady")).findings
    assert found.title.startswith("More than 3 messages")
    assert found.data["complete"] is False


async def test_four_searches_are_all_it_takes(tenant: Tenancy) -> None:
    ctx = await tenant.context("grady")
    tenant.sim.world.journal.clear()
    await STEP.plan(ctx)
    assert len(tenant.sim.world.journal.entries(service="graph")) == 4


async def test_the_missing_permission_is_named(tenant: Tenancy) -> None:
    for name in ("Mail.Read", "Mail.ReadWrite"):
        tenant.sim.world.withdraw(name)
    ctx = await tenant.context("grady")
    with pytest.raises(MissingPermission) as caught:
        await STEP.plan(ctx)
    assert "Mail.Read" in outcome_of(STEP, ctx, caught.value, reading=True).reason


async def test_an_account_without_a_mailbox_is_not_called_clean(tenant: Tenancy) -> None:
    ctx = await tenant.context("ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com")
    with pytest.raises(Gone) as caught:
        await STEP.plan(ctx)
    outcome = outcome_of(STEP, ctx, caught.value, reading=True)
    assert outcome.state.value == "not-evaluated"
    assert "no mailbox" in outcome.reason


def test_a_masked_subject_keeps_first_letters_and_no_number() -> None:
    assert masked("IBAN GB33BUKB for you") == "I••• ••• f••• y•••"
    assert masked("") == ""
    assert len(masked("word " * 100)) < 50
