"""`$batch`: served like single requests, refused as a whole when it is not well formed."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.faults import Fault, Kind
from tests.simulator.graph.caller import GraphCaller


def get(number: int, url: str = "/users/megan@contoso.com?$select=id", **more: Any) -> dict[str, Any]:
    return {"id": str(number), "method": "GET", "url": url, **more}


async def test_each_inner_request_has_its_own_answer_and_record(graph: GraphCaller) -> None:
    block = {
        "id": "3",
        "method": "PATCH",
        "url": "/users/megan@contoso.com",
        "headers": {"Content-Type": "application/json"},
        "body": {"accountEnabled": False},
    }
    reply = await graph.post("/$batch", {"requests": [get(1), get(2, "users/nobody@contoso.com"), block]})
    assert reply.status == 200
    answers = {answer["id"]: answer for answer in reply.body["responses"]}
    assert {key: answer["status"] for key, answer in answers.items()} == {"1": 200, "2": 404, "3": 204}
    assert answers["1"]["body"]["id"] == graph.sim.world.tenant.user("megan").id
    assert answers["2"]["body"]["error"]["code"] == "Request_ResourceNotFound"
    assert answers["3"]["body"] is None
    assert not graph.sim.world.tenant.user("megan").enabled
    assert [entry.method for entry in graph.sim.world.journal.entries(service="graph")] == [
        "POST",
        "GET",
        "GET",
        "PATCH",
    ]


async def test_what_depends_on_a_failure_is_not_tried(graph: GraphCaller) -> None:
    first, second, third = get(1, "/users/nobody@x"), get(2, dependsOn=["1"]), get(3, dependsOn=["2"])
    reply = await graph.post("/$batch", {"requests": [first, second, third]})
    assert [answer["status"] for answer in reply.body["responses"]] == [404, 424, 424]
    assert len(graph.sim.world.journal.entries(path="nobody|megan")) == 1
    fine = await graph.post("/$batch", {"requests": [get(1), get(2, dependsOn=["1"])]})
    assert [answer["status"] for answer in fine.body["responses"]] == [200, 200]


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"requests": []},
        {"requests": [get(number) for number in range(21)]},
        {"requests": [get(1), get(1)]},
        {"requests": [{"id": "a", "method": "GET", "url": "/x"}, {"id": "A", "method": "GET", "url": "/x"}]},
        {"requests": [{"id": "1", "method": "FETCH", "url": "/x"}]},
        {"requests": [{"id": "1", "method": "GET"}]},
        {"requests": [get(1, depends_on=["2"])]},
        {"requests": [get(1, dependsOn=["2"])]},
        {"requests": [get(1, body={})]},
        {"requests": ["x"]},
    ],
)
async def test_malformed_batches_are_refused_whole(graph: GraphCaller, body: Any) -> None:
    reply = await graph.post("/$batch", body)
    assert (reply.status, reply.code) == (400, "BadRequest")
    assert len(graph.sim.world.journal) == 1


async def test_an_absolute_inner_address_is_refused(graph: GraphCaller) -> None:
    reply = await graph.post("/$batch", {"requests": [get(1, "https://evil.example/v1.0/users")]})
    assert reply.body["responses"][0]["status"] == 400


async def test_inner_requests_meet_faults_one_by_one(graph: GraphCaller) -> None:
    graph.sim.world.faults.add(Fault(service="graph", path="/users/alex", status=429, code="x", retry_after=7))
    reply = await graph.post("/$batch", {"requests": [get(1, "/users/alex@contoso.com"), get(2)]})
    first, second = reply.body["responses"]
    assert (first["status"], first["headers"]["Retry-After"], second["status"]) == (429, "7", 200)
    graph.sim.world.faults.add(Fault(service="graph", path="/users/alex", kind=Kind.HTML502))
    html = await graph.post("/$batch", {"requests": [get(1, "/users/alex@contoso.com")]})
    assert (html.body["responses"][0]["status"], html.body["responses"][0]["body"]) == (502, None)


async def test_a_batch_needs_a_token(graph: GraphCaller) -> None:
    graph.token = None
    assert (await graph.post("/$batch", {"requests": [get(1)]})).status == 401
