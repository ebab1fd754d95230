from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest

from services.errors import MissingPermission
from services.playbook.step import Severity
from services.playbook.trace_sent_mail import STEP
from simulator.config import SimulatorConfig
from simulator.exchange import exchange_of
from simulator.exchange.state import TracedMessage
from simulator.people import MESSAGE_TRACE_APP_ID
from tests.services.playbook.tenancy import Tenancy, settled, tenancy

GRAPH_TRACE = "ExchangeMessageTrace.Read.All"
SUBJECT = "Contoso shared a document with you: Q4 payment overview"


@pytest.fixture
async def tenant() -> AsyncIterator[Tenancy]:
    async with tenancy() as made:
        yield made


def send(
    tenant: Tenancy,
    subject: str,
    recipients: list[str],
    *,
    sender: str = "grady@contoso.com",
    ago: timedelta = timedelta(hours=5),
    apart: timedelta = timedelta(seconds=1),
    status: str = "Delivered",
) -> None:
    world = tenant.sim.world
    for number, recipient in enumerate(recipients):
        at = world.clock.now() - ago + number * apart
        message = TracedMessage(
            uuid4(), f"<{uuid4()}@contoso.com>", at, sender, recipient, subject, status=status, from_ip="192.0.2.1"
        )
        exchange_of(world).organisation.traced.append(message)


def outside(count: int) -> list[str]:
    return [f"customer{number}@fabrikam.com" for number in range(count)]


async def test_phishing_is_an_alarm_and_brings_its_recipients(tenant: Tenancy) -> None:
    tenant.tell("mass-phishing")
    plan = await tenant.plan(STEP, "megan")
    (found,) = [each for each in plan.findings if each.severity is not Severity.NOTE]
    assert found.severity is Severity.ALARM
    assert (found.data["inside"], found.data["outside"]) == (40, 180)
    assert len(found.data["recipients"]) == len(set(found.data["recipients"])) == 220
    assert SUBJECT in found.title
    assert "40 inside and 180 outside your organisation" in found.reasons
    assert found.data["message_ids"]


async def test_one_false_invoice_is_told_by_where_it_was_sent_from(tenant: Tenancy) -> None:
    tenant.tell("invoice-fraud")
    plan = await tenant.plan(STEP, "lee")
    (found,) = plan.findings
    assert found.severity is Severity.WARNING
    assert found.data["recipients"] == ["accounts@fabrikam.com", "anna@fabrikam.com"]
    assert any("Chicago" in reason for reason in found.reasons)


async def test_an_invitation_to_many_colleagues_is_a_note(tenant: Tenancy) -> None:
    tenant.tell("clean")
    (found,) = (await tenant.plan(STEP, "jose")).findings
    assert found.severity is Severity.NOTE
    assert (found.data["inside"], found.data["outside"]) == (30, 0)


async def test_a_burst_to_strangers_is_a_warning_and_the_same_over_a_day_is_not(tenant: Tenancy) -> None:
    send(tenant, "News", outside(30))
    send(tenant, "Offer", outside(30), ago=timedelta(days=2), apart=timedelta(minutes=30))
    plan = await tenant.plan(STEP, "grady")
    assert [(each.data["subject"], each.severity) for each in plan.findings] == [("News", Severity.WARNING)]


async def test_answers_belong_to_their_subject_and_one_recipient_counts_once(tenant: Tenancy) -> None:
    send(tenant, "News", outside(20))
    send(tenant, "RE: AW: news", outside(25))
    (found,) = (await tenant.plan(STEP, "grady")).findings
    assert len(found.data["recipients"]) == 25


async def test_mail_from_a_second_address_counts(tenant: Tenancy) -> None:
    second = "grady.archie@contoso.com"
    tenant.user("grady").properties["proxyAddresses"] = ["SMTP:grady@contoso.com", f"smtp:{second}", "x500:/o=Contoso"]
    send(tenant, "News", outside(30), sender=second)
    (found,) = (await tenant.plan(STEP, "grady")).findings
    assert found.data["outside"] == 30


async def test_a_subject_is_data_shortened_and_without_what_cannot_be_seen(tenant: Tenancy) -> None:
    send(tenant, "**Read**\u202e\n" + "very " * 40, outside(30))
    send(tenant, "", outside(30))
    titles = sorted(each.title for each in (await tenant.plan(STEP, "grady")).findings)
    assert titles[0] == "“(no subject)” went to 30 recipients"
    assert len(titles[1]) < 100
    assert "\n" not in titles[1]
    assert "\u202e" not in titles[1]


async def test_mail_that_was_not_delivered_weighs(tenant: Tenancy) -> None:
    send(tenant, "News", outside(60), apart=timedelta(minutes=5), status="Failed")
    (found,) = (await tenant.plan(STEP, "grady")).findings
    assert found.severity is Severity.WARNING
    assert "60 of them were not delivered" in found.reasons


async def test_exchange_traces_where_graph_may_not_or_is_not_prepared(tenant: Tenancy) -> None:
    tenant.tell("mass-phishing")
    by_graph = await tenant.plan(STEP, "megan")
    tenant.sim.world.withdraw(GRAPH_TRACE)
    by_exchange = await tenant.plan(STEP, "megan")
    (one,), (other,) = by_graph.findings, by_exchange.findings
    assert (one.title, one.severity, one.reasons) == (other.title, other.severity, other.reasons)
    assert set(one.data["recipients"]) == set(other.data["recipients"])
    assert by_exchange.evidence["read by"] == "Exchange"


async def test_a_tenant_without_the_trace_service_is_traced_by_exchange(tenant: Tenancy) -> None:
    tenant.tell("mass-phishing")
    apps = tenant.sim.world.tenant.service_principals
    for app in [app for app in apps.values() if app.app_id == MESSAGE_TRACE_APP_ID]:
        del apps[app.id]
    assert (await tenant.plan(STEP, "megan")).evidence["read by"] == "Exchange"


async def test_the_missing_permission_is_named_where_neither_may() -> None:
    async with tenancy(SimulatorConfig(directory_roles=())) as tenant:
        tenant.sim.world.withdraw(GRAPH_TRACE)
        with pytest.raises(MissingPermission) as caught:
            await tenant.plan(STEP, "megan")
        assert caught.value.data["permissions"] == [GRAPH_TRACE]


async def test_what_was_not_read_to_its_end_is_incomplete(tenant: Tenancy, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant.tell("mass-phishing")
    monkeypatch.setattr("services.playbook.trace_sent_mail._MOST_LINES", 100)
    plan = await tenant.plan(STEP, "megan")
    assert settled(plan)[0].value == "not-evaluated"
    assert "incomplete" in settled(plan)[1]
    assert plan.findings


async def test_without_the_sign_in_log_the_mail_is_judged_by_itself_and_it_says_so(tenant: Tenancy) -> None:
    tenant.tell("mass-phishing")
    tenant.sim.world.withdraw("AuditLog.Read.All")
    plan = await tenant.plan(STEP, "megan")
    assert "sign-in log" in settled(plan)[1]
    assert plan.findings[0].severity is Severity.ALARM


async def test_a_guests_mail_is_not_evaluated(tenant: Tenancy) -> None:
    plan = await tenant.plan(STEP, "ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com")
    assert settled(plan)[0].value == "not-evaluated"
