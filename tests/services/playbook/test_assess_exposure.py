from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.errors import MissingPermission
from services.playbook.assess_exposure import STEP, masked
from services.playbook.planner import outcome_of
from services.playbook.step import Severity, State
from simulator.config import SimulatorConfig
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


async def test_an_ordinary_mailbox_has_nothing_of_it_and_an_account_without_files_has_none(tenant: Tenancy) -> None:
    mail(tenant, "Lunch", "See you at noon.")
    plan = await tenant.plan(STEP, "grady")
    assert plan.findings == ()
    assert "nothing of that kind" in settled(plan)[1]
    assert "no files of its own" in settled(plan)[1]


async def test_more_than_is_counted_is_said(tenant: Tenancy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.playbook.assess_exposure._MOST", 3)
    for number in range(6):
        mail(tenant, f"Statement {number}", "Your IBAN.")
    (found,) = (await tenant.plan(STEP, "grady")).findings
    assert found.title.startswith("More than 3 messages")
    assert found.data["complete"] is False


async def test_files_are_counted_once_and_their_names_masked(tenant: Tenancy) -> None:
    grady, at = tenant.user("grady"), tenant.sim.world.clock.now()
    add = tenant.sim.world.tenant.records.add_file
    add(grady, at - timedelta(days=400), "Passwords 2026.xlsx", "VPN password Winter2026")
    add(grady, at - timedelta(days=9), "Kunde Meier.docx", "Bankverbindung: DE89, IBAN DE89")
    add(grady, at, "Lunch.docx", "Soup")
    plan = await tenant.plan(STEP, "grady")
    assert {finding.key: finding.data["count"] for finding in plan.findings} == {
        "files:payment": 1,
        "files:password": 1,
    }
    assert settled(plan)[0] is State.DONE
    kept = json.dumps([plan.evidence, [[f.title, f.reasons, f.data] for f in plan.findings]], default=str)
    assert not [secret for secret in ("Winter2026", "2026.xlsx", "Meier", "DE89") if secret in kept]


async def test_files_that_may_not_be_searched_are_not_called_clean(tenant: Tenancy) -> None:
    tenant.sim.world.withdraw("Files.Read.All")
    state, reason = settled(await tenant.plan(STEP, "grady"))
    assert state is State.NOT_EVALUATED
    assert "Files.Read.All" in reason
    assert "In the mailbox" in reason


async def test_a_tenant_without_sharepoint_is_told_so() -> None:
    async with tenancy(SimulatorConfig(sharepoint=False)) as poor:
        state, reason = settled(await poor.plan(STEP, "grady"))
        assert state is State.NOT_EVALUATED
        assert "SharePoint" in reason


async def test_four_searches_of_mail_and_sixteen_of_files_are_all_it_takes(tenant: Tenancy) -> None:
    tenant.sim.world.tenant.records.add_file(tenant.user("grady"), tenant.sim.world.clock.now(), "Lunch.docx")
    ctx = await tenant.context("grady")
    tenant.sim.world.journal.clear()
    await STEP.plan(ctx)
    assert len(tenant.sim.world.journal.entries(service="graph")) == 4 + 1 + 16


async def test_the_missing_permission_is_named(tenant: Tenancy) -> None:
    for name in ("Mail.Read", "Mail.ReadWrite"):
        tenant.sim.world.withdraw(name)
    state, reason = settled(await tenant.plan(STEP, "grady"))
    assert state is State.NOT_EVALUATED
    assert "Mail.Read" in reason


async def test_with_neither_readable_the_first_refusal_is_the_reason(tenant: Tenancy) -> None:
    for name in ("Mail.Read", "Mail.ReadWrite", "Files.Read.All"):
        tenant.sim.world.withdraw(name)
    ctx = await tenant.context("grady")
    with pytest.raises(MissingPermission) as caught:
        await STEP.plan(ctx)
    assert "Mail.Read" in outcome_of(STEP, ctx, caught.value, reading=True).reason


async def test_an_account_without_a_mailbox_is_not_called_clean(tenant: Tenancy) -> None:
    state, reason = settled(await tenant.plan(STEP, "ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com"))
    assert state is State.NOT_EVALUATED
    assert "no mailbox" in reason


def test_a_masked_subject_keeps_first_letters_and_no_number() -> None:
    assert masked("IBAN GB33BUKB for you") == "I••• ••• f••• y•••"
    assert masked("") == ""
    assert len(masked("word " * 100)) < 50
