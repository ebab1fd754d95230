"""The front door: tokens, permissions, unknown paths, error bodies and headers."""

from __future__ import annotations

import re

import pytest

from simulator.tokens import Audience
from tests.simulator.graph.caller import GraphCaller

GUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


async def test_an_error_has_graphs_body_and_headers(graph: GraphCaller) -> None:
    reply = await graph.get("/users/nobody@contoso.com", client_request_id="4f1b0e0a-0000-4000-8000-000000000001")
    assert reply.status == 404
    error = reply.body["error"]
    assert set(error) == {"code", "message", "innerError"}
    assert set(error["innerError"]) == {"date", "request-id", "client-request-id"}
    assert error["innerError"]["client-request-id"] == "4f1b0e0a-0000-4000-8000-000000000001"
    assert GUID.match(error["innerError"]["request-id"])
    assert reply.headers["request-id"] == error["innerError"]["request-id"]
    assert "nobody@contoso.com" in error["message"]


async def test_missing_and_foreign_tokens_are_refused(graph: GraphCaller) -> None:
    world = graph.sim.world
    good = graph.token
    assert good is not None
    head, body, _ = good.split(".")
    other_signature = world.tokens.issue(world.bot, Audience.GRAPH).rpartition(".")[2]
    tokens = {
        None: "empty",
        "rubbish": "well formed",
        "a.b.c": "well formed",
        f"{head}.{body}.{other_signature}": "signature",
        world.tokens.issue(world.bot, Audience.EXCHANGE): "audience",
        world.tokens.issue(world.bot, Audience.BOT_FRAMEWORK): "audience",
        world.tokens.issue(world.bot, Audience.GRAPH, lifetime_seconds=-10): "expired",
    }
    for token, named in tokens.items():
        graph.token = token
        reply = await graph.get("/users")
        assert (reply.status, reply.code) == (401, "InvalidAuthenticationToken"), token
        assert named in reply.message.lower()
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    graph.token = good
    assert (await graph.get("/users")).status == 200


async def test_a_token_ends_when_the_clock_says_so(graph: GraphCaller) -> None:
    assert (await graph.get("/users")).status == 200
    graph.sim.world.clock.advance(3600)
    assert (await graph.get("/users")).status == 401
    graph.renew()
    assert (await graph.get("/users")).status == 200


async def test_a_withdrawn_permission_stops_at_once_and_a_granted_one_needs_a_new_token(graph: GraphCaller) -> None:
    world = graph.sim.world
    world.withdraw("Domain.Read.All", "Directory.Read.All")
    reply = await graph.get("/domains")
    assert (reply.status, reply.code) == (403, "Authorization_RequestDenied")
    world.grant("Domain.Read.All")
    assert (await graph.get("/domains")).status == 401
    graph.renew()
    assert (await graph.get("/domains")).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "segment"),
    [
        ("GET", "/nonsense", 400, "nonsense"),
        ("GET", "/users/megan@contoso.com/shoes", 400, "shoes"),
        ("GET", "/users/megan@contoso.com/authentication/shoes/x", 400, "shoes"),
        ("GET", "/beta/nonsense", 400, "nonsense"),
        ("POST", "/users", 405, ""),
        ("DELETE", "/users/megan@contoso.com", 405, ""),
        ("PUT", "/users/megan@contoso.com", 405, ""),
        ("GET", "/users/megan@contoso.com/revokeSignInSessions", 405, ""),
    ],
)
async def test_unknown_paths_and_methods_are_refused(
    graph: GraphCaller, method: str, path: str, status: int, segment: str
) -> None:
    reply = await graph.call(method, path)
    assert reply.status == status
    assert segment in reply.message


async def test_an_unknown_version_is_refused(graph: GraphCaller) -> None:
    url = f"{graph.sim.url}/graph/v2.0/users"
    async with graph._session.get(url, headers={"Authorization": f"Bearer {graph.token}"}) as answer:
        assert answer.status == 400


async def test_every_request_is_on_record_with_the_app(graph: GraphCaller) -> None:
    await graph.get("/users/megan@contoso.com?$select=id")
    await graph.get("/nonsense")
    first, second = graph.sim.world.journal.entries(service="graph")
    assert (first.method, first.path, first.status) == ("GET", "/graph/v1.0/users/megan@contoso.com", 200)
    assert first.query == {"$select": "id"}
    assert first.app_id == graph.sim.world.app_id
    assert first.carried_out
    assert (second.status, second.outcome) == (400, "answered")
