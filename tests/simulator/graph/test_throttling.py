"""The limits table, on a clock that the tests hold still."""

from __future__ import annotations

import asyncio
import time

import pytest

from simulator.graph.operation import Operation
from simulator.graph.query import Options
from simulator.graph.throttling import Bucket, resource_units
from tests.simulator.graph.caller import GraphCaller


@pytest.fixture
def clock(graph: GraphCaller, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    graph.sim.world.throttling = True
    return now


async def test_reports_serve_five_in_ten_seconds(graph: GraphCaller, clock: list[float]) -> None:
    path = "/users/megan@contoso.com/authentication/methods"
    assert [(await graph.get(path)).status for _ in range(6)] == [200] * 5 + [429]
    refused = await graph.get(path)
    assert refused.headers["Retry-After"] == "2"
    clock[0] += 2
    assert (await graph.get(path)).status == 200
    assert (await graph.get("/users/megan@contoso.com")).status == 200


async def test_the_directory_charges_resource_units(graph: GraphCaller, clock: list[float]) -> None:
    first = await graph.get("/users/megan@contoso.com/transitiveMemberOf")
    assert first.headers["x-ms-resource-unit"] == "2"
    assert "x-ms-throttle-limit-percentage" not in first.headers
    bucket = Bucket.full(5000, 10, clock[0])
    assert bucket.spend(4999, clock[0]) == 0
    assert bucket.spend(2, clock[0]) == pytest.approx(0.002)
    assert bucket.spend(2, clock[0] + 1) == 0


@pytest.mark.parametrize(
    ("cost", "query", "units"),
    [
        (1, {}, 1),
        (5, {}, 5),
        (5, {"$select": "id"}, 4),
        (5, {"$expand": "manager"}, 6),
        (5, {"$top": "5", "$select": "id"}, 3),
        (1, {"$select": "id"}, 1),
    ],
)
def test_units_follow_the_options(cost: int, query: dict[str, str], units: int) -> None:
    operation = Operation("GET", "/x", lambda call: pytest.fail("not called"), (), cost=cost)
    assert resource_units(operation, Options.read(query, {})) == units


async def test_too_many_units_are_refused_with_the_services_headers(graph: GraphCaller, clock: list[float]) -> None:
    path = "/groups/x/transitiveMembers"
    statuses = [(await graph.get(path)).status for _ in range(1000)]
    assert set(statuses) == {404}
    refused = await graph.get(path)
    assert (refused.status, refused.code) == (429, "TooManyRequests")
    assert refused.headers["x-ms-throttle-scope"].startswith("Tenant_Application/")
    assert int(refused.headers["Retry-After"]) >= 1
    clock[0] += 10
    assert (await graph.get(path)).status == 404


async def test_a_mailbox_serves_four_at_a_time(graph: GraphCaller) -> None:
    world = graph.sim.world
    world.throttling = True
    world.latency.slow_down("graph", "messageRules", 0.3)
    path = "/users/megan@contoso.com/mailFolders/inbox/messageRules"
    replies = await asyncio.gather(*(graph.get(path) for _ in range(6)))
    assert sorted(reply.status for reply in replies) == [200] * 4 + [429] * 2
    refused = next(reply for reply in replies if reply.status == 429)
    assert refused.code == "ApplicationThrottled"
    assert refused.headers["Retry-After"] == "1"
    assert (await graph.get(path)).status == 200


async def test_nothing_is_limited_by_default(graph: GraphCaller) -> None:
    path = "/users/megan@contoso.com/authentication/methods"
    assert {(await graph.get(path)).status for _ in range(12)} == {200}
