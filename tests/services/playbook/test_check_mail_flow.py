"""What was made lately or carries mail outside is found with its reasons; what has been there for long is a note."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.errors import MissingRole
from services.playbook.check_mail_flow import STEP
from services.playbook.planner import outcome_of
from services.playbook.step import Severity, State
from simulator.exchange import exchange_of
from simulator.exchange.audit_log import log
from simulator.exchange.defaults import new_outbound_connector, new_transport_rule
from simulator.exchange.state import Organisation
from tests.services.playbook.mail_scenes import refuse, take_role
from tests.services.playbook.tenancy import Tenancy, settled, tenancy


def organisation(home: Tenancy) -> Organisation:
    return exchange_of(home.sim.world).organisation


def _ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


async def _severities(home: Tenancy, who: str = "megan") -> dict[str, Severity]:
    return {finding.title: finding.severity for finding in (await home.plan(STEP, who)).findings}


async def test_the_storys_rules_and_connector_are_alarms_and_the_genuine_ones_are_notes_at_most() -> None:
    async with tenancy() as home:
        told = home.tell("global-administrator")
        plan = await home.plan(STEP, "isaiah")
        alarms = {f.key.partition(":")[2] for f in plan.findings if f.severity is Severity.ALARM}
        for key in ("copy-rule", "bypass-rule", "connector"):
            assert alarms & told.trace(key).names, key
        assert len(alarms) == 3
        assert {f.severity for f in plan.findings} <= {Severity.ALARM, Severity.NOTE}
        assert all(f.at for f in plan.findings if f.severity is Severity.ALARM)
        assert settled(plan)[0] is State.DONE


async def test_an_ordinary_tenant_has_nothing_above_a_note() -> None:
    async with tenancy() as home:
        home.tell("invoice-fraud")  # its organisation lets mail be forwarded, and has for long
        found = await _severities(home, "lee")
        assert found == {"Outbound policy “Default”": Severity.NOTE}


async def test_old_rules_that_lead_outside_or_past_the_filter_are_worth_a_look_and_fresh_ones_are_alarms() -> None:
    async with tenancy() as home:
        for days, suffix in ((300, "old"), (2, "fresh")):
            organisation(home).transport_rules += [
                new_transport_rule(f"copy {suffix}", uuid4(), _ago(days), "x", BlindCopyTo=["a@archive.example"]),
                new_transport_rule(f"scl {suffix}", uuid4(), _ago(days), "x", SetSCL=-1),
                new_transport_rule(f"delete {suffix}", uuid4(), _ago(days), "x", DeleteMessage=True),
                new_transport_rule(f"inside {suffix}", uuid4(), _ago(days), "x", CopyTo=["lynne@contoso.com"]),
                new_transport_rule(
                    f"off {suffix}", uuid4(), _ago(days), "x", RedirectMessageTo=["a@b.example"], State="Disabled"
                ),
            ]
        found = await _severities(home)
        assert {title.partition("“")[2].partition("”")[0]: severity for title, severity in found.items()} == {
            "copy old": Severity.WARNING,
            "scl old": Severity.WARNING,
            "off old": Severity.NOTE,
            "copy fresh": Severity.ALARM,
            "scl fresh": Severity.ALARM,
            "delete fresh": Severity.ALARM,
            "inside fresh": Severity.WARNING,
            "off fresh": Severity.NOTE,
        }


async def test_connectors_of_every_class_are_seen_and_only_fresh_ones_are_suspicious() -> None:
    async with tenancy() as home:
        organisation(home).outbound_connectors += [
            new_outbound_connector("old", uuid4(), _ago(300)),
            new_outbound_connector("scoped", uuid4(), _ago(1), IsTransportRuleScoped=True, SmartHosts=["203.0.113.9"]),
            new_outbound_connector("wizard", uuid4(), _ago(1), ConnectorSource="HybridWizard"),
        ]
        found = await _severities(home)
        assert found == {
            "Connector for outgoing mail “scoped”": Severity.ALARM,
            "Connector for outgoing mail “wizard”": Severity.WARNING,
        }


async def test_journals_and_policies_are_dated_by_the_audit_log() -> None:
    async with tenancy() as home:
        for name in ("Archive", "Fresh"):
            organisation(home).journal_rules.append(
                {"Name": name, "Enabled": True, "JournalEmailAddress": "j@archive.example", "Scope": "Global"}
            )
        organisation(home).outbound_spam_policies[0]["AutoForwardingMode"] = "On"
        for operation, target in (("New-JournalRule", "Fresh"), ("Set-HostedOutboundSpamFilterPolicy", "Default")):
            log(
                exchange_of(home.sim.world),
                _ago(1),
                operation,
                record_id=operation,
                upn="isaiah@contoso.com",
                record_type="ExchangeAdmin",
                workload="Exchange",
                object_id=target,
                delay=timedelta(0),
            )
        assert await _severities(home) == {
            "Journal rule “Fresh”": Severity.ALARM,
            "Outbound policy “Default”": Severity.ALARM,
            "Journal rule “Archive”": Severity.NOTE,
        }


async def test_a_part_that_cannot_be_read_is_named_and_the_rest_is_found() -> None:
    async with tenancy() as home:
        home.tell("global-administrator")
        refuse(home, "Get-InboundConnector")
        plan = await home.plan(STEP, "isaiah")
        state, reason = settled(plan)
        assert state is State.NOT_EVALUATED
        assert "connectors" in reason
        assert sum(finding.severity is Severity.ALARM for finding in plan.findings) == 2


async def test_without_the_role_it_is_not_evaluated_and_the_role_is_named() -> None:
    async with tenancy() as home:
        take_role(home)
        ctx = await home.context("megan")
        with pytest.raises(MissingRole) as refused:
            await STEP.plan(ctx)
        assert "Exchange Administrator" in outcome_of(STEP, ctx, refused.value, reading=True).reason
