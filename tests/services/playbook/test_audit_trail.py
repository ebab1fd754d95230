"""The query of the audit log over restarts, rounds and lost answers, against the simulated tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from services.errors import MissingPermission
from services.playbook.audit_trail import trail_of
from services.playbook.step import Context
from simulator.config import SimulatorConfig
from simulator.faults import Fault, Kind, When
from tests.services.playbook.tenancy import Tenancy, tenancy

OPERATIONS = ("FileDownloaded", "HardDelete")


@pytest.fixture
async def tenant() -> AsyncIterator[Tenancy]:
    async with tenancy() as made:
        yield made


async def round_of(tenant: Tenancy, name: str, *, later: timedelta = timedelta(0)) -> Context:
    ctx = await tenant.context("megan")
    return replace(ctx, incident="incident", round=name, now=ctx.now + later)


def queries(tenant: Tenancy) -> list[str]:
    return [str(query["displayName"]) for query in tenant.sim.world.tenant.records.audit_queries.values()]


async def test_a_round_asks_once_however_often_it_starts_again(tenant: Tenancy) -> None:
    for minutes in range(3):
        trail = await trail_of(await round_of(tenant, "one", later=timedelta(minutes=minutes)), OPERATIONS)
    assert len(queries(tenant)) == 1
    assert trail.as_of is not None
    assert "incident" not in queries(tenant)[0]


async def test_the_next_round_asks_anew_because_records_come_late(tenant: Tenancy) -> None:
    first = await trail_of(await round_of(tenant, "one"), OPERATIONS)
    second = await trail_of(await round_of(tenant, "two", later=timedelta(hours=1)), OPERATIONS)
    assert len(queries(tenant)) == 2
    assert first.as_of is not None
    assert second.as_of is not None
    assert second.as_of > first.as_of


async def test_other_incidents_ask_for_themselves(tenant: Tenancy) -> None:
    await trail_of(await round_of(tenant, "one"), OPERATIONS)
    await trail_of(replace(await round_of(tenant, "one"), incident="other"), OPERATIONS)
    assert len(queries(tenant)) == 2


async def test_a_query_that_is_still_running_is_left_and_taken_up_by_the_next_round() -> None:
    async with tenancy(SimulatorConfig(audit_query_seconds=3600)) as tenant:
        tenant.settings = tenant.settings.model_copy(update={"check_timeout_seconds": 0.1})
        assert (await trail_of(await round_of(tenant, "one"), OPERATIONS)).running
        (query,) = tenant.sim.world.tenant.records.audit_queries.values()
        assert (await trail_of(await round_of(tenant, "two"), OPERATIONS)).running
        query["status"] = "succeeded"
        assert not (await trail_of(await round_of(tenant, "one"), OPERATIONS)).running
        assert len(queries(tenant)) == 1


async def test_a_query_that_takes_a_while_is_waited_for() -> None:
    async with tenancy(SimulatorConfig(audit_query_seconds=1)) as tenant:
        trail = await trail_of(await round_of(tenant, "one"), OPERATIONS)
        assert not trail.running
        looks = [e for e in tenant.sim.world.journal.entries(service="graph") if "/queries/" in e.path]
        assert len(looks) <= 5


async def test_a_lost_query_is_not_waited_for_for_ever() -> None:
    async with tenancy(SimulatorConfig(audit_query_seconds=10**6)) as tenant:
        tenant.settings = tenant.settings.model_copy(update={"check_timeout_seconds": 0.1})
        await trail_of(await round_of(tenant, "one"), OPERATIONS)
        await trail_of(await round_of(tenant, "two", later=timedelta(hours=30)), OPERATIONS)
        assert len(queries(tenant)) == 2


async def test_a_query_that_failed_is_told_and_asked_again_in_the_next_round(tenant: Tenancy) -> None:
    await trail_of(await round_of(tenant, "one"), OPERATIONS)
    for query in tenant.sim.world.tenant.records.audit_queries.values():
        query["status"] = "failed"
    assert (await trail_of(await round_of(tenant, "one"), OPERATIONS)).failed
    assert not (await trail_of(await round_of(tenant, "two"), OPERATIONS)).failed


async def test_a_lost_answer_makes_no_second_query(tenant: Tenancy) -> None:
    fault = Fault(service="graph", method="POST", path="auditLog/queries", kind=Kind.DROP, when=When.AFTER, times=1)
    tenant.sim.world.faults.add(fault)
    trail = await trail_of(await round_of(tenant, "one"), OPERATIONS)
    assert not trail.running
    assert len(queries(tenant)) == 1


async def test_exchange_is_searched_where_graph_may_not_be_asked(tenant: Tenancy) -> None:
    told = tenant.tell("guest")
    tenant.sim.world.withdraw("AuditLogsQuery.Read.All")
    ctx = await tenant.context(tenant.sim.world.tenant.users[told.account_id])
    trail = await trail_of(ctx, OPERATIONS)
    assert len(trail.records) == 85
    assert trail.complete
    assert queries(tenant) == []


async def test_the_missing_permission_is_named_where_neither_may_be_asked() -> None:
    async with tenancy(SimulatorConfig(directory_roles=())) as tenant:
        tenant.sim.world.withdraw("AuditLogsQuery.Read.All")
        with pytest.raises(MissingPermission) as caught:
            await trail_of(await round_of(tenant, "one"), OPERATIONS)
        assert caught.value.data["permissions"] == ["AuditLogsQuery.Read.All"]
