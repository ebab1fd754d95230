from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.playbook.review_activity import STEP
from services.playbook.step import Finding, Plan, Severity
from simulator.config import SimulatorConfig
from simulator.exchange import exchange_of
from simulator.exchange.audit_log import log
from simulator.ids import guid
from simulator.stories import Told
from tests.services.playbook.tenancy import Tenancy, settled, tenancy


@pytest.fixture
async def tenant() -> AsyncIterator[Tenancy]:
    async with tenancy() as made:
        yield made


async def look(tenant: Tenancy, told: Told) -> Plan:
    return await tenant.plan(STEP, tenant.sim.world.tenant.users[told.account_id])


def loud(plan: Plan) -> list[Finding]:
    return [finding for finding in plan.findings if finding.severity is not Severity.NOTE]


def find(plan: Plan, key: str) -> Finding:
    (found,) = [finding for finding in plan.findings if finding.key.startswith(key)]
    return found


def record(tenant: Tenancy, number: int, operation: str, ago: timedelta, ip: str = "192.0.2.1", **data: Any) -> None:
    exchange = exchange_of(tenant.sim.world)
    log(
        exchange,
        tenant.sim.world.clock.now() - ago,
        operation,
        record_id=guid(7, f"record-{operation}-{number}"),
        upn="grady@contoso.com",
        record_type="ExchangeItem",
        workload="Exchange",
        ip_address=ip,
        delay=timedelta(0),
        **data,
    )


async def test_a_rule_that_was_removed_again_is_remembered(tenant: Tenancy) -> None:
    plan = await look(tenant, tenant.tell("invoice-fraud"))
    rule = find(plan, "rule:inv")
    assert rule.severity is Severity.WARNING
    assert "made and removed again" in rule.title
    assert {"It deleted mail", "It was there for 6 hours"} <= set(rule.reasons)
    assert rule.data["removed"] is True


async def test_what_was_read_sought_and_taken_is_told_by_address(tenant: Tenancy) -> None:
    plan = await look(tenant, tenant.tell("token-replay"))
    assert find(plan, "downloads:203.0.113.90").data["count"] == 40
    assert find(plan, "mail-read:203.0.113.90").data["count"] == 120
    assert find(plan, "searches:203.0.113.90").data["searches"] == ["password", "settlement", "confidential"]
    assert {finding.severity for finding in loud(plan)} == {Severity.ALARM}


async def test_an_app_that_reads_mail_is_named_as_an_app(tenant: Tenancy) -> None:
    plan = await look(tenant, tenant.tell("consent-phishing"))
    read = find(plan, "mail-read:")
    assert "By an app, not by a person" in read.reasons
    assert read.data["app_ids"]


async def test_files_and_links_of_a_guest(tenant: Tenancy) -> None:
    plan = await look(tenant, tenant.tell("guest"))
    assert find(plan, "downloads:").severity is Severity.ALARM
    assert any("Whoever has the link" in reason for reason in find(plan, "links:").reasons)
    assert find(plan, "opened:").severity is Severity.NOTE


async def test_an_ordinary_person_raises_nothing(tenant: Tenancy) -> None:
    plan = await look(tenant, tenant.tell("clean"))
    assert loud(plan) == []
    assert settled(plan)[0].value == "done"


async def test_records_that_come_late_are_found_when_one_looks_again(tenant: Tenancy) -> None:
    told = tenant.tell("mass-phishing")
    early = await look(tenant, told)
    assert [finding.key for finding in loud(early)] == []
    assert "look again" in settled(early)[1]
    tenant.sim.world.clock.advance(2 * 3600)
    again = replace(await tenant.context(tenant.sim.world.tenant.users[told.account_id]), round="second")
    deleted = find(await STEP.plan(again), "deleted:")
    assert deleted.severity is Severity.ALARM
    assert deleted.data["for_good"] == 20


async def test_the_time_of_the_question_is_said(tenant: Tenancy) -> None:
    assert "As of " in settled(await tenant.plan(STEP, "grady"))[1]
    assert " UTC" in settled(await tenant.plan(STEP, "grady"))[1]


async def test_bulk_stands_out_from_the_persons_own_place_too(tenant: Tenancy) -> None:
    for number in range(30):
        record(tenant, number, "FileDownloaded", timedelta(minutes=30 - number / 2), SourceFileName=f"{number}.docx")
        record(tenant, number, "HardDelete", timedelta(minutes=30, seconds=number), AffectedItems=[{"Subject": "Hi"}])
    plan = await tenant.plan(STEP, "grady")
    assert {finding.key.partition(":")[0] for finding in loud(plan)} == {"downloads", "deleted"}


async def test_slow_deletes_and_downloads_are_everyday_life(tenant: Tenancy) -> None:
    for number in range(40):
        record(tenant, number, "FileDownloaded", timedelta(hours=5 * number), SourceFileName=f"{number}.docx")
        record(tenant, number, "HardDelete", timedelta(hours=5 * number), AffectedItems=[{"Subject": "Hi"}])
    assert loud(await tenant.plan(STEP, "grady")) == []


async def test_odd_records_break_nothing(tenant: Tenancy) -> None:
    record(tenant, 1, "New-InboxRule", timedelta(hours=1), ip="", Parameters="no list")
    record(tenant, 2, "Set-Mailbox", timedelta(hours=1), ip="[2001:db8::7]:4431", Parameters=[1, {"Name": None}])
    record(tenant, 3, "HardDelete", timedelta(hours=1), AffectedItems={"Subject": "x"})
    record(tenant, 4, "MailItemsAccessed", timedelta(hours=1), OperationCount="many", OperationProperties=7)
    plan = await tenant.plan(STEP, "grady")
    assert settled(plan)[0].value == "done"
    assert find(plan, "rule:").title == "Inbox rule “(no name)” was made or changed"


async def test_a_search_that_is_still_running_is_not_evaluated() -> None:
    async with tenancy(SimulatorConfig(audit_query_seconds=3600)) as tenant:
        tenant.settings = tenant.settings.model_copy(update={"check_timeout_seconds": 0.1})
        state, reason = settled(await tenant.plan(STEP, "grady"))
        assert state.value == "not-evaluated"
        assert "still searching" in reason


async def test_a_log_that_is_switched_off_is_never_clean(tenant: Tenancy) -> None:
    exchange_of(tenant.sim.world).organisation.audit_config["UnifiedAuditLogIngestionEnabled"] = False
    state, reason = settled(await tenant.plan(STEP, "grady"))
    assert state.value == "not-evaluated"
    assert "switched off" in reason


async def test_without_the_sign_in_log_it_is_not_known_whose_deeds_they_are(tenant: Tenancy) -> None:
    told = tenant.tell("guest")
    tenant.sim.world.withdraw("AuditLog.Read.All")
    plan = await look(tenant, told)
    assert settled(plan)[0].value == "not-evaluated"
    assert find(plan, "downloads:").severity is Severity.WARNING


async def test_more_records_than_were_read_are_not_evaluated(tenant: Tenancy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.playbook.audit_trail._MOST_RECORDS", 10)
    plan = await look(tenant, tenant.tell("guest"))
    assert settled(plan)[0].value == "not-evaluated"
    assert "more records" in settled(plan)[1]
