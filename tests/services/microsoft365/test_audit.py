from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from services.errors import Bug, UnknownOutcome
from services.microsoft365.audit import Audit
from tests.services.microsoft365.graph_bench import GraphBench, error, page

SINCE = datetime(2026, 11, 18, tzinfo=UTC)
UNTIL = datetime(2026, 11, 25, tzinfo=UTC)
CHANGE = {
    "id": "c1",
    "activityDateTime": "2026-11-24T22:03:00Z",
    "activityDisplayName": "User registered security info",
    "category": "UserManagement",
    "result": "success",
    "initiatedBy": {
        "user": {"id": "u1", "userPrincipalName": "megan@contoso.com", "ipAddress": "203.0.113.7"},
        "app": None,
    },
    "targetResources": [
        {
            "id": "u1",
            "type": "User",
            "displayName": "Megan",
            "modifiedProperties": [
                {"displayName": "StrongAuthenticationMethod", "oldValue": "[]", "newValue": '["x"]'}
            ],
        }
    ],
}


@pytest.fixture
def audit(wire: GraphBench) -> Audit:
    return Audit(wire.graph, clock=lambda: UNTIL)


async def test_changes_are_read_by_who_made_them_and_by_what_they_touched(wire: GraphBench, audit: Audit) -> None:
    wire.replies = [page(CHANGE)]
    (change,) = await audit.changes_by("u1", SINCE, 10)
    assert (change.by, change.ip, change.succeeded) == ("megan@contoso.com", "203.0.113.7", True)
    assert change.targets[0].modified[0].new == '["x"]'
    assert "initiatedBy/user/id eq 'u1'" in wire.last.url.params["$filter"]
    await audit.changes_of("u1", SINCE, 10)
    assert "targetResources/any(t: t/id eq 'u1')" in wire.last.url.params["$filter"]


async def test_a_change_by_an_app_names_the_app(wire: GraphBench, audit: Audit) -> None:
    app = {"displayName": "Sync", "servicePrincipalId": "s"}
    wire.replies = [page({**CHANGE, "initiatedBy": {"user": None, "app": app}})]
    (change,) = await audit.changes_of("u1", SINCE, 10)
    assert (change.by, change.by_id) == ("Sync", "s")


async def test_a_query_is_submitted_watched_and_read(wire: GraphBench, audit: Audit) -> None:
    query = {"id": "q1", "displayName": "IR-17 rules", "status": "notStarted"}
    record = {"id": "r1", "operation": "New-InboxRule", "clientIp": "203.0.113.7", "auditData": {"Parameters": []}}
    wire.replies = [
        httpx.Response(201, json=query),
        httpx.Response(200, json={**query, "status": "running"}),
        httpx.Response(200, json={**query, "status": "succeeded", "isRecordCountLimitExceeded": True}),
        page(record),
    ]
    submitted = await audit.submit(
        "IR-17 rules", SINCE, UNTIL, upns=["megan@contoso.com"], operations=["New-InboxRule"]
    )
    assert not submitted.has_ended
    assert wire.body() == {
        "displayName": "IR-17 rules",
        "filterStartDateTime": "2026-11-18T00:00:00Z",
        "filterEndDateTime": "2026-11-25T00:00:00Z",
        "userPrincipalNameFilters": ["megan@contoso.com"],
        "operationFilters": ["New-InboxRule"],
    }
    assert not (await audit.state("q1")).has_ended
    done = await audit.state("q1")
    assert done.succeeded
    assert done.truncated
    (found,) = await audit.records("q1", 10)
    assert found.operation == "New-InboxRule"


async def test_a_query_whose_fate_is_unknown_is_found_by_its_name(wire: GraphBench, audit: Audit) -> None:
    wire.replies = [error(503, "serviceNotAvailable"), page({"id": "q1", "displayName": "IR-17", "status": "running"})]
    with pytest.raises(UnknownOutcome):
        await audit.submit("IR-17", SINCE, UNTIL)
    found = await audit.find("IR-17")
    assert found is not None
    assert found.id == "q1"
    assert await audit.find("IR-18") is None


async def test_a_free_tenant_is_asked_for_the_week_that_it_keeps(wire: GraphBench, audit: Audit) -> None:
    wire.replies = [error(400, "BadRequest", "Minimum date is 2026-11-18"), page(CHANGE)]
    found = await audit.changes_by("u1", UNTIL - timedelta(days=20), 10)
    assert len(found) == 1
    assert not found.complete
    assert wire.last.url.params["$filter"].startswith("activityDateTime ge 2026-11-18T01:00:00Z")


async def test_another_fault_is_not_taken_for_a_free_tenant(wire: GraphBench, audit: Audit) -> None:
    wire.replies = [error(400, "BadRequest", "Invalid filter")]
    with pytest.raises(Bug):
        await audit.changes_by("u1", UNTIL - timedelta(days=2), 10)
    assert len(wire.requests) == 1


async def test_what_the_log_no_longer_keeps_makes_the_list_incomplete(wire: GraphBench, audit: Audit) -> None:
    wire.replies = [page(CHANGE)]
    assert not (await audit.changes_of("u1", UNTIL - timedelta(days=32), 10)).complete
    assert (await audit.changes_of("u1", UNTIL - timedelta(days=29), 10)).complete
