"""Purview audit queries."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from simulator.clock import stamp
from simulator.exchange import exchange_of
from simulator.graph.audit_queries import QUERIES_A_DAY
from simulator.server import Simulator
from tests.simulator.graph.caller import GraphCaller

ROOT = "/security/auditLog/queries"


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """A tenant whose queries take their time."""
    async with Simulator() as running:
        yield running


@pytest.fixture
def question(graph: GraphCaller) -> dict[str, Any]:
    """Two records in the log, and the question that finds the first."""
    world = graph.sim.world
    now = world.clock.now()
    for number, operation in enumerate(("New-InboxRule", "MailItemsAccessed")):
        exchange_of(world).organisation.audit_records.append(
            {
                "CreationDate": now - timedelta(hours=number + 1),
                "UserIds": "megan@contoso.com",
                "Operations": operation,
                "RecordType": "ExchangeAdmin",
                "Identity": f"record-{number}",
                "AuditData": json.dumps({"Workload": "Exchange", "ClientIP": "203.0.113.7", "ObjectId": "megan"}),
            }
        )
    return {
        "displayName": "case 17",
        "filterStartDateTime": stamp(now - timedelta(days=7)),
        "filterEndDateTime": stamp(now + timedelta(minutes=1)),
        "userPrincipalNameFilters": ["megan@contoso.com"],
        "operationFilters": ["New-InboxRule"],
    }


async def test_a_query_runs_for_a_while_and_is_then_read(graph: GraphCaller, question: dict[str, Any]) -> None:
    made = await graph.post(ROOT, question)
    assert (made.status, made.body["status"]) == (201, "notStarted")
    path = f"{ROOT}/{made.body['id']}"
    assert (await graph.get(f"{path}/records")).value == []
    graph.sim.world.clock.advance(2)
    assert (await graph.get(path)).body["status"] == "running"
    graph.sim.world.clock.advance(5)
    assert (await graph.get(path)).body["status"] == "succeeded"
    [row] = (await graph.get(f"{path}/records")).value
    assert (row["operation"], row["clientIp"]) == ("New-InboxRule", "203.0.113.7")
    assert row["auditData"]["Workload"] == "Exchange"
    assert row["auditLogRecordType"] == "ExchangeAdmin"
    assert len((await graph.get(ROOT)).value) == 1
    assert (await graph.get(f"{ROOT}/unknown")).status == 404


@pytest.mark.parametrize(
    "changed",
    [
        {"serviceFilter": "Exchange"},
        {"status": "succeeded"},
        {"operationFilters": "New-InboxRule"},
        {"filterEndDateTime": "2020-01-01T00:00:00Z"},
        {"filterStartDateTime": "yesterday"},
    ],
)
async def test_senseless_queries_are_refused(
    graph: GraphCaller, question: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert (await graph.post(ROOT, question | changed)).status == 400


async def test_other_filters_narrow_too(graph: GraphCaller, question: dict[str, Any]) -> None:
    del question["operationFilters"]
    for changed, count in (
        ({}, 2),
        ({"ipAddressFilters": ["198.51.100.1"]}, 0),
        ({"keywordFilter": "203.0.113.7"}, 2),
        ({"serviceFilters": ["Exchange"]}, 2),
        ({"recordTypeFilters": ["sharePoint"]}, 0),
        ({"userPrincipalNameFilters": ["alex@contoso.com"]}, 0),
    ):
        made = await graph.post(ROOT, question | changed)
        graph.sim.world.clock.advance(10)
        assert len((await graph.get(f"{ROOT}/{made.body['id']}/records")).value) == count, changed


async def test_a_tenant_may_ask_so_often_a_day(graph: GraphCaller, question: dict[str, Any]) -> None:
    statuses = [(await graph.post(ROOT, question)).status for _ in range(QUERIES_A_DAY + 1)]
    assert statuses == [201] * QUERIES_A_DAY + [429]
