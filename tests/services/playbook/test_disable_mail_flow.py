"""Dangerous rules and connectors go off and stay as evidence; genuine ones stay on; all can be switched on again."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from services.playbook.disable_mail_flow import STEP
from services.playbook.step import Rule, State
from simulator.exchange import exchange_of
from simulator.exchange.audit_log import log
from simulator.exchange.defaults import new_outbound_connector
from simulator.exchange.service import Exchange
from simulator.stories import STORIES, evicted, harmed
from tests.services.playbook.mail_scenes import refuse
from tests.services.playbook.tenancy import Tenancy, settled, tenancy

_MOVES = {"WhenChanged", "WhenChangedUTC", "LastModifiedBy"}


def _picture(home: Tenancy) -> Any:
    """The mail flow without the moments and names that every switching leaves."""
    held = exchange_of(home.sim.world).organisation
    listed = (held.transport_rules, held.inbound_connectors, held.outbound_connectors, held.journal_rules)
    return deepcopy([[{k: v for k, v in row.items() if k not in _MOVES} for row in rows] for rows in listed])


async def test_the_storys_rules_and_connector_go_off_and_the_genuine_ones_stay() -> None:
    story = STORIES["global-administrator"]
    async with tenancy() as home:
        home.tell(story.id)
        before = _picture(home)
        plan = await home.plan(STEP, "isaiah")
        assert len(plan.changes) == 3
        assert STEP.approval is Rule.SECOND_PERSON
        await home.make(STEP, "isaiah", plan)
        assert not {"copy-rule", "bypass-rule", "connector"} & set(evicted(story, home.sim.world))
        assert harmed(story, home.sim.world) == []
        assert [len(rows) for rows in _picture(home)] == [len(rows) for rows in before]
        assert settled(await home.plan(STEP, "isaiah"))[0] is State.ALREADY_SO
        await home.undo(STEP, "isaiah", plan)
        assert _picture(home) == before


async def test_outgoing_connectors_and_journals_are_switched_too() -> None:
    async with tenancy() as home:
        exchange: Exchange = exchange_of(home.sim.world)
        now = datetime.now(UTC)
        held = exchange.organisation
        held.outbound_connectors.append(new_outbound_connector("relay", uuid4(), now, IsTransportRuleScoped=True))
        held.journal_rules.append(
            {"Name": "J", "Enabled": True, "JournalEmailAddress": "j@x.example", "Scope": "Global"}
        )
        log(exchange, now - timedelta(hours=1), "New-JournalRule", record_id="1", upn="isaiah@contoso.com",
            record_type="ExchangeAdmin", workload="Exchange", object_id="J", delay=timedelta(0))  # fmt: skip
        before = _picture(home)
        plan = await home.plan(STEP, "megan")
        assert {change.item.partition(":")[0] for change in plan.changes} == {"connector", "journal"}
        await home.make(STEP, "megan", plan)
        assert held.outbound_connectors[0]["Enabled"] is False
        assert held.journal_rules[0]["Enabled"] is False
        await home.undo(STEP, "megan", plan)
        assert _picture(home) == before


async def test_what_is_gone_meanwhile_is_done() -> None:
    async with tenancy() as home:
        home.tell("global-administrator")
        plan = await home.plan(STEP, "isaiah")
        held = exchange_of(home.sim.world).organisation
        held.transport_rules.clear()
        held.inbound_connectors.clear()
        await home.make(STEP, "isaiah", plan)


async def test_nothing_found_in_what_could_not_be_read_is_not_clean() -> None:
    async with tenancy() as home:
        refuse(home, "Get-TransportRule")
        state, reason = settled(await home.plan(STEP, "megan"))
        assert state is State.NOT_EVALUATED
        assert "mail flow rules" in reason
